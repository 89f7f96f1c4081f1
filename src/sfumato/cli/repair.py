"""Verbs that repair pictures, or spoil them: restore, crappify."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from sfumato.cli import trees
from sfumato.cli.verb import Device, DryRun, Json, Overwrite, Seed, StepsFile, existing, free, option, show, switch
from sfumato.core import progress
from sfumato.core.errors import Refusal
from sfumato.data.reading.find import PICTURE_SUFFIXES

Form = Literal["own", "jpg", "png", "tif", "webp"]
SHORT = {".jpeg": ".jpg", ".tiff": ".tif"}


def restore(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, folders of them, animations, films.")],
    model: Annotated[Path | None, option("--model", "-m", says="Model file.", default="the one that comes along")] = None,
    out: Annotated[Path | None, option("--out", "-o", says="File or folder.", default="NAME-restored beside the input")] = None,
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, help="Of JPEG, WebP (100: without loss), and films.")] = 95,
    form: Annotated[Form, typer.Option("--format", help="Of what is written: each picture's own (of HEIC JPEG), or another.")] = "own",
    strip: Annotated[bool, switch("--strip", says="Leave out EXIF, XMP, IPTC, GeoTIFF, text: who took it, where, how.")] = False,
    device: Device = "auto",
    exact: Annotated[bool, switch("--exact", says="Tiles see all that the network can see: slower, equal to the whole.")] = False,
    enlarge: Annotated[int, typer.Option("--enlarge", min=1, max=16, help="Enlarge each picture so many times first.")] = 1,
    times: Annotated[int, typer.Option("--times", min=1, max=16, help="Repair what came out again, so often in all.")] = 1,
    strength: Annotated[float, typer.Option("--strength", min=0, max=1, help="How far to go from the picture to its repair.")] = 1.0,
    keep_colour: Annotated[bool, switch("--keep-colour", says="Colours in the large stay as they came.")] = False,
    ensemble: Annotated[bool, switch("--ensemble", says="The mean over eight positions: a little better, eight times slower.")] = False,
    pan: Annotated[int, option("--pan", shape="N", says="Grow N strips (of 24 px by the recipe border) to the right (below 0: left).")] = 0,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Repair pictures of any size; name, folders, size, profile and metadata are kept.

    \b
    Examples:
      sfumato restore photo.jpg
      sfumato restore photos/ --out repaired/
      sfumato restore photos/ --out repaired/ --dry-run
      sfumato restore scan.tif --model runs/text/best.safetensors --out clean.tif
      sfumato restore clip.mp4 --quality 90
      sfumato restore small.png --enlarge 4
      sfumato restore hills.jpg --model runs/border-1/best.safetensors --pan 8
    """
    suffix = None if form == "own" else f".{form}"
    if suffix and out is not None and not out.is_dir():
        ending = out.suffix.lower()
        if SHORT.get(ending, ending) in PICTURE_SUFFIXES - {suffix}:
            raise Refusal(f"--format {form} and --out {out.name} ask for unlike formats: leave one of them out.")
    inputs = [existing(path, "file or folder") for path in pictures]
    if models := [path for path in inputs if path.suffix == ".safetensors"]:
        raise Refusal(f"{models[0]} is a model and no picture: name it by --model {models[0]}.")
    planned = trees.targets(inputs, out, made="restored", overwrite=overwrite, suffix=suffix)
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
    repair = partial(loaded.restore_tree, quality=quality, strip=strip, suffix=suffix, overwrite=overwrite, dry_run=dry_run)
    if pan:
        repair = partial(repair, work=panorama.Panorama(loaded, pan), does=f" pan={pan}")  # refused here, once, and not for every picture
    trees.tell(folders.in_turn(planned, repair, existing="replace" if overwrite else "keep", dry_run=dry_run), as_json)


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
    dry_run: DryRun = False,
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
    if preview is not None and out is None:
        free(preview, "--preview", overwrite=overwrite)
    if preview is not None and preview.exists() and not overwrite:
        progress.say(f"{preview} exists already, and is left as it is")
    elif preview is not None and dry_run:
        (progress.say if as_json else show)(f"{folder} -> {preview}")
    elif preview is not None:
        progress.say(f"sheet: {task.preview(folder, preview, chain=spoil, steps_file=steps, seed=seed)}")
    if out is not None:
        kept: Literal["keep", "replace"] = "replace" if overwrite else "keep"
        suffix = None if keep_format else ".png"
        how = partial(task.crappify, seed=seed, steps_file=steps, jobs=jobs or "auto", suffix=suffix, existing=kept, dry_run=dry_run)
        trees.tell([how(folder, out, spoil)], as_json)
