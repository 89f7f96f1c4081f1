"""Room for decoded pictures that processes share: a table of where each lies, then the pictures, one after the other as they come.

In memory (processes made by fork see the same pages) or in a file (any process, and later runs).  A picture is entered into the table
after its pixels are there, so nobody sees half of one; a file's entries carry a checksum, so nor does anybody after a power cut.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.errors import Refusal, Unwritable
from sfumato.core.levels import Levels

CHANNELS: Final = 3
VERSION = 2  # of the layout
_WAIT = 20  # s; who holds the lock longer was killed with it
_WORD = 8  # bytes
_HEAD = 2  # words before the table: version, end of what is used
_ROW = 4  # words of an entry: where, height, width, checksum


class Room(Protocol):
    """Where a store keeps pictures."""

    def get(self, index: int) -> Levels | None:
        """What was put there: a view that cannot be written to, or None."""
        ...

    def put(self, index: int, picture: Levels) -> None:
        """Keep uint8 (H, W, 3), if there is room."""
        ...


class Own:
    """Room of one process alone, for about `capacity` bytes.  Pictures are kept as they were decoded: nothing is copied."""

    def __init__(self, capacity: float):
        self.left = capacity
        self.kept: dict[int, Levels] = {}

    def get(self, index: int) -> Levels | None:
        """See `Room`."""
        return self.kept.get(index)

    def put(self, index: int, picture: Levels) -> None:
        """See `Room`.  What does not fit is not kept: it will be decoded again."""
        if picture.nbytes <= self.left:
            self.left -= picture.nbytes
            self.kept[index] = picture


class Arena:
    """Shared room for `count` pictures in a buffer: words of head and table, then pixels."""

    def __init__(
        self,
        buffer: NDArray[np.uint8],
        count: int,
        *,
        write: Callable[[int, NDArray[np.uint8]], None],
        lock: Callable[[], AbstractContextManager[Any]],
        checked: bool,
    ):
        self.buffer, self.write, self.lock, self.checked = buffer, write, lock, checked
        self.words = buffer[: head_bytes(count)].view(np.int64)
        self.table = self.words[_HEAD:].reshape(count, _ROW)
        self.views: dict[int, Levels] = {}
        self.full = False

    def get(self, index: int) -> Levels | None:
        """See `Room`."""
        if (view := self.views.get(index)) is not None:
            return view
        where, height, width, checksum = (int(word) for word in self.table[index])
        size = height * width * CHANNELS
        if where <= 0 or size <= 0 or where + size > len(self.buffer):
            return None
        flat = self.buffer[where : where + size]
        if self.checked and zlib.crc32(flat.data) != checksum:
            return None
        view = flat.reshape(height, width, CHANNELS)
        view.flags.writeable = False
        self.views[index] = view
        return view

    def put(self, index: int, picture: Levels) -> None:
        """See `Room`.  What cannot be kept (no room, disk full, lock lost) is not: it will be decoded again."""
        if self.full:
            return
        flat = np.ascontiguousarray(picture).reshape(-1)
        try:
            with self.lock():
                if self.get(index) is not None:  # another process was faster
                    return
                where = max(int(self.words[1]), self.words.nbytes)
                self.full = where + flat.size > len(self.buffer)
                if self.full:
                    return
                self.write(where, flat)
                checksum = zlib.crc32(flat.data) if self.checked else 0
                self._enter(_WORD, where + flat.size + -flat.size % _WORD)
                self._enter((_HEAD + index * _ROW + 1) * _WORD, *picture.shape[:2], checksum)
                self._enter((_HEAD + index * _ROW) * _WORD, where)  # last: from now on it can be seen
        except (OSError, Timeout):
            self.full = True

    def _enter(self, at: int, *words: int) -> None:
        self.write(at, np.array(words, np.int64).view(np.uint8))


def head_bytes(count: int) -> int:
    """What stands before the pixels."""
    return _WORD * (_HEAD + _ROW * count)


def in_memory(count: int, capacity: float) -> Room:
    """Room for about `capacity` bytes, shared with processes that are forked from now on; pages are taken as they are filled."""
    try:
        if not hasattr(os, "fork"):
            raise OSError
        pages = mmap.mmap(-1, head_bytes(count) + int(capacity))
        lock = multiprocessing.get_context("fork").Lock()
    except (OSError, ValueError, ImportError, OverflowError):  # no fork, no semaphores, or no such room: each process has its own
        return Own(capacity)
    buffer = np.frombuffer(pages, np.uint8)

    def write(at: int, data: NDArray[np.uint8]) -> None:
        buffer[at : at + data.size] = data

    return Arena(buffer, count, write=write, lock=lambda: _held(lock), checked=False)


def in_file(path: Path, count: int, capacity: float) -> Room:
    """Room in a file that is made where it is not there, or is of another layout; it takes space on the disk as it is filled.

    One that may be read but not written to is used as it stands.  Refused where there is none, and none can be made.
    """
    lock = FileLock(f"{path}.lock", timeout=_WAIT)
    try:
        files.make_folder(path.parent)
        with lock:
            if not _fits(path, count):
                _make(path, count, capacity)
    except (Refusal, OSError) as error:  # a lock that nobody lets go is an OSError too
        if not _fits(path, count):
            reason = str(error) if isinstance(error, Refusal) else f"{path} could not be written: {error.strerror or error}."
            raise Unwritable(reason) from error
    buffer: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")

    def write(at: int, data: NDArray[np.uint8]) -> None:
        with path.open("rb+") as file:  # not through the map: a full disk would kill the process instead of raising
            file.seek(at)
            file.write(data.data)

    return Arena(buffer, count, write=write, lock=lambda: lock, checked=True)


def _make(path: Path, count: int, capacity: float) -> None:
    head = np.zeros(head_bytes(count) // _WORD, np.int64)
    head[:_HEAD] = VERSION, head_bytes(count)
    with files.replacing(path) as aside, aside.open("wb") as file:
        file.write(head.tobytes())  # no hole: on a disk in memory to read one through a map takes room, and kills where there is none
        file.truncate(head_bytes(count) + int(capacity))


def _fits(path: Path, count: int) -> bool:
    try:
        with path.open("rb") as file:
            version, end = np.frombuffer(file.read(_HEAD * _WORD), np.int64)
        return bool(version == VERSION and head_bytes(count) <= end <= path.stat().st_size)
    except (OSError, ValueError):
        return False


class _held(AbstractContextManager[None]):
    """A lock between processes, waited for no longer than its holder can be alive."""

    def __init__(self, lock: Any):
        self.lock = lock

    def __enter__(self) -> None:
        if not self.lock.acquire(timeout=_WAIT):
            raise OSError("the lock was lost")

    def __exit__(self, *_: object) -> None:
        self.lock.release()
