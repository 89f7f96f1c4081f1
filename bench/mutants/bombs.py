"""Small pictures that ask for much time or memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from mutants.good_pictures import (
    FORMATS,
    Draw,
    amended_tiff,
    chunk,
    directory,
    gif_comment,
    painted,
    resize_webp,
    saved,
    segment,
    webp,
    wholes,
)
from mutants.lying_notes import EXTREMES


def _flat(rng: Draw, kind: str) -> bytes:
    """One colour all over: just small enough to be read, or much too large."""
    if rng.random() < 0.5:
        return _one_colour(kind, "L" if kind == "GIF" else str(rng.choice(["L", "RGB", "RGBA"])), 2820)
    return _one_colour(kind, "L", (6000, 12_000)[int(rng.integers(2))])


@cache
def _one_colour(kind: str, mode: str, side: int) -> bytes:
    return saved(Image.new(mode, (side, side)), kind)


def _bomb_jpg(rng: Draw, kind: str) -> bytes:
    """A progressive file of very many scans, in which nothing stands."""
    side = (1000, 3000, 8000, 20_000)[int(rng.integers(4))]
    head, _, _ = saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True).partition(b"\xff\xda")
    data = bytearray(head)
    struct.pack_into(">HH", data, data.find(b"\xff\xc2") + 5, side, side)
    scans = int(rng.integers(2, 20_000))
    first = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + b"\x00\x00"
    return bytes(data) + first + (segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + b"\x00") * scans + b"\xff\xd9"


def _bomb_png(rng: Draw, kind: str) -> bytes:
    """Text, profiles and pixels that are nothing but zeros, and very many of them."""
    plain, zeros = saved(painted("RGB"), "PNG"), _zeros()
    choice = int(rng.integers(6))
    if choice == 0:
        more = chunk(b"zTXt", b"k\0\0" + zeros)
    elif choice == 1:
        more = chunk(b"iCCP", b"k\0\0" + zeros)
    elif choice == 2:
        more = chunk(b"iTXt", b"k\0\x01\0\0\0" + zeros)
    elif choice == 3:
        more = b"".join(chunk(b"zTXt", b"k%d\0\0" % number + zlib.compress(bytes(1_000_000))) for number in range(80))
    elif choice == 4:
        more = chunk(b"tEXt", b"k\0v") * int(rng.integers(1000, 50_000))
    else:
        return _flat(rng, "PNG")
    return plain[:33] + more + plain[33:]


@cache
def _zeros() -> bytes:
    """50 MB in 50 kB."""
    return zlib.compress(bytes(50_000_000), 9)


def _bomb_webp(rng: Draw, kind: str) -> bytes:
    """A canvas far larger than what is painted, and pictures of one colour as large as there can be."""
    choice = int(rng.integers(3))
    if choice == 0:
        sides = ((2**24, 2**24), (2**24, 255), (16_384, 16_384), (16_383, 16_383), (50_000, 50_000))
        return webp(painted("RGB"), {}, sides[int(rng.integers(len(sides)))])
    if choice == 1:
        data = bytearray(saved(Image.new("RGB", (64, 64)), "WEBP", lossless=True))
        side = (3000, 8000, 16_383)[int(rng.integers(3))]
        resize_webp(data, side, side, everywhere=True)
        return bytes(data)
    data = bytearray(saved(painted("RGB"), "WEBP", save_all=True, append_images=[painted("RGB").rotate(9)] * 5))
    resize_webp(data, 16_000, 16_000, everywhere=False)
    return bytes(data)


def _bomb_tif(rng: Draw, kind: str) -> bytes:
    """Very many strips, tags or pages; tags that all ask for the same bytes; tiles larger than any picture."""
    choice = int(rng.integers(6))
    if choice == 0:
        return _strips(int(rng.integers(1000, 60_000)))
    if choice == 1:
        return directory([(tag, 7, 600_000, struct.pack("<I", 8)) for tag in range(1, int(rng.integers(1000, 50_000)))], bytes(600_000))
    if choice == 2:
        return _pages(int(rng.integers(100, 30_000)), loop=bool(rng.random() < 0.5))
    if choice == 3:
        deep = bool(rng.random() < 0.5)
        side = (4096, 20_000, 65_536, 2**30)[int(rng.integers(4))]
        return _tiled(side, compressed=bool(rng.random() < 0.5), deep=deep)
    if choice == 4:
        return directory([(tag, 3, 2**31, struct.pack("<I", 8)) for tag in range(1, 400)], bytes(1000))
    data = bytearray(wholes("tif")[int(rng.integers(len(wholes("tif")) - 2))])
    return amended_tiff(data, {int(rng.choice([258, 277, 278, 279, 322, 323, 339, 317])): int(rng.choice(EXTREMES))})


def _plain_tags(width: int, height: int, *, bits: int = 8, compression: int = 1) -> list[tuple[int, int, int, bytes]]:
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 277: 1}
    return [(tag, 4, 1, struct.pack("<I", value)) for tag, value in tags.items()]


def _strips(count: int) -> bytes:
    """Every row a strip of its own, all of them the same bytes."""
    tail_at = 8 + 2 + 12 * 9 + 4
    tags = [*_plain_tags(64, count), (273, 4, count, struct.pack("<I", tail_at)), (278, 4, 1, struct.pack("<I", 1))]
    tags.append((279, 4, count, struct.pack("<I", tail_at + 4 * count)))
    return directory(sorted(tags), struct.pack("<I", 8) * count + struct.pack("<I", 64) * count)


def _pages(count: int, *, loop: bool) -> bytes:
    """One page after the other, marked as small copies; with `loop` the last leads back to the first."""
    data = bytearray(b"II*\0" + struct.pack("<I", 8))
    tags = [(254, 4, 1, struct.pack("<I", 1)), *_plain_tags(8, 8), (273, 4, 1, struct.pack("<I", 0)), (279, 4, 1, struct.pack("<I", 8))]
    length = 2 + 12 * len(tags) + 4
    for page in range(count):
        following = len(data) + length if page + 1 < count else 8 if loop else 0
        entries = b"".join(struct.pack("<HHI", tag, kind, many) + value for tag, kind, many, value in tags)
        data += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return bytes(data)


def _tiled(side: int, *, compressed: bool, deep: bool) -> bytes:
    """A small picture in one tile of this side."""
    tags = _plain_tags(64, 64, bits=16 if deep else 8, compression=8 if compressed else 1)
    tags += [(tag, 4, 1, struct.pack("<I", value)) for tag, value in ((322, side), (323, side), (324, 8), (325, 64))]
    return directory(tags, zlib.compress(bytes(10_000)))


def _bomb_gif(rng: Draw, kind: str) -> bytes:
    """Huge canvases with small frames, frames outside of the canvas, very many frames, endless comments."""
    choice = int(rng.integers(5))
    data = bytearray(wholes("gif")[0])
    at = data.find(b",", 13 + 768)
    if choice == 0:
        side = (8000, 16_000, 65_535)[int(rng.integers(3))]
        struct.pack_into("<HH", data, 6, side, side)
    elif choice == 1:
        struct.pack_into("<HHHH", data, at + 1, *(int(rng.choice([0, 1, 500, 65_535])) for _ in range(4)))
    elif choice == 2:
        head, frame = data[:-1], data[at:-1]
        return bytes(head + frame[: int(rng.integers(20, len(frame)))] * int(rng.integers(10, 300)) + b";")
    elif choice == 3:
        return bytes(data[:at] + gif_comment(b"x" * int(rng.integers(1, 3_000_000))) + data[at:])
    else:
        return _flat(rng, "GIF")
    return bytes(data)


BOMBS: dict[str, Callable[[Draw, str], bytes]] = dict(zip(FORMATS, (_bomb_jpg, _bomb_png, _bomb_webp, _bomb_tif, _bomb_gif)))
