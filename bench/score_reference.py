"""Scores of repaired reference pictures, whoever repaired them: gains in PSNR over all pixels, inside and outside the text, and in SSIM.

    python bench/score_reference.py KIND FOLDER          a folder of PNGs with the pictures' names
    python bench/score_reference.py KIND --model MODEL   a model file of ours

KIND is demo, bsds, set14 or set5: see bench/spoil_reference.py.  The text is its mask grown by 2 px.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import spoil_reference  # bench is a folder of scripts, not a package
from sfumato.core.levels import Levels, to_unit
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from spoil_reference import Pair

Gains = dict[str, list[float]]  # all, inside, outside, ssim: gain of each picture


def gains(pairs: Sequence[Pair], repair: Callable[[Pair], Levels]) -> Gains:
    """What `repair` gains on each picture.  A picture without text counts outside only."""
    found: Gains = {"all": [], "inside": [], "outside": [], "ssim": []}
    for pair in pairs:
        good, before, after = to_unit(pair.good), to_unit(pair.spoilt), to_unit(repair(pair))
        found["all"].append(metrics.psnr_rgb(after, good) - metrics.psnr_rgb(before, good))
        found["ssim"].append(metrics.ssim_rgb(after, good) - metrics.ssim_rgb(before, good))
        if pair.mask.any():
            found["inside"].append(metrics.psnr_inside(after, good, pair.mask) - metrics.psnr_inside(before, good, pair.mask))
        found["outside"].append(metrics.psnr_outside(after, good, pair.mask) - metrics.psnr_outside(before, good, pair.mask))
    return found


def from_folder(folder: Path) -> Callable[[Pair], Levels]:
    """Repaired pictures that lie in a folder; one that is missing, or of another size, is refused."""

    def read(pair: Pair) -> Levels:
        path = folder / f"{pair.name}.png"
        if not path.is_file():
            sys.exit(f"{path} is missing: repair every reference picture before scoring.")
        picture = np.asarray(Image.open(path).convert("RGB"))
        if picture.shape != pair.good.shape:
            sys.exit(f"{path} has shape {picture.shape}, but the reference has {pair.good.shape}.")
        return picture

    return read


def by_model(path: Path) -> Callable[[Pair], Levels]:
    """Repaired by a model file of ours, as `sfumato restore` would."""
    from sfumato.tasks import restore

    model = restore.load(path)
    return lambda pair: np.asarray(model.restore(pair.spoilt))


def interval(values: Sequence[float]) -> list[float]:
    """95 % bootstrap interval of a mean over pictures, for a result file."""
    low, high = score.interval(np.asarray(values, np.float64), seed=spoil_reference.SEED)
    return [round(low, 4), round(high, 4)] if low is not None and high is not None else []


def main() -> None:
    """Print one line a score."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kind", choices=list(spoil_reference.SETS))
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--model", type=Path)
    given = options.parse_args()
    if (given.folder is None) == (given.model is None):
        options.error("give either a folder of repaired pictures or --model")
    found = gains(spoil_reference.load(given.kind), from_folder(given.folder) if given.folder else by_model(given.model))
    for name, values in found.items():
        print(f"{name:8} {np.mean(values):+.4f}   95 % interval {interval(values)}   {len(values)} pictures")


if __name__ == "__main__":
    main()
