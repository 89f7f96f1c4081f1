"""The verb that tells what each pixel shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from sfumato.cli import trees
from sfumato.cli.verb import Device, DryRun, Json, Overwrite, existing, option, show_row


def segment(
    model: Annotated[Path, typer.Argument(help="Model file of the task segment.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    out: Annotated[Path | None, option("--out", "-o", says="PNG file, or folder.", default="NAME-segmented beside the input")] = None,
    draw: Annotated[
        Literal["overlay", "colours", "mask"],
        typer.Option("--draw", help="Colours over the picture, colours alone, or the legend's numbers in grey."),
    ] = "overlay",
    device: Device = "auto",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tell what each pixel of pictures shows: a PNG for each, of its size, upright.

    \b
    Examples:
      sfumato segment runs/camvid-1/last.safetensors street.jpg
      sfumato segment model.safetensors photos/ --draw mask --out masks/
    """
    planned = trees.pngs([existing(path, "file or folder") for path in pictures], out, made="segmented", overwrite=overwrite)
    from sfumato.tasks.parts import segmenter
    from sfumato.use import folders

    loaded = segmenter.load(existing(model, "model file"), device=device)
    see = partial(loaded.tree, how=draw, overwrite=overwrite, dry_run=dry_run)
    trees.tell(folders.in_turn(planned, see, existing="replace" if overwrite else "keep", dry_run=dry_run), as_json)


def score(model: Path, pictures: str, masks: tuple[Path, Path] | None, *, seed: int, device: str, as_json: bool) -> None:
    """Score a segmenter on the held-out part of a known data set, or on pictures with masks and their legend."""
    from sfumato.core.seed import Seed
    from sfumato.tasks import segment as task
    from sfumato.tasks.parts import scenes

    if masks is not None:
        existing(Path(pictures), "folder")
        existing(masks[0], "folder")
        existing(masks[1], "legend")
    loaded = task.load(model, device=device)
    scores = task.evaluate(loaded, scenes.to_score(pictures, masks, loaded.void), seed=Seed(seed))
    show_row(scores, f" of {pictures}", as_json=as_json)
