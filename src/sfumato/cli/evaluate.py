"""The verb that scores: whatever a model does, on pictures that taught it nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sfumato.cli import classify, depth, segment
from sfumato.cli.verb import Device, Json, OwnSpoil, Seed, StepsFile, existing, option, show, show_json, show_scores, switch
from sfumato.core.errors import Refusal


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    folder: Annotated[Path, typer.Argument(help="Folder of pictures it has not learnt from; or a known data set, known:NAME.")],
    spoil: OwnSpoil = None,
    metrics: Annotated[
        str | None,
        option("--metrics", says="Scores, separated by commas.", default="psnr_rgb,ssim_rgb,drift; psnr_y_cropN,ssim_y_cropN of N times"),
    ] = None,
    eyes: Annotated[str, option("--features", shape="CLASSIFIER", says="Whose eyes feature and lpips need.", default=False)] = "",
    taps: Annotated[str, option("--taps", shape="NAMES", says="Where they look, separated by commas.", default=False)] = "",
    heads: Annotated[Path | None, option("--heads", says="Published weights of lpips, a safetensors file.", default=False)] = None,
    inputs: Annotated[Path | None, option("--inputs", shape="FOLDER", says="What is spoilt already, of real pairs.", default=False)] = None,
    depths: Annotated[Path | None, option("--depths", says="Depth maps of the pictures, for a model of depth.", default=False)] = None,
    masks: Annotated[
        tuple[Path, Path] | None, option("--masks", shape="FOLDER LEGEND", says="Their masks, for a segmenter.", default=False)
    ] = None,
    against: Annotated[Path | None, option("--against", shape="FILE", says="Its eval --json: how far ahead.", default=False)] = None,
    ensemble: Annotated[bool, switch("--ensemble", says="The mean over eight positions, as restore --ensemble repairs.")] = False,
    steps_file: StepsFile = None,
    seed: Seed = 42,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score a model: good pictures are spoilt, repaired and compared, beside the input and plain filters; or named, with --json in full.

    Scores are psnr_rgb, psnr_y, psnr_b, ssim_rgb, ssim_y, ciede2000, colourfulness, drift, peak, and with --features feature and lpips;
    psnr_y_crop4 and its like leave out so many px of the border.  Published test sets (known:set5, known:set14, known:bsds) are scored
    only if every picture is the published one.

    \b
    Examples:
      sfumato eval runs/text/best.safetensors photos/valid
      sfumato eval model.safetensors photos/valid --spoil "jpeg 30" --json
      sfumato eval model.safetensors photos/valid --metrics psnr_rgb,lpips --features tiny-features
      sfumato eval runs/superres-x4-1/last.safetensors known:set5 --metrics psnr_y_crop4
      sfumato eval newer.safetensors photos/valid --against older.json
      sfumato eval runs/digits/last.safetensors mnist
      sfumato eval runs/scans/last.safetensors repaired/valid --inputs scans/valid
      sfumato eval runs/depth-1/last.safetensors rooms/pictures --depths rooms/maps
      sfumato eval runs/camvid-1/last.safetensors known:camvid
    """
    from sfumato.nets import load

    task = load.read_header(model).task
    only_repairs = {"inputs": inputs, "ensemble": ensemble, "spoil": spoil, "steps-file": steps_file, "metrics": metrics}
    only_repairs |= {"features": eyes, "taps": taps, "heads": heads}
    belong: dict[str, tuple[Any, str]] = {
        "against": (against, "restore"),
        **{name: (given or None, "restore") for name, given in only_repairs.items()},
        "depths": (depths, "depth"),
        "masks": (masks, "segment"),
    }
    for name, (given, wanted) in belong.items():
        if given is not None and task != wanted:
            raise Refusal(f"--{name} is for a model of the task {wanted!r}, but {model} has learnt {task!r}: leave it out.")
    match task:
        case "classify":
            classify.score(model, str(folder).removeprefix("known:"), seed=seed, device=device, as_json=as_json)
            return
        case "segment":
            segment.score(model, str(folder).removeprefix("known:"), masks, seed=seed, device=device, as_json=as_json)
            return
        case "depth":
            depth.score(model, folder, depths, seed=seed, device=device, as_json=as_json)
            return
    from sfumato.core import seed as seeds
    from sfumato.data.known import examine
    from sfumato.spoil import catalogue, grammar
    from sfumato.tasks import restore
    from sfumato.tasks.parts import begun, real_pairs, restorer, scoring, sources

    tested = restorer.load(model, device=device, ensemble=ensemble)
    times = tested.contract.enlarges
    usual = scoring.NAMES if times == 1 else (f"psnr_y_crop{times}", f"ssim_y_crop{times}")
    names = tuple(name.strip() for name in metrics.split(",")) if metrics else usual
    if not eyes and (blind := {"feature", "lpips"} & set(names)):
        raise Refusal(f"The score {min(blind)!r} is taken as a classifier sees it: name one with --features, such as tiny-features.")
    if not eyes and (taps or heads):
        raise Refusal(f"--{'taps' if taps else 'heads'} says how a classifier looks: name one with --features, such as tiny-features.")
    if eyes and not {"feature", "lpips"} & set(names):
        raise Refusal("--features is whose eyes feature and lpips need: name one of them with --metrics, or leave it out.")
    seen = scoring.through(eyes, heads, [tap.strip() for tap in taps.split(",")] if taps else ()) if eyes else {}
    items = sources.held_out(str(folder))
    if str(folder).startswith(sources.KNOWN):
        examine.check_published(str(folder).removeprefix(sources.KNOWN))
    if inputs is not None:
        if spoil or steps_file:
            raise Refusal("What is in --inputs is spoilt already: leave --spoil and --steps-file out.")
        channels, least = restore.scored_in(tested.contract), scoring.least_side(names, seen)
        real = real_pairs.examples(items, existing(inputs, "folder"), channels=channels, least=least)
        scores = restore.score(tested, real, count=len(items), seed=seeds.Seed(seed), names=names, seen=seen)
        how = f"as they are in {inputs}"
    else:
        own = begun.Undone.by(tested.header.recipe)
        pairs = "--inputs with the folder of what is to be repaired"
        own.check_repeatable(model, chain_given=spoil is not None, steps_given=steps_file is not None, pairs=pairs)
        ways = catalogue.with_file(steps_file or "")
        chain = grammar.parse(spoil or own.chain, ways)
        target = grammar.parse(own.target, ways) if own.target else None
        scores = restore.evaluate(tested, items, chain, seed=seeds.Seed(seed), target=target, names=names, seen=seen)
        how = f"spoilt by {str(chain)!r}"
    if against is not None:
        scores["against"] = _ahead(scores, existing(against, "file"), names, all_of_them=metrics is not None)
    if as_json:
        show_json(scores)
        return
    show_scores(scores, names, [{"name": f"ahead of {against.name}", **scores["against"]}] if against is not None else [])
    for name in names:
        show(f"{name}: {scores['protocols'][name]}")
    how += ", repaired in eight positions" if ensemble else ""
    show(f"{len(scores['pictures'])} pictures, {how}, with seed {seed}; in brackets the 95 % interval of the mean")


def _ahead(scores: dict[str, Any], path: Path, names: tuple[str, ...], *, all_of_them: bool) -> dict[str, Any]:
    """What was gained over another model's scores, picture by picture.  Unless all of them must be there, by those that both have.

    Refuses scores that were not measured alike: what came in must have had the same scores, for that follows from pictures, damage, seed
    and protocol together.
    """
    from sfumato.metrics import score

    again = "Measure both models with the same pictures, --spoil, --seed and --metrics."
    try:
        other = json.loads(path.read_text(encoding="utf-8"))
        base = str(other["rows"][0]["name"])
        theirs = {name: score.Score(**other["rows"][-1][name]) for name in names if name in other["rows"][-1]}
        pictures = {picture["name"]: (picture[base], picture["restored"]) for picture in other["pictures"]}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Refusal(f"{path} holds no scores of a model that repairs, as sfumato eval --json writes them.") from error
    found = {}
    for name in names:
        if name not in theirs:
            if theirs and not all_of_them:
                continue
            raise Refusal(f"{path} has no {name}. {again}")
        now = score.Score(**scores["rows"][-1][name])
        now.gain_over(theirs[name])  # refuses what was measured by another protocol, on fewer pictures, with another seed
        before, after = [], []
        for picture in scores["pictures"]:
            came, repaired = pictures.get(picture["name"], ({}, {}))
            if came.get(name) != picture.get(base, {}).get(name):
                raise Refusal(f"{path} was measured on other pictures, or they were spoilt otherwise: see {picture['name']!r}. {again}")
            before.append(repaired[name])
            after.append(picture["restored"][name])
        found[name] = score.gain(before, after, protocol=now.protocol, seed=now.seed).row()
    return found
