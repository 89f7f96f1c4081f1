"""The verb that makes pictures from noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sfumato.cli.verb import Device, Overwrite, existing, free, option, png, show
from sfumato.data.reading.find import PICTURE_SUFFIXES


def sample(
    model: Annotated[Path, typer.Argument(help="Model file of the task generate.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000, help="Pictures.")] = 16,
    out: Annotated[Path, option("--out", "-o", says="A picture for a sheet of all, or a folder for single ones.")] = Path("sample.png"),
    seed: Annotated[int, option("--seed", says="The same seed makes the same pictures.")] = 42,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Make pictures from noise; the same seed makes the same ones.

    \b
    Examples:
      sfumato sample runs/wgan-bedrooms-1/last.safetensors
      sfumato sample model.safetensors --count 100 --out bedrooms/
    """
    from sfumato.core import files
    from sfumato.show.sheets import save_png, sheet
    from sfumato.tasks.parts import dreams

    folder = out.is_dir() or not PICTURE_SUFFIXES & {out.suffix.lower()}
    paths = [out / f"{index:05d}.png" for index in range(count)] if folder else [png(out)]
    for path in paths:
        free(path, overwrite=overwrite)
    made = dreams.load(existing(model, "model file"), device=device).sample(count, seed=seed)
    if folder:
        files.make_folder(out)
        for path, picture in zip(paths, made, strict=True):
            save_png(path, picture)
    else:
        across = max(1, round(count**0.5))
        save_png(out, sheet([[*made[start : start + across]] for start in range(0, count, across)], scale=1))
    show(str(out))
