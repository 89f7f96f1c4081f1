"""The verb that names what pictures show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sfumato.cli.verb import Device, Json, complain, existing, option, show, show_json, show_row, switch
from sfumato.core.errors import PARTLY, REFUSED, Refusal


def classify(
    model: Annotated[Path, typer.Argument(help="Model file of a classifier.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Names a picture.")] = 3,
    flip: Annotated[bool, switch("--flip", says="Look at the mirror image too, and take the mean.")] = False,
    also: Annotated[list[Path] | None, option("--also", shape="MODEL", says="Average with its answers; repeat for more.")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Name what pictures show, with probabilities; the likeliest first.

    \b
    Examples:
      sfumato classify runs/classify-1/last.safetensors photo.jpg
      sfumato classify model.safetensors photos/ --top 1 --json
    """
    from sfumato.data.reading.find import find_pictures
    from sfumato.tasks.parts import classifier

    first, *others = (classifier.load(existing(path, "model file"), device=device) for path in (model, *(also or [])))
    asked = first.beside(others)
    paths = [path for given in pictures for path in (find_pictures(given) if existing(given, "file or folder").is_dir() else [given])]
    failed, rows = [], []
    for path in paths:
        try:
            found = asked.classify(path, top=top, views="flip" if flip else "one")
        except Refusal as refusal:
            failed.append({"file": str(path), "reason": str(refusal)})
            complain(str(refusal), PARTLY)
            continue
        rows.append({"picture": str(path), "names": [{"name": name, "probability": share} for name, share in found]})
        if not as_json:
            show(f"{path}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in found))
    if as_json:
        show_json({"pictures": rows, "failed": failed})
    if failed:
        raise typer.Exit(PARTLY if rows else REFUSED)


def score(model: Path, pictures: str, *, seed: int, device: str, as_json: bool) -> None:
    """Score a classifier on the held-out part of a known data set, or on a folder that holds one folder a class."""
    from sfumato.core.seed import Seed
    from sfumato.data import items, labelling
    from sfumato.data.known import catalogue
    from sfumato.tasks import classify as task

    tested = task.load(model, device=device)
    if pictures in catalogue.SETS:
        part = catalogue.held_out_part(pictures)
        labelled, what = catalogue.open_set(pictures, part=part), f"part {part!r} of {pictures}"
    else:
        found = items.from_folder(existing(Path(pictures), "folder or known data set"))
        labelled, what = labelling.by_parent(found, tested.classes), pictures
    show_row(task.evaluate(tested, labelled, seed=Seed(seed)), f": {what}", as_json=as_json)
