"""The binary version of CIFAR-10 (Krizhevsky 2009): records of a label and three planes of 32 x 32."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data import array_file
from sfumato.data.array_file import Chunks, Notes
from sfumato.data.labelled import Labelled
from sfumato.data.reading.find import cache_folder

SIDE, CHANNELS = 32, 3
RECORD = 1 + SIDE * SIDE * CHANNELS  # bytes: a label, then the planes red, green and blue
MOST = 1 << 30  # bytes of a file; a published one has 30,730,000
FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
NAMES = "batches.meta.txt"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def open_batches(folder: Path, part: str) -> Labelled:
    """The pictures and labels of one part, unpacked once.  uint8 (N, 32, 32, 3)

    part : train or test.  The names are those of batches.meta.txt, where it is there.
    """
    paths = [folder / name for name in FILES[part]]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise Refusal(f"{folder} is not the whole of CIFAR-10, binary version: {missing[0]} is missing.")
    status = [path.stat() for path in paths]
    state = " ".join(f"{path.resolve()} {one.st_size} {one.st_mtime_ns}" for path, one in zip(paths, status))
    name = files.digest(state.encode())[:24]
    path = cache_folder() / "packed" / f"cifar-{name}{array_file.SUFFIX}"
    pixels, notes = array_file.keep(path, name, partial(_chunks, paths))
    classes = _names(folder)
    labels = np.frombuffer(bytes.fromhex(notes["labels"]), np.uint8).astype(np.int64)
    return Labelled(pixels, labels, classes)


def read_batch(path: Path) -> tuple[Levels, NDArray[np.uint8]]:
    """One file.  uint8 (N, 32, 32, 3) and (N,); refused when its length is no number of records."""
    size = path.stat().st_size
    if size > MOST or size % RECORD or not size:
        raise Refusal(f"{path} has {size:,} bytes, which is no number of records of {RECORD} bytes: it is damaged, or no CIFAR-10 file.")
    records = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if labels.max() >= len(CLASSES):
        raise Refusal(f"{path} holds a label {labels.max()}, but CIFAR-10 has 10 classes: it is damaged, or another set.")
    planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _chunks(paths: list[Path], notes: Notes) -> Chunks:
    labels = b""
    for path in paths:
        pixels, found = read_batch(path)
        labels += found.tobytes()
        notes["labels"] = labels.hex()
        yield pixels


def _names(folder: Path) -> tuple[str, ...]:
    path = folder / NAMES
    if not path.is_file() or path.stat().st_size > 1 << 16:
        return CLASSES
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip())
    return names if len(names) == len(CLASSES) else CLASSES
