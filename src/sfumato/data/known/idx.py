"""IDX, the format of MNIST (LeCun, Cortes, Burges 1998): a head with the sizes, then bytes; often in gzip."""

from __future__ import annotations

import gzip
import math
import zlib
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data import array_file
from sfumato.data.array_file import Chunks, Notes
from sfumato.data.labelled import Labelled
from sfumato.data.reading.find import cache_folder

MOST = 2 << 30  # bytes that a file may promise
MOST_SIDES = 4
_BYTES = 8  # the type of what follows: unsigned bytes, the only one the data sets use
_GZIP = b"\x1f\x8b"
FIRST = {"train": "train", "test": "t10k"}  # how the published files of a part begin


def read_idx(path: Path, *, most: int = MOST) -> NDArray[np.uint8]:
    """A file of bytes, plain or in gzip.  uint8, of the shape its head gives.

    Refuses what is no IDX, is of another type than bytes, promises more than `most` bytes, or is longer or shorter than it promises.
    """
    path = Path(path)
    try:
        with path.open("rb") as packed:
            zipped = packed.read(2) == _GZIP
            packed.seek(0)
            if zipped:
                with gzip.open(packed) as file:
                    return _read(file, path, most)
            return _read(packed, path, most)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refusal(f"{path} is damaged or was cut off: {str(error).rstrip('.')}.") from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(file: IO[bytes] | gzip.GzipFile, path: Path, most: int) -> NDArray[np.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise Refusal(f"{path} is no IDX file: one begins with two bytes that are zero.")
    kind, count = head[2], head[3]
    if kind != _BYTES or not 1 <= count <= MOST_SIDES:
        raise Refusal(f"{path} holds type {kind} in {count} dimensions, but bytes (type {_BYTES}) in 1 to {MOST_SIDES} are expected.")
    sides = file.read(4 * count)
    if len(sides) < 4 * count:
        raise Refusal(f"{path} was cut off within its head.")
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    size = math.prod(shape)
    if size > most:
        raise Refusal(f"{path} promises {size:,} bytes, more than the limit of {most:,}.")
    pixels = bytearray()  # grows with what is really there, whatever the head promises
    while len(pixels) <= size and (block := file.read(min(1 << 24, size + 1 - len(pixels)))):
        pixels += block
    if len(pixels) != size:
        held = f"{len(pixels):,}" if len(pixels) < size else "more"
        raise Refusal(f"{path} promises {size:,} bytes ({' x '.join(map(str, shape))}), but holds {held}: it is damaged.")
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def open_pair(folder: Path, part: str, classes: tuple[str, ...]) -> Labelled:
    """The pictures and labels of one part of MNIST or of a set in its shape.  uint8 (N, H, W, 1), unpacked once.

    part : train or test.  Refuses files that do not belong together.
    """
    pictures, names = (_file(folder, f"{FIRST[part]}-{what}") for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    labels = read_idx(names)
    if labels.ndim != 1 or (labels.size and labels.max() >= len(classes)):
        raise Refusal(f"{names} holds no labels of {len(classes)} classes, but {labels.shape} numbers up to {labels.max(initial=0)}.")
    status = pictures.stat()
    name = files.digest(f"{pictures.resolve()} {status.st_size} {status.st_mtime_ns}".encode())[:24]
    pixels, _ = array_file.keep(cache_folder() / "packed" / f"idx-{name}{array_file.SUFFIX}", name, partial(_chunks, pictures))
    if len(pixels) != len(labels):
        raise Refusal(f"{pictures} holds {len(pixels):,} pictures, but {names} has {len(labels):,} labels: they do not belong together.")
    return Labelled(pixels, labels.astype(np.int64), classes)


def _chunks(path: Path, notes: Notes) -> Chunks:
    pixels: Levels = read_idx(path)
    if pixels.ndim != 3:
        raise Refusal(f"{path} holds {pixels.ndim} dimensions, but pictures have 3: number, height and width.")
    yield pixels[..., None]


def _file(folder: Path, name: str) -> Path:
    """As it is published, in gzip, or unpacked, under one of the two spellings that are about."""
    spellings = (f"{name}.gz", name, name.replace("-idx", ".idx"))
    found = next((folder / spelling for spelling in spellings if (folder / spelling).is_file()), None)
    if found is None:
        raise Refusal(f"{folder} holds no {name}.gz, and no {name} either.")
    return found
