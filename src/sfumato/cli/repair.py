"""Verbs that use what was learnt, or spoil: restore, eval, crappify."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sfumato.cli import trees
from sfumato.cli.verb import (
    Device,
    Json,
    Overwrite,
    OwnSpoil,
    Seed,
    StepsFile,
    existing,
    option,
    show,
    show_json,
    show_table,
    switch,
    told,
)
from sfumato.core import progress
from sfumato.core.errors import Refusal

Form = Literal["own", "jpg", "png", "tif", "webp"]


def restore(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, folders of them, animations, films.")],
    model: Annotated[Path | None, option("--model", "-m", says="Model file.", default="the one that comes along")] = None,
    out: Annotated[Path | None, option("--out", "-o", says="File or folder.", default="NAME-restored beside the input")] = None,
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, help="Of JPEG and WebP files, and of films.")] = 95,
    form: Annotated[Form, typer.Option("--format", help="Of what is written: each picture's own, or another.")] = "own",
    strip: Annotated[bool, switch("--strip", says="Leave out EXIF, XMP and text: who took it, where, with what.")] = False,
    device: Device = "auto",
    exact: Annotated[bool, switch("--exact", says="Tiles see all that the network can see: slower, equal to the whole.")] = False,
    enlarge: Annotated[int, typer.Option("--enlarge", min=1, max=16, help="Enlarge each picture so many times first.")] = 1,
    times: Annotated[int, typer.Option("--times", min=1, max=16, help="Repair what came out again, so often in all.")] = 1,
    strength: Annotated[float, typer.Option("--strength", min=0, max=1, help="How far to go from the picture to its repair.")] = 1.0,
    keep_colour: Annotated[bool, switch("--keep-colour", says="Colours in the large stay as they came.")] = False,
    ensemble: Annotated[bool, switch("--ensemble", says="The mean over eight positions: a little better, eight times slower.")] = False,
    pan: Annotated[int, option("--pan", shape="N", says="Grow N strips to the right (below 0: left), by a model that fills borders.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Repair pictures of any size; name, folders, size, profile and metadata are kept.

    \b
    Examples:
      sfumato restore photo.jpg
      sfumato restore photos/ --out repaired/
      sfumato restore scan.tif --model runs/text/best.safetensors --out clean.tif
      sfumato restore clip.mp4 --quality 90
      sfumato restore small.png --enlarge 4
      sfumato restore hills.jpg --model runs/border-1/best.safetensors --pan 8
    """
    suffix = None if form == "own" else f".{form}"
    planned = trees.targets([existing(path, "file or folder") for path in pictures], out, made="restored", suffix=suffix)
    if not overwrite and (taken := [target for source, target in planned if source.is_file() and target.is_file()]):
        raise Refusal(f"{taken[0]} exists already. Give --overwrite to replace it, or another --out.")
    from sfumato.tasks.parts import panorama, restorer
    from sfumato.use import folders

    loaded = restorer.load(
        model,
        device=device,
        exact=exact,
        enlarge=enlarge,
        times=times,
        strength=strength,
        keep_colour=keep_colour,
        ensemble=ensemble,
    )
    repair = partial(loaded.restore_tree, quality=quality, strip=strip, suffix=suffix, overwrite=overwrite)
    if pan:
        panorama.learnt(loaded.header.recipe)  # refused here, once, and not for every picture
        repair = partial(repair, work=panorama.Panorama(loaded, pan), does=f" pan={pan}")
    trees.tell(folders.in_turn(planned, repair), as_json)


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    folder: Annotated[Path, typer.Argument(help="Folder of pictures it has not learnt from; or a known data set.")],
    spoil: OwnSpoil = None,
    metrics: Annotated[str, option("--metrics", says="Scores, separated by commas.")] = "psnr_rgb,ssim_rgb",
    eyes: Annotated[str, option("--features", shape="CLASSIFIER", says="Whose eyes feature and lpips need.", default=False)] = "",
    heads: Annotated[Path | None, option("--heads", says="Published weights of lpips, a safetensors file.", default=False)] = None,
    depths: Annotated[Path | None, option("--depths", says="Depth maps of the pictures, for a model of depth.", default=False)] = None,
    against: Annotated[Path | None, option("--against", shape="FILE", says="Its eval --json: how far ahead.", default=False)] = None,
    steps_file: StepsFile = None,
    seed: Seed = 42,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score a model: good pictures are spoilt, repaired and compared, beside the input and plain filters; or named, with --json in full.

    \b
    Examples:
      sfumato eval runs/text/best.safetensors photos/valid
      sfumato eval model.safetensors photos/valid --spoil "jpeg 30" --json
      sfumato eval model.safetensors photos/valid --metrics psnr_rgb,lpips --features tiny-features
      sfumato eval runs/superres-x4-1/last.safetensors known:set5 --metrics psnr_y_crop4
      sfumato eval newer.safetensors photos/valid --against older.json
      sfumato eval runs/digits/last.safetensors mnist
      sfumato eval runs/depth-1/last.safetensors rooms/pictures --depths rooms/maps
    """
    from sfumato.nets import load

    if (learnt := load.read_header(model).task) == "classify":
        from sfumato.cli import classify

        classify.score(model, str(folder), seed=seed, device=device, as_json=as_json)
        return
    if learnt == "segment":
        from sfumato.cli import segment

        segment.score(model, str(folder), seed=seed, device=device, as_json=as_json)
        return
    if learnt == "depth":
        from sfumato.cli import depth

        depth.score(model, folder, depths, seed=seed, device=device, as_json=as_json)
        return
    from sfumato.core import seed as seeds
    from sfumato.spoil import catalogue, grammar
    from sfumato.tasks import restore as task
    from sfumato.tasks.parts import restorer, scoring, sources

    tested = restorer.load(model, device=device)
    own = _own_spoil(model, tested.header.recipe, needed=spoil is None, steps_given=steps_file is not None)
    ways = catalogue.with_file(steps_file or "")
    chain = grammar.parse(spoil or own["chain"], ways)
    target = grammar.parse(own["target"], ways) if own["target"] else None
    names = tuple(metrics.split(","))
    if not eyes and (blind := {"feature", "lpips"} & set(names)):
        raise Refusal(f"The score {min(blind)!r} is taken as a classifier sees it: name one with --features, such as tiny-features.")
    seen = scoring.through(eyes, heads) if eyes else {}
    scores = task.evaluate(tested, sources.held_out(str(folder)), chain, seed=seeds.Seed(seed), target=target, names=names, seen=seen)
    if against is not None:
        scores["against"] = _ahead(scores, existing(against, "file"), names)
    if as_json:
        show_json(scores)
        return
    rows = [*scores["rows"], {"name": "gain", **scores["gains"]}]
    rows += [{"name": f"ahead of {against.name}", **scores["against"]}] if against is not None else []
    show_table(["", *names], [[row["name"], *(told(row[name]) for name in names)] for row in rows])
    for name in names:
        show(f"{name}: {scores['protocols'][name]}")
    show(f"{len(scores['pictures'])} pictures, spoilt by {str(chain)!r} with seed {seed}; in brackets the 95 % interval of the mean")


def _ahead(scores: dict[str, Any], path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """What was gained over another model's scores, picture by picture.  Refuses scores that were not measured alike."""
    import json

    from sfumato.metrics import score

    try:
        other = json.loads(path.read_text(encoding="utf-8"))
        theirs = {row["name"]: row for row in other["rows"]}["restored"]
        pictures = {picture["name"]: picture["restored"] for picture in other["pictures"]}
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} holds no scores of a restorer, as sfumato eval --json writes them.") from error
    if other.get("spoil") != scores["spoil"]:
        raise Refusal(f"{path} was measured on pictures spoilt by {other.get('spoil')!r}, and here it is {scores['spoil']!r}.")
    ours = {row["name"]: row for row in scores["rows"]}["restored"]
    found = {}
    for name in names:
        if name not in theirs:
            raise Refusal(f"{path} has no {name}: it was measured by {', '.join(key for key in theirs if key != 'name')}.")
        now, then = (score.Score(**row[name]) for row in (ours, theirs))
        now.gain_over(then)  # refuses what was measured by another protocol, on other pictures, with another seed
        if missing := [picture["name"] for picture in scores["pictures"] if picture["name"] not in pictures]:
            raise Refusal(f"{path} was measured on other pictures: it has no {missing[0]!r}.")
        before = [pictures[picture["name"]][name] for picture in scores["pictures"]]
        after = [picture["restored"][name] for picture in scores["pictures"]]
        found[name] = score.gain(before, after, protocol=now.protocol, seed=now.seed).row()
    return found


def _own_spoil(model: Path, recipe: dict[str, Any], *, needed: bool, steps_given: bool) -> dict[str, str]:
    """The chains a model learnt to undo, from the recipe in its header.

    A file with steps that it names is not run unless the person names it too: it was the model's maker who wrote the name.
    """
    own = recipe.get("spoil")
    table = own if isinstance(own, dict) else {}
    chains = {name: str(table.get(name, "")) for name in ("chain", "target")}
    if table.get("steps_file") and not steps_given and (needed or chains["target"]):
        raise Refusal(
            f"{model} was trained with ways to spoil from the file {str(table['steps_file'])!r}, which is Python and would be run. "
            "If you trust it, give --steps-file; or give --spoil."
        )
    if needed and not chains["chain"]:
        raise Refusal(f"{model} does not say how its pictures were spoilt: give --spoil.")
    return chains


def crappify(
    folder: Annotated[Path, typer.Argument(help="Folder of good pictures, or one picture.")],
    out: Annotated[Path | None, typer.Argument(help="Folder for the spoilt ones; its tree mirrors the input's.")] = None,
    spoil: Annotated[str, option("--spoil", shape="CHAIN", says="How pictures get spoilt, such as 'blur 0..2 | jpeg 20..60'.")] = "",
    steps_file: StepsFile = None,
    seed: Seed = 42,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes.", show_default="all cores")] = None,
    preview: Annotated[Path | None, option("--preview", says="Draw a contact sheet of every step into this picture file.")] = None,
    keep_format: Annotated[bool, switch("--keep-format", says="Write each picture in its own format, not as PNG.")] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Spoil a folder of pictures for good, as the training does on the fly; or only draw what the steps do.

    \b
    Examples:
      sfumato crappify photos/ spoilt/ --spoil "scale 2 | jpeg 20..60 | text"
      sfumato crappify photos/ --preview steps.png
      sfumato crappify photos/ spoilt/ --spoil "frost 0.3 | jpeg 60" --steps-file mine.py
    """
    from sfumato.tasks import crappify as task

    if out is None and preview is None:
        raise Refusal("There is nothing to do: give a folder for the spoilt pictures, or --preview steps.png.")
    if out is not None and not spoil:
        raise Refusal("How shall the pictures be spoilt? Give --spoil 'blur 0..2 | jpeg 20..60', for example.")
    steps = steps_file or ""
    if preview is not None:
        progress.say(f"sheet: {task.preview(folder, preview, chain=spoil, steps_file=steps, seed=seed)}")
    if out is not None:
        kept: Literal["keep", "replace"] = "replace" if overwrite else "keep"
        suffix = None if keep_format else ".png"
        done = task.crappify(folder, out, spoil, seed=seed, steps_file=steps, jobs=jobs or "auto", suffix=suffix, existing=kept)
        trees.tell([done], as_json)
