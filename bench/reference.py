"""The spoilt test pictures that both sides of a comparison are handed: made once and kept by hash; and their scores.

    python bench/reference.py            make them under build/reference, and check those that are there

demo   astronaut and chelsea: white digits burned in, then blurred, then saved as JPEG (in the order in which a picture meets them)
bsds, set14, set5   photographs of bsds/valid, set14 and set5: scaled down by two and up again, saved as JPEG, digits of any colour on it
Each picture has its good one, its spoilt one and the mask of its text, grown by 2 px.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

import results  # bench is a folder of scripts, not a package
from sfumato.core import files
from sfumato.core.levels import Levels, to_unit
from sfumato.core.seed import Seed
from sfumato.data import items, photographs
from sfumato.data.items import Items
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from sfumato.spoil import grammar
from sfumato.spoil.marks import Text

SEED = 1907
GROWN = 2  # px
FOLDER = results.ROOT / "build" / "reference"
WHITE = Text(size=(10, 24), density=(60, 60), colour=("white",), opacity=(1, 1), kind=("digits",), length=(2, 6))
ANY = Text(size=(10, 24), density=(60, 60), colour=("any",), opacity=(1, 1), kind=("digits",), length=(2, 6))
SETS: dict[str, tuple[str, Text, str]] = {  # what comes before the text, the text, what comes after it
    "demo": ("", WHITE, "blur 0.3..1 kind=gaussian | jpeg 15..50"),
    "bsds": ("scale 2 | jpeg 20..60", ANY, ""),
    "set14": ("scale 2 | jpeg 20..60", ANY, ""),
    "set5": ("scale 2 | jpeg 20..60", ANY, ""),
}


@dataclass(frozen=True)
class Pair:
    """One test picture."""

    name: str
    spoilt: Levels
    good: Levels
    mask: NDArray[np.bool_]


def pictures(kind: str) -> Items:
    """The good ones."""
    if kind == "demo":
        return photographs.held_out()
    folder = {"bsds": "bsds/valid", "set14": "set14", "set5": "set5"}[kind]
    return items.from_folder(results.unpacked() / folder)


def spoil(kind: str, name: str, good: Levels) -> Pair:
    """Spoil one picture; the draw depends on its set and name alone."""
    before, text, after = SETS[kind]
    rng = Seed(SEED).at(f"{kind}/{name}")
    spoilt = grammar.parse(before)(good, rng) if before else good
    spoilt, touched = text.with_mask(spoilt, rng)
    spoilt = grammar.parse(after)(spoilt, rng) if after else spoilt
    mask = cv2.dilate(touched.astype(np.uint8), np.ones((2 * GROWN + 1, 2 * GROWN + 1), np.uint8)) > 0
    return Pair(name, spoilt, good, mask)


def make(kind: str) -> Path:
    """Make a set where it is not there yet; a file that is not what the index says is refused."""
    folder = FOLDER / kind
    index = folder / "index.json"
    if index.is_file():
        for name, digest in json.loads(index.read_text())["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                sys.exit(f"{folder / name} has changed since it was made. Delete {folder} and make it again.")
        return folder
    sums = {}
    for item in pictures(kind):
        pair = spoil(kind, item.name, item.levels(3))
        for part, picture in (
            ("spoilt", pair.spoilt),
            ("good", pair.good),
            ("mask", pair.mask.astype(np.uint8) * np.uint8(np.iinfo(np.uint8).max)),
        ):
            path = folder / part / f"{Path(item.name).stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
            sums[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    before, text, after = SETS[kind]
    files.write_json(index, {"seed": SEED, "before": before, "text": repr(text), "after": after, "files": sums})
    return folder


def load(kind: str) -> list[Pair]:
    """The pictures of a set, made where they are not there yet."""
    folder = make(kind)
    pairs = []
    for path in sorted((folder / "good").glob("*.png")):
        spoilt, good = (np.asarray(Image.open(folder / part / path.name)) for part in ("spoilt", "good"))
        pairs.append(Pair(path.stem, spoilt, good, np.asarray(Image.open(folder / "mask" / path.name)) > 0))
    return pairs


Gains = dict[str, list[float]]  # all, inside, outside, ssim: gain of each picture


def gains(pairs: Sequence[Pair], repair: Callable[[Pair], Levels]) -> Gains:
    """What `repair` gains on each picture: PSNR over all pixels, inside and outside the text's mask, and SSIM."""
    found: Gains = {"all": [], "inside": [], "outside": [], "ssim": []}
    for pair in pairs:
        good, before, after = to_unit(pair.good), to_unit(pair.spoilt), to_unit(repair(pair))
        found["all"].append(metrics.psnr_rgb(after, good) - metrics.psnr_rgb(before, good))
        found["ssim"].append(metrics.ssim_rgb(after, good) - metrics.ssim_rgb(before, good))
        if pair.mask.any():
            found["inside"].append(metrics.psnr_inside(after, good, pair.mask) - metrics.psnr_inside(before, good, pair.mask))
        found["outside"].append(metrics.psnr_outside(after, good, pair.mask) - metrics.psnr_outside(before, good, pair.mask))
    return found


def interval(values: Sequence[float]) -> list[float]:
    """95 % bootstrap interval of a mean over pictures, for a result file."""
    low, high = score.interval(np.asarray(values, np.float64), seed=SEED)
    return [round(low, 3), round(high, 3)] if low is not None and high is not None else []


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for each in SETS:
        print(make(each))
