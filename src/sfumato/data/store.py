"""Decoded pictures, kept as uint8 where they fit: in memory, or in one memory-mapped file that later runs use again.

Pictures are decoded when they are first asked for, once for all processes; a first epoch waits for nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from sfumato.core import files
from sfumato.core.errors import Refusal, Unwritable
from sfumato.core.levels import Levels
from sfumato.core.progress import say
from sfumato.core.system import memory
from sfumato.core.system.devices import cores
from sfumato.data import arena, array_file
from sfumato.data.arena import CHANNELS, Room
from sfumato.data.items import Item, Items
from sfumato.data.reading.find import cache_folder

Cache = Literal["auto", "ram", "disk", "none"]
RAM_SHARE, DISK_SHARE = 0.4, 0.5  # of what is free, that "auto" takes
RAM_MOST = 0.9  # of what is free, that "ram" takes; what does not fit is decoded again each time
SLACK, FLOOR = 2.0, 1 << 20  # room beyond the estimate; it costs nothing until it is filled
MANY = 64  # files whose headers are looked at, spread over the list (0.1 ms each): the mean of so many is far within the slack
FEW = 3  # of the pictures that are made, not read, to look at: each must be made for it


@dataclass(frozen=True)
class Store:
    """Pictures by number.  kind: where they are kept.  disk: shared by all processes; ram: with forked ones, if `shared`."""

    items: Items
    kind: Literal["ram", "disk", "none"]
    folder: Path
    capacity: float  # bytes that may be kept
    shared: bool = True
    _ahead: dict[int, Levels | None] = field(default_factory=dict, repr=False, compare=False)  # decoded for the next batch

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Levels:
        """uint8 (H, W, 3); a view where it is kept: never written to."""
        if (found := self._room.get(index)) is not None:
            return found
        if (found := self._ahead.get(index)) is not None:
            return found
        picture = self.items[index].levels(CHANNELS)
        picture.flags.writeable = False
        self._room.put(index, picture)
        return picture

    def fill(self, indices: Iterable[int]) -> None:
        """Decode those that are not kept yet on all processors at once.  What cannot be read is refused when it is asked for."""
        missing = [index for index in indices if self.items[index].is_file and self._room.get(index) is None]
        self._ahead.clear()
        if len(missing) > 1:
            with ThreadPoolExecutor(cores()) as pool:
                self._ahead.update(zip(missing, pool.map(self._tried, missing), strict=True))

    def _tried(self, index: int) -> Levels | None:
        try:
            return self[index]
        except Refusal:
            return None

    def __getstate__(self) -> dict[str, object]:
        """To a spawned worker go the items and where the file is, never pixels."""
        return {"items": self.items, "kind": self.kind, "folder": self.folder, "capacity": self.capacity, "shared": False, "_ahead": {}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _room(self) -> Room:
        if self.kind == "ram":
            return arena.in_memory(len(self.items), self.capacity) if self.shared else arena.Own(self.capacity)
        if self.kind == "disk":
            try:
                return arena.in_file(self._file(), len(self.items), self.capacity)
            except Unwritable as error:
                say(f"{error} Decoded pictures are not kept, which only costs time.")
        return arena.Own(0)

    def _file(self) -> Path:
        """Its name follows from the pictures and their state; files of other states of the same pictures are removed."""
        names = files.digest(os.fsencode("\n".join(str(item.path or item.name) for item in self.items)))[:16]
        name = f"{names}-{files.digest(' '.join(map(state_of, self.items)).encode())[:16]}.pictures"
        array_file.remove_stale(self.folder, f"{names}-", name)
        return self.folder / name


def open_store(items: Items, *, cache: Cache = "auto", folder: Path | None = None, shared: bool = True) -> Store:
    """A store of `items`.  auto: memory if they take less than 0.4 of what is free, else a file if the disk has room, else none.

    shared : processes that are forked later shall see what any of them decoded; one process alone has it cheaper.
    """
    place = folder or cache_folder() / "stores"
    needed = 0.0 if cache == "none" else estimate(items)
    kind = choose(needed, place) if cache == "auto" else cache
    capacity = FLOOR + SLACK * needed
    store = Store(items, kind, place, min(capacity, RAM_MOST * memory.free_bytes()) if kind == "ram" else capacity, shared)
    if kind == "ram":
        _ = store._room  # made now, so that processes forked later share it
    return store


def choose(needed: float, folder: Path) -> Literal["ram", "disk", "none"]:
    """Where `needed` bytes are kept, given what is free."""
    if needed < RAM_SHARE * memory.free_bytes():
        return "ram"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(folder).free
    except OSError:
        return "none"
    return "disk" if needed < DISK_SHARE * room else "none"


def estimate(items: Items) -> float:
    """Bytes that all decoded pictures take, from the headers of some of them."""
    from_files = [item for item in items if item.path is not None]
    made = [item for item in items if item.path is None]
    return _mean_bytes(from_files, MANY) * len(from_files) + _mean_bytes(made, FEW) * len(made)


def _mean_bytes(items: list[Item], looked_at: int) -> float:
    sizes = []
    for item in items[:: -(-len(items) // looked_at) or 1]:
        try:
            height, width = item.size()
        except Refusal:  # named when it is read
            continue
        sizes.append(height * width * CHANNELS)
    return sum(sizes) / len(sizes) if sizes else 0.0


def state_of(item: Item) -> str:
    """Changes when the picture does: size and time of its file, or how it is made."""
    if item.path is None:
        return repr(item.make)
    try:
        status = item.path.stat()
    except OSError:  # named when it is read
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"
