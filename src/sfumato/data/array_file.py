"""One array of pictures in one file: made once, then mapped into memory by every later run, with no decoding at all.

A head of JSON (shape, fingerprint, length of the notes), the pixels, and notes in JSON.  The file is written aside and renamed, so what
stands there is whole; its length must agree with its head all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from sfumato.core import files
from sfumato.core.errors import Refusal, Unwritable
from sfumato.core.levels import Levels
from sfumato.core.progress import say

VERSION = 1  # of the layout
HEAD = 4096  # bytes: a page, so that pixels begin on one
SUFFIX = ".array"
_WAIT = 600  # s; another process that packs the same pictures is waited for so long
Chunks = Iterator[Levels]  # uint8 (n, H, W, C), one after the other
Notes = dict[str, Any]


def keep(path: Path, fingerprint: str, make: Callable[[Notes], Chunks]) -> tuple[Levels, Notes]:
    """The array that stands at `path` with this fingerprint, or that `make` makes.  uint8 (N, H, W, C), not to be written to.

    make : yields chunks, and may enter notes, which are kept with the array, while it does.
    Where the folder cannot be written to, or has no room, the array is made in memory and it is said.
    """
    if (found := _open(path, fingerprint)) is not None:
        return found
    try:
        files.make_folder(path.parent)
        with FileLock(f"{path}.lock", timeout=_WAIT):
            if (found := _open(path, fingerprint)) is None:  # or another process was faster
                _write(path, fingerprint, make)
                found = _open(path, fingerprint)
    except (Unwritable, OSError) as error:  # a lock that nobody lets go is an OSError too
        reason = "another process holds it" if isinstance(error, Timeout) else str(error).rstrip(".")
        say(f"Decoded pictures are not kept on the disk, which only costs time ({reason}).")
    return found or _in_memory(make)


def remove_stale(folder: Path, beginning: str, name: str) -> None:
    """Remove arrays of older states of the same pictures: files that begin alike but are not called `name`."""
    for stale in folder.glob(f"{beginning}*"):
        if not stale.name.startswith(name):
            with suppress(OSError):  # in use, on Windows
                stale.unlink()


def _open(path: Path, fingerprint: str) -> tuple[Levels, Notes] | None:
    try:
        with path.open("rb") as file:
            head = json.loads(file.read(HEAD))
            shape = tuple(int(side) for side in head["shape"])
            size = int(np.prod(shape, dtype=np.int64))
            whole = HEAD + size + int(head["notes"]) == path.stat().st_size
            if not (whole and head["complete"] is True and head["version"] == VERSION and head["type"] == "uint8" and len(shape) == 4):
                return None
            if head["fingerprint"] != fingerprint:
                return None
            file.seek(HEAD + size)
            notes = json.loads(file.read())
        pixels: Levels = np.memmap(path, np.uint8, "r", HEAD, shape) if size else np.zeros(shape, np.uint8)  # nothing cannot be mapped
        return pixels, notes
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, fingerprint: str, make: Callable[[Notes], Chunks]) -> None:
    notes: Notes = {}
    count, sides = 0, (0, 0, 0)
    with files.replacing(path) as aside, aside.open("wb") as file:
        file.write(bytes(HEAD))
        for chunk in make(notes):  # written, not through a map: a full disk would kill the process instead of raising
            file.write(np.ascontiguousarray(chunk).data)
            count, sides = count + len(chunk), chunk.shape[1:]
        tail = json.dumps(notes).encode()
        file.write(tail)
        head = {
            "version": VERSION,
            "type": "uint8",
            "shape": [count, *sides],
            "fingerprint": fingerprint,
            "notes": len(tail),
            "complete": True,
        }
        file.seek(0)
        file.write(json.dumps(head).encode().ljust(HEAD))


def _in_memory(make: Callable[[Notes], Chunks]) -> tuple[Levels, Notes]:
    notes: Notes = {}
    chunks = list(make(notes))
    if not chunks:
        raise Refusal("There is no picture to keep.")
    pixels = np.concatenate(chunks)
    pixels.flags.writeable = False
    return pixels, notes
