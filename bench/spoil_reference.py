"""The spoilt test pictures that both sides of a comparison are handed: made once, every argument written out, and kept by hash.

    python bench/spoil_reference.py            make them under build/reference, and check those that are there

demo   astronaut and chelsea: white digits burned in, then blurred, then saved as JPEG (in the order in which a picture meets them)
bsds, set14, set5   photographs of bsds/valid, set14 and set5: scaled down by two and up again, saved as JPEG, digits of any colour on it
Each picture has its good one, its spoilt one and the mask of its text, grown by 2 px.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import results  # bench is a folder of scripts, not a package
from sfumato.core import files
from sfumato.core.levels import TOP, Levels
from sfumato.core.seed import Seed
from sfumato.data import items, photographs
from sfumato.data.items import Items
from sfumato.spoil import grammar
from sfumato.spoil.marks import Text

SEED = 1907
GROWN = 2  # px by which the mask reaches beyond the text
FOLDER = results.ROOT / "build" / "reference"
FONTS = (  # they ship with matplotlib
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-Italic.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralBol.ttf",
)
SCALE = "scale factor=2 filter=nearest,bilinear,bicubic,area,lanczos up=bilinear,bicubic"
BLUR = "blur sigma=0.3..1 kind=gaussian angle=0..180"


@dataclass(frozen=True)
class Damage:
    """What happens to a picture: a chain, text whose place is remembered, another chain."""

    before: str
    text: Text
    after: str


def _text(colour: str) -> Text:
    return Text(
        size=(10, 24), density=(60, 60), colour=(colour,), opacity=(1, 1), kind=("digits",), length=(2, 6), says=(), font=FONTS
    )  # fmt: skip


WHITE = Damage("", _text("white"), f"{BLUR} | jpeg quality=15..50 subsampling=420 shift=0")
COLOURED = Damage(f"{SCALE} | jpeg quality=20..60 subsampling=420 shift=0", _text("any"), "")
SETS = {"demo": WHITE, "bsds": COLOURED, "set14": COLOURED, "set5": COLOURED}


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
    damage, rng = SETS[kind], Seed(SEED).at(f"{kind}/{name}")
    spoilt = grammar.parse(damage.before)(good, rng) if damage.before else good
    spoilt, touched = damage.text.with_mask(spoilt, rng)
    spoilt = grammar.parse(damage.after)(spoilt, rng) if damage.after else spoilt
    mask = cv2.dilate(touched.astype(np.uint8), np.ones((2 * GROWN + 1, 2 * GROWN + 1), np.uint8)) > 0
    return Pair(name, spoilt, good, mask)


def make(kind: str) -> Path:
    """Make a set where it is not there yet; what is there, but not as this file and its index say, is refused."""
    folder = FOLDER / kind
    index = folder / "index.json"
    if index.is_file():
        _check(kind, folder, json.loads(index.read_text(encoding="utf-8")))
        return folder
    sums = {}
    for item in pictures(kind):
        pair = spoil(kind, item.name, item.levels(3))
        for part, picture in (("spoilt", pair.spoilt), ("good", pair.good), ("mask", pair.mask.astype(np.uint8) * np.uint8(TOP))):
            path = folder / part / f"{Path(item.name).stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
            sums[path.relative_to(folder).as_posix()] = _sum(path)
    files.write_json(index, {**_written(kind), "files": sums})
    return folder


def digest(kind: str) -> str:
    """One number for a whole set, for the results that were measured on it."""
    sums = json.loads((make(kind) / "index.json").read_text(encoding="utf-8"))["files"]
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()[:16]


def load(kind: str) -> list[Pair]:
    """The pictures of a set, made where they are not there yet."""
    folder = make(kind)
    pairs = []
    for path in sorted((folder / "good").glob("*.png")):
        spoilt, good = (np.asarray(Image.open(folder / part / path.name)) for part in ("spoilt", "good"))
        pairs.append(Pair(path.stem, spoilt, good, np.asarray(Image.open(folder / "mask" / path.name)) > 0))
    return pairs


def _written(kind: str) -> dict[str, str | int]:
    damage = SETS[kind]
    return {"seed": SEED, "grown": GROWN, "before": damage.before, "text": repr(damage.text), "after": damage.after}


def _check(kind: str, folder: Path, index: dict[str, object]) -> None:
    again = f"Delete {folder} and make it again."
    sums = index.pop("files", {})
    if index != _written(kind):
        sys.exit(f"The pictures in {folder} were made with other arguments. {again}")
    for name, expected in dict(sums).items():  # type: ignore[call-overload]
        if not (folder / name).is_file() or _sum(folder / name) != expected:
            sys.exit(f"{folder / name} is not what was made. {again}")


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Make and check all four sets."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for kind in SETS:
        print(f"{make(kind)}  {digest(kind)}")


if __name__ == "__main__":
    main()
