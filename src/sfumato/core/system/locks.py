"""A run folder belongs to one process at a time.  The lock falls when its owner dies, however it dies."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from sfumato.core import files
from sfumato.core.errors import Refusal

LINGER = 20.0  # s that an owner who was killed, and whom it forked, may take to be gone, and the lock with them


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own a run folder (made when it is not there) for the length of a block; refused, with the owner's name, when somebody else does."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"The run folder {folder} cannot be made: {error.strerror or error}.") from error
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire(timeout=LINGER if _is_gone(folder) else 0)
    except Timeout:
        raise _taken(folder) from None
    except OSError as error:
        raise Refusal(f"The run folder {folder} cannot be locked: {error.strerror or error}.") from error
    try:  # the owner's name stands beside the lock, for Windows lets nobody read a locked file
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        files.write_json(folder / ".owner", {"pid": os.getpid(), "host": socket.gethostname(), "time": now})
        yield
    finally:
        with suppress(OSError):  # never written, or the disk has become read-only
            (folder / ".owner").unlink()
        lock.release()


def check_free(folder: Path) -> None:
    """Refuse a run folder that somebody owns, with the owner's name."""
    if is_owned(folder):
        raise _taken(Path(folder))


def is_owned(folder: Path) -> bool:
    """Whether some process owns the run folder now."""
    if not (Path(folder) / ".lock").exists():
        return False
    lock = FileLock(Path(folder) / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # nobody may lock it (a disk that is read-only, a folder of somebody else): the owner's name must do
        return (Path(folder) / ".owner").exists()
    lock.release()
    return False


def _is_gone(folder: Path) -> bool:
    """Whether the last owner was a process of this machine that is no more."""
    try:
        owner = json.loads((folder / ".owner").read_text())
        return bool(owner["host"] == socket.gethostname() and not psutil.pid_exists(int(owner["pid"])))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _taken(folder: Path) -> Refusal:
    return Refusal(f"The run folder {folder} is owned by {_owner(folder)}. Wait until it ends, or take another folder.")


def _owner(folder: Path) -> str:
    try:
        owner = json.loads((folder / ".owner").read_text())
        return f"process {owner['pid']} on {owner['host']}, since {owner['time']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just now being written
        return "another process"
