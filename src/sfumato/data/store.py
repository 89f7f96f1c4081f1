"""Decoded pictures, kept as uint8 where they fit: in memory, or in one memory-mapped file that later runs use again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.core.progress import track
from sfumato.data.find import cache_folder
from sfumato.data.geometry import read_window
from sfumato.data.items import Items

Cache = Literal["auto", "ram", "disk", "none"]
VERSION = 1  # of the file's layout
RAM_SHARE, DISK_SHARE = 0.4, 0.5  # of what is free, that "auto" takes
CHANNELS = 3


@dataclass(frozen=True)
class Store:
    """Pictures by number.  kind: where they are kept.  A process keeps its own memory; the file is shared by all."""

    items: Items
    kind: Literal["ram", "disk", "none"]
    folder: Path
    _kept: dict[int, Levels] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Levels:
        """uint8 (H, W, 3); a view where it is kept: never written to."""
        if self.kind == "disk":
            return self._mapped[index]
        if (found := self._kept.get(index)) is not None:
            return found
        picture = self.items[index].levels(CHANNELS)
        picture.flags.writeable = False
        if self.kind == "ram":
            self._kept[index] = picture
        return picture

    def window(self, index: int, top: int, left: int, height: int, width: int) -> Levels:
        """A part of a picture, as a view; what lies beyond the picture is mirrored.  uint8 (height, width, 3)"""
        return read_window(self[index], (top, left, height, width))

    @cached_property
    def sizes(self) -> Sizes:
        """(height, width) by number, each looked up in the file's header when it is first asked for."""
        return Sizes(self)

    def __getstate__(self) -> dict[str, object]:
        """To a worker go the items and where the file is, never pixels."""
        return {"items": self.items, "kind": self.kind, "folder": self.folder, "_kept": {}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _mapped(self) -> Sequence[Levels]:
        return _open_file(self.items, self.folder)


class Sizes:
    """Heights and widths, from what is kept already or from headers."""

    def __init__(self, store: Store):
        self.store = store
        self.known: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> tuple[int, int]:
        if index not in self.known:
            height, width = self.store[index].shape[:2]  # it is decoded next anyway
            self.known[index] = (height, width)
        return self.known[index]


def open_store(items: Items, *, cache: Cache = "auto", folder: Path | None = None) -> Store:
    """A store of `items`.  auto: memory if they take less than 0.4 of what is free, else a file if the disk has room, else none."""
    place = folder or cache_folder() / "stores"
    if cache != "auto":
        return Store(items, cache, place)
    needed = estimate(items)
    if needed < RAM_SHARE * psutil.virtual_memory().available:
        return Store(items, "ram", place)
    try:
        place.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(place).free
    except OSError:
        room = 0
    return Store(items, "disk" if needed < DISK_SHARE * room else "none", place)


def estimate(items: Items, looked_at: int = 64) -> float:
    """Bytes that all decoded pictures take, from the headers of some of them."""
    step = max(1, len(items) // looked_at)
    sizes = []
    for item in items.items[::step]:
        try:
            height, width = item.size()
        except Refusal:  # named when it is read
            continue
        sizes.append(height * width * CHANNELS)
    return len(items) * float(np.mean(sizes)) if sizes else 0.0


def _fingerprint(items: Items) -> str:
    """Changes when a picture does."""
    parts = [f"{VERSION}"]
    for item in items:
        status = item.path.stat() if item.path is not None else None
        parts.append(f"{item.path or item.name}|{status.st_size if status else 0}|{status.st_mtime_ns if status else 0}")
    return files.digest("\n".join(parts).encode())[:24]


def _open_file(items: Items, folder: Path) -> Sequence[Levels]:
    name = _fingerprint(items)
    data, index = folder / f"{name}.u8", folder / f"{name}.json"
    try:
        table = json.loads(index.read_text(encoding="utf-8"))
        if table["version"] != VERSION or table["bytes"] != data.stat().st_size:
            raise ValueError("of another version or cut short")
        shapes = [tuple(shape) for shape in table["shapes"]]
    except (OSError, ValueError, KeyError, TypeError):
        shapes = _write_file(items, data, index)
    flat: np.ndarray[tuple[int], np.dtype[np.uint8]] = np.memmap(data, np.uint8, "r")
    offsets = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    return [flat[start : start + int(np.prod(shape))].reshape(shape) for start, shape in zip(offsets[:-1], shapes, strict=True)]


def _write_file(items: Items, data: Path, index: Path) -> list[tuple[int, ...]]:
    """All pictures one after the other; the table is written last, so a file without one is unfinished and made anew."""
    shapes: list[tuple[int, ...]] = []
    with files.replacing(data) as aside, aside.open("wb") as file:
        for item in track(items, "decoding once", total=len(items)):
            picture = item.levels(CHANNELS)
            shapes.append(picture.shape)
            file.write(np.ascontiguousarray(picture).tobytes())
    total = sum(int(np.prod(shape)) for shape in shapes)
    files.write_json(index, {"version": VERSION, "bytes": total, "shapes": [list(shape) for shape in shapes]})
    return shapes
