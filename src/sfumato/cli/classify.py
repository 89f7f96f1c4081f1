"""The verb that names what pictures show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sfumato.cli.verb import Device, Json, complain, existing, show, show_json, switch
from sfumato.core.errors import PARTLY, REFUSED, Refusal


def classify(
    model: Annotated[Path, typer.Argument(help="Model file of a classifier.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Names a picture.")] = 3,
    flip: Annotated[bool, switch("--flip", says="Look at the mirror image too, and take the mean.")] = False,
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

    asked = classifier.load(existing(model, "model file"), device=device)
    paths = [path for given in pictures for path in (find_pictures(given) if existing(given, "file or folder").is_dir() else [given])]
    failed, rows = 0, []
    for path in paths:
        try:
            found = asked.classify(path, top=top, views="flip" if flip else "one")
        except Refusal as refusal:
            failed += 1
            complain(str(refusal), PARTLY)
            continue
        rows.append({"picture": str(path), "names": [{"name": name, "probability": share} for name, share in found]})
        if not as_json:
            show(f"{path}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in found))
    if as_json:
        show_json({"pictures": rows, "failed": failed})
    if failed:
        raise typer.Exit(PARTLY if rows else REFUSED)
