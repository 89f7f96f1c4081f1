"""The verb that tells how far away each pixel is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from sfumato.cli import trees
from sfumato.cli.verb import Device, DryRun, Json, Overwrite, existing, option, show_json, show_scores
from sfumato.core.errors import Refusal


def depth(
    model: Annotated[Path, typer.Argument(help="Model file of the task depth.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    out: Annotated[Path | None, option("--out", "-o", says="PNG file, or folder.", default="NAME-depth beside the input")] = None,
    draw: Annotated[
        Literal["colours", "map"],
        typer.Option("--draw", help="Colours, near is bright; or 16-bit numbers, in steps of what the model learnt from."),
    ] = "colours",
    device: Device = "auto",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tell how far away each pixel of pictures is: a PNG for each, of its size, upright.

    \b
    Examples:
      sfumato depth runs/depth-1/last.safetensors street.jpg
      sfumato depth model.safetensors photos/ --draw map --out depths/
    """
    planned = trees.pngs([existing(path, "file or folder") for path in pictures], out, made="depth", overwrite=overwrite)
    from sfumato.tasks.parts import depth_model
    from sfumato.use import folders

    loaded = depth_model.load(existing(model, "model file"), device=device)
    see = partial(loaded.tree, how=draw, overwrite=overwrite, dry_run=dry_run)
    trees.tell(folders.in_turn(planned, see, existing="replace" if overwrite else "keep", dry_run=dry_run), as_json)


def score(model: Path, pictures: Path, maps: Path | None, *, seed: int, device: str, as_json: bool) -> None:
    """Score a model of depth on pictures with maps, which have steps of the same unit as those it learnt from."""
    from sfumato.core.seed import Seed
    from sfumato.data import depths, items
    from sfumato.tasks import depth as task

    if maps is None:
        raise Refusal("This model tells depth, so it is scored beside known depths: name the folder of their maps with --depths.")
    loaded = task.load(model, device=device)
    matched = depths.from_folders(items.from_folder(existing(pictures, "folder")), items.from_folder(existing(maps, "folder")), loaded.unit)
    scores = task.evaluate(loaded, matched, seed=Seed(seed))
    if as_json:
        show_json(scores)
        return
    show_scores(scores, tuple(scores["protocols"]))
