"""Files are never half written: a new one is written aside, synced and renamed over the old."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; renamed over `path` when the block ends well, removed when it does not.

    The parent folder is made.  An error of the disk becomes a Refusal that names the file.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with open(aside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Refusal(f"{path} could not be written: {error.strerror or error}. What stood there before is untouched.") from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` to fill; renamed to `path` when the block ends well, removed with all in it when it does not.

    Refuses a `path` at which something stands already, unless it is an empty folder.
    """
    path = Path(path).absolute()
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise Refusal(f"{path} exists already. Move it away, or give another folder.")
    aside = path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.part")
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and needs no sync for a rename
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
