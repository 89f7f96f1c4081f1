"""Files are never half written: a new one is written aside, synced and renamed over the old."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal, Unwritable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

# What `replacing` calls a file that is not whole yet: of which file, by which process of which machine (older versions name none).
_ASIDE = re.compile(r"\.(?P<of>.{1,80})\.(?P<process>[0-9]{1,9})-(?P<machine>[0-9a-f]{4})?[0-9a-f]{8}\.part(\.[^.]*)?", re.DOTALL)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; renamed over `path` when the block ends well, removed when it does not.

    The parent folder is made.  An error of the disk is refused by the name of the file.
    """
    path = Path(path)
    aside = _beside(path, path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with open(aside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):  # renamed, never made, or in a folder that is none
            aside.unlink()


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` to fill; renamed to `path` when the block ends well, removed with all in it when it does not.

    Refuses a `path` at which something stands already, unless it is an empty folder.
    """
    path = Path(path).absolute()
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise Refusal(f"{path} exists already. Move it away, or give another folder.")
    aside = _beside(path, "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        yield aside
        if hasattr(os, "sync"):  # one for all files in it
            os.sync()
        if path.is_dir():
            path.rmdir()
        aside.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Refusal(f"{path} could not be made: {error.strerror or error}. Nothing of it was left behind.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{_short(path.name)}.{os.getpid()}-{_machine()}{secrets.token_hex(4)}.part{suffix}")


@cache
def _machine() -> str:
    """This one among those that may share a disk."""
    return digest(socket.gethostname().encode())[:4]


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and needs no sync for a rename
        return
    with suppress(OSError):  # the file is whole and has its name; not every folder may be read, and not every disk can do this
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, error: OSError) -> Unwritable:
    words = f"{path} could not be written: {error.strerror or error}. What stood there before is untouched."
    return Unwritable(words, full=error.errno in NO_ROOM)


def _short(name: str) -> str:
    """Its beginning, at most 80 bytes: a name may be as long as a disk allows, and what is added must fit too."""
    return name.encode(errors="surrogateescape")[:80].decode(errors="ignore") or "-"


def append(path: Path, data: bytes, *, sync: bool = False) -> int:
    """Add to the end of a file, all of it or nothing; the file's new length in bytes.  sync : wait until it is on the disk."""
    length = None
    try:
        with open(path, "ab") as file:
            length = file.tell()
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        if length is not None:
            with suppress(OSError):
                os.truncate(path, length)  # half a line would spoil the next one
        raise _unwritable(path, error) from error
    return length + len(data)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, where they are not there yet."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(f"The folder {path} cannot be made: {error.strerror or error}.", full=error.errno in NO_ROOM) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file at once, or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file (UTF-8, line feeds) at once, or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys at once, or not at all."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def is_aside(path: Path) -> bool:
    """Whether a file is one that `replacing` writes; where nobody writes any more, the half of one that a kill left."""
    return _ASIDE.fullmatch(path.name) is not None


def sweep(*folders: Path) -> None:
    """Remove what kills left half written in folders where nobody else writes now."""
    _remove(folders, is_aside)


def sweep_of(paths: Iterable[Path]) -> None:
    """Remove what kills left half written of these files, where others may be writing now.

    What a process of this machine began stays while that process lives, and what another machine began stays.
    """
    import psutil  # here, for the command line's --help needs none of it

    begun = {(path.parent, _short(path.name)) for path in paths}

    def is_left(path: Path) -> bool:
        found = _ASIDE.fullmatch(path.name)
        if found is None or (path.parent, found["of"]) not in begun or found["machine"] != _machine():
            return False
        return not psutil.pid_exists(int(found["process"]))

    _remove({folder for folder, _ in begun}, is_left)


def _remove(folders: Iterable[Path], is_left: Callable[[Path], bool]) -> None:
    for folder in folders:
        with suppress(OSError):  # tidying stops no work; whoever may not write there is told so when it is tried
            for path in folder.iterdir() if folder.is_dir() else ():
                if is_left(path):
                    path.unlink(missing_ok=True)


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hex, which is never in memory as a whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
