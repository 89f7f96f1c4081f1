"""Find pictures below a folder: in natural order, once (the list is kept), through links that may run in circles."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import say

SETTLED = 2.0  # s; a folder that was changed so shortly ago may change again without its time stamp telling
# What is never written, and what is added to the name of what is made of it: HEIC, found where the extra `heic` is there, and films in
# containers for other pictures than ours (.ts is left out: it is TypeScript as often).  Matroska has room for nearly every kind of sound.
_PICTURES_READ = dict.fromkeys((".heic", ".heif"), ".jpg") if importlib.util.find_spec("pillow_heif") else {}
_FILMS_READ = dict.fromkeys((".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".flv", ".ogv"), ".mkv")
READ_ALONE = _PICTURES_READ | _FILMS_READ
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", *_PICTURES_READ))
# Films are taken one by one, never found in a folder.
FILM_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".3gp", *_FILMS_READ))


@dataclass(frozen=True)
class Found:
    """What a look below a folder found: pictures, and folders that could not be looked into, each with the system's reason."""

    pictures: list[Path]
    closed: list[tuple[Path, str]]


def find_pictures(folder: Path, *, cache: bool = True) -> list[Path]:
    """The pictures that `look_below` finds; folders that could not be looked into are told of in a sentence."""
    found = look_below(folder, cache=cache)
    if found.closed:
        first, reason = found.closed[0]
        say(f"{len(found.closed)} folder(s) could not be looked into and are left out, such as {first} ({reason}).")
    return found.pictures


def look_below(folder: Path, *, cache: bool = True) -> Found:
    """Paths of all pictures below `folder`, natural order (2 before 10), hidden files and folders left out.

    The list is kept outside the folder and used again while no folder in it has changed.
    Refuses a folder that is not there, is a file, or holds no picture: the refusal says what it holds.
    """
    folder = Path(folder)
    closed: list[tuple[Path, str]] = []
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise Refusal(f"The folder of pictures {folder} {what}.")
    kept = _kept(folder) if cache else None
    if kept is None:
        folders: dict[str, int] = {}
        found = (path.relative_to(folder).as_posix() for path in _walk(folder, folders, closed))
        names = sorted(found, key=lambda name: (natural(name), name))
        if cache and not closed:  # that they are open again no time stamp would tell
            _keep(folder, folders, names)
    else:
        names = kept
    if not names:
        suffixes = ", ".join(sorted(PICTURE_SUFFIXES))
        shut = "".join(f"; {path} cannot be looked into: {reason}" for path, reason in closed[:1] if path != folder)
        raise Refusal(f"The folder {folder} holds no picture ({_what_it_holds(folder)}{shut}). Pictures end in {suffixes}.")
    return Found([folder / name for name in names], sorted(closed))


def written_as(path: Path) -> Path:
    """The name of what is made of a file: its own; IMG_1.HEIC.jpg of one that is only read, for IMG_1.jpg may lie beside it."""
    return path.with_name(path.name + READ_ALONE.get(path.suffix.lower(), ""))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers by value: picture2 before picture10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.casefold()) for part in re.split(r"([0-9]+)", name) if part]


def _walk(folder: Path, folders: dict[str, int], closed: list[tuple[Path, str]]) -> Iterator[Path]:
    """Depth first, each real folder once, however many links lead to it; notes when each was last changed, and which cannot be read."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            folders[str(here)] = status.st_mtime_ns
            entries = list(os.scandir(here))
        except FileNotFoundError:  # gone by now
            continue
        except OSError as error:  # no right to look, most often: not ours to repair, but nobody shall think that it was empty
            closed.append((here, error.strerror or str(error)))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:
                continue
            if is_folder:
                waiting.append(Path(entry.path))
            elif Path(entry.name).suffix.lower() in PICTURE_SUFFIXES:
                yield Path(entry.path)


def cache_folder() -> Path:
    """Where lists and stores are kept: SFUMATO_CACHE, else the system's place for what can be made again."""
    if given := os.environ.get("SFUMATO_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", tempfile.gettempdir())
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "sfumato"


def _list_of(folder: Path) -> Path:
    return cache_folder() / "lists" / f"{files.digest(os.fsencode(folder.resolve()))[:24]}.json"


def _kept(folder: Path) -> list[str] | None:
    """The kept list, if every folder it saw is as it was (adding or removing a file changes its folder)."""
    try:
        kept = json.loads(_list_of(folder).read_text(encoding="utf-8"))
        folders: dict[str, int] = kept["folders"]
        if kept["suffixes"] != sorted(PICTURE_SUFFIXES) or str(folder) not in folders:
            return None
        if any(Path(path).stat().st_mtime_ns != then for path, then in folders.items()):
            return None
        return [str(name) for name in kept["names"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(folder: Path, folders: dict[str, int], names: list[str]) -> None:
    if max(folders.values(), default=0) / 1e9 > time.time() - SETTLED:
        return
    try:
        files.write_json(_list_of(folder), {"suffixes": sorted(PICTURE_SUFFIXES), "folders": folders, "names": names})
    except (Refusal, UnicodeError):  # a list that cannot be kept (names that are no text, too) is only found again
        return


def _what_it_holds(folder: Path) -> str:
    try:
        found = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return f"it cannot be looked into: {error.strerror or error}"
    return f"it holds {len(found)} other {'entry' if len(found) == 1 else 'entries'}, such as {found[0]!r}" if found else "it is empty"
