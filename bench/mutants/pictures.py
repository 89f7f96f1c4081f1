"""Hostile pictures by number: number -> a name and its bytes, always the same.  What a person does with pictures is done with each.

Five formats; each number takes the next format and the next of the ways to harm it, and draws the rest from its own generator.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mutants.bombs import BOMBS
from mutants.good_pictures import FORMATS, Draw, a_file, amended_tiff, resize_webp
from mutants.lying_notes import EXTREMES, with_everything, with_exif, with_profile, with_text
from mutants.trial import Mutant
from sfumato.data import items
from sfumato.use import animation, photograph
from sfumato.use.animation import Animation

SEED = 10


def make(number: int) -> Mutant:
    """The hostile file of this number."""
    rng = np.random.default_rng([SEED, number])
    kind = FORMATS[number % len(FORMATS)]
    ways = WAYS[kind]
    how = ways[number // len(FORMATS) % len(ways)]
    return Mutant(f"{number:05}.{kind}", how.__name__.strip("_"), how(rng, kind))


def probe(path: Path, aside: Path, watch: Any) -> str:
    """Read it as training does (found, measured, decoded) and as repairing does (with all its notes, written again, read again)."""
    with watch:
        [item] = items.from_folder(path.parent)
        size = item.size()
    with watch:
        levels = item.levels(3)
    if levels.shape != (*size, 3):
        raise ValueError(f"the header says {size}, and decoded it is {levels.shape}")
    with watch:
        whole = animation.read(path)
    if isinstance(whole, Animation):
        return _moves(whole, aside / path.name, size, watch)
    fits = path.suffix in photograph.FORMATS and (whole.alpha is None or path.suffix != ".jpg")
    again = aside / f"again{path.suffix if fits else '.png'}"
    with watch:
        photograph.write(whole, again)
    with watch:
        back = photograph.read(again)
    if back.pixels.shape[:2] != size:
        raise ValueError(f"written as {size}, and read again it is {back.pixels.shape}")
    return "x".join(map(str, size))


def _moves(whole: Animation, again: Path, size: tuple[int, int], watch: Any) -> str:
    """An animation, written as it came and read again."""
    with watch:
        animation.write(whole, again)
    with watch:
        back = animation.read(again)
    shapes = {frame.pixels.shape[:2] for frame in (back.frames if isinstance(back, Animation) else (back,))}
    if shapes != {size}:
        raise ValueError(f"written as {size}, and read again it is {shapes}")
    return f"{len(whole.frames)} frames of {size[0]}x{size[1]}"


# -- Harm that needs no knowledge of the format -------------------------------------------------------------------------


def _truncated(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    return bytes(data[: int(rng.integers(len(data)))])


def _truncated_header(rng: Draw, kind: str) -> bytes:
    return bytes(a_file(rng, kind)[: int(rng.integers(64))])


def _flipped(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    for at in rng.integers(0, len(data), int(rng.integers(1, 40))):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _flipped_header(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    for at in rng.integers(2, min(len(data), 400), int(rng.integers(1, 12))):
        data[at] = int(rng.integers(256))
    return bytes(data)


def _extreme_numbers(rng: Draw, kind: str) -> bytes:
    """Numbers near the beginning or the end become the smallest and largest there are."""
    data = a_file(rng, kind)
    for _ in range(int(rng.integers(1, 6))):
        form = str(rng.choice([">I", "<I", ">H", "<H"]))
        within = min(len(data), 300)
        at = int(rng.integers(within)) if rng.random() < 0.8 else len(data) - int(rng.integers(4, within))
        at = min(max(at, 0), len(data) - 4)
        struct.pack_into(form, data, at, int(rng.choice(EXTREMES)) & (0xFFFFFFFF if form[1] == "I" else 0xFFFF))
    return bytes(data)


def _zeroed(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 2000))
    stretch = len(data[at : at + length])
    data[at : at + length] = bytes(stretch) if rng.random() < 0.5 else b"\xff" * stretch
    return bytes(data)


def _cut_out(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    at = int(rng.integers(len(data)))
    del data[at : at + int(rng.integers(1, 200))]
    return bytes(data)


def _stuffed(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    at = int(rng.integers(len(data)))
    data[at:at] = rng.bytes(int(rng.integers(1, 500)))
    return bytes(data)


def _repeated(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    at = int(rng.integers(len(data)))
    stretch = data[at : at + int(rng.integers(4, 400))]
    data[at:at] = bytes(stretch) * int(rng.integers(2, 60))
    return bytes(data)


def _spliced(rng: Draw, kind: str) -> bytes:
    one, other = a_file(rng, kind), a_file(rng, str(rng.choice(FORMATS)))
    return bytes(one[: int(rng.integers(len(one)))] + other[int(rng.integers(len(other))) :])


def _other_kind(rng: Draw, kind: str) -> bytes:
    """Its name lies about its format."""
    return bytes(a_file(rng, str(rng.choice([other for other in FORMATS if other != kind]))))


def _noise(rng: Draw, kind: str) -> bytes:
    return bytes(a_file(rng, kind)[: int(rng.integers(4, 40))]) + rng.bytes(int(rng.integers(0, 5000)))


# -- Sizes that lie -----------------------------------------------------------------------------------------------------

SIZES = (
    (50_000, 50_000),
    (65_535, 65_535),
    (65_535, 1),
    (1, 65_535),
    (0, 0),
    (0, 96),
    (16_000, 16_000),
    (16_383, 16_383),
    (4_000, 4_000),
    (3_000, 96),
    (20_000, 19_000),
)


def _lying_size(rng: Draw, kind: str) -> bytes:
    data = a_file(rng, kind)
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    if kind == "jpg":
        at = next(at for at in range(2, len(data)) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC2))
        struct.pack_into(">HH", data, at + 5, height & 0xFFFF, width & 0xFFFF)
    elif kind == "png":
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "webp":
        resize_webp(data, min(width, 16_383), min(height, 16_383), everywhere=bool(rng.random() < 0.5))
    elif kind == "tif":
        return amended_tiff(data, {256: width, 257: height})
    else:
        struct.pack_into("<HH", data, 6, min(width, 65_535), min(height, 65_535))
        if rng.random() < 0.5:
            at = data.find(b",", 13)
            struct.pack_into("<HH", data, at + 5, min(width, 65_535), min(height, 65_535))
    return bytes(data)


_ANY = (
    _truncated,
    _truncated_header,
    _flipped,
    _flipped_header,
    _extreme_numbers,
    _lying_size,
    _zeroed,
    _cut_out,
    _stuffed,
    _repeated,
    _spliced,
    _other_kind,
    _noise,
    _lying_size,
    with_exif,
    with_profile,
    with_text,
    with_everything,
)
WAYS = {kind: (*_ANY, BOMBS[kind], BOMBS[kind]) for kind in FORMATS}  # 20 ways; 100 numbers see each of them in each format
