"""Find pictures below a folder: in natural order, once (the list is kept), through links that may run in circles."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import say

SETTLED = 2.0  # s; a folder that was changed so shortly ago may change again without its time stamp telling
# What is never written, and what is added to the name of what is made of it: HEIC, found also where the extra that reads it is not, so
# that it is told of, and films in containers for other pictures than ours (.ts is left out: it is TypeScript as often).  Matroska has
# room for nearly every kind of sound.
_PICTURES_READ = dict.fromkeys((".heic", ".heif"), ".jpg")
_FILMS_READ = dict.fromkeys((".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".flv", ".ogv"), ".mkv")
READ_ALONE = _PICTURES_READ | _FILMS_READ
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", *_PICTURES_READ))
# Films are taken one by one, never found in a folder.
FILM_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".3gp", *_FILMS_READ))


@dataclass(frozen=True)
class Found:
    """What lies below a folder."""

    pictures: list[Path] = field(default_factory=list)
    closed: list[tuple[Path, str]] = field(default_factory=list)  # folders that could not be looked into, each with the system's reason
    folders: dict[str, int] = field(default_factory=dict)  # those that could, and when each was last changed, in ns
    films: int = 0  # files by their names,
    others: int = 0  # and those that are neither


def find_pictures(folder: Path, *, cache: bool = True) -> list[Path]:
    """The pictures that `look_below` finds; folders that could not be looked into are told of in a sentence.

    The list is kept outside the folder and used again while no folder in it has changed.
    """
    folder = Path(folder)
    if cache and (names := _kept(folder)):
        return [folder / name for name in names]
    found = look_below(folder)
    if cache and not found.closed:  # that they are open again no time stamp would tell
        _keep(folder, found)
    if found.closed:
        first, reason = found.closed[0]
        say(f"{len(found.closed)} folder(s) could not be looked into and are left out, such as {first} ({reason}).")
    return found.pictures


def look_below(folder: Path) -> Found:
    """Paths of all pictures below `folder`, natural order (2 before 10), and what else is there; hidden files and folders are left out.

    Refuses a folder that is not there, is a file, or holds no picture: the refusal says what it holds.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise Refusal(f"The folder of pictures {folder} {what}.")
    found = _walked(folder)
    if not found.pictures:
        suffixes = ", ".join(sorted(PICTURE_SUFFIXES))
        shut = "".join(f"; {path} cannot be looked into: {reason}" for path, reason in found.closed[:1] if path != folder)
        raise Refusal(f"The folder {folder} holds no picture ({_what_it_holds(folder)}{shut}). Pictures end in {suffixes}.")
    return found


def written_as(path: Path) -> Path:
    """The name of what is made of a file: its own; IMG_1.HEIC.jpg of one that is only read, for IMG_1.jpg may lie beside it."""
    return path.with_name(path.name + READ_ALONE.get(path.suffix.lower(), ""))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers by value: picture2 before picture10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.casefold()) for part in re.split(r"([0-9]+)", name) if part]


def _walked(folder: Path) -> Found:
    """Each real folder is looked into once, however many links lead to it."""
    folders: dict[str, int] = {}
    closed: list[tuple[Path, str]] = []
    names: list[str] = []
    films = others = 0
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
            suffix = Path(entry.name).suffix.lower()
            if is_folder:
                waiting.append(Path(entry.path))
            elif suffix in PICTURE_SUFFIXES:
                names.append(Path(entry.path).relative_to(folder).as_posix())
            elif suffix in FILM_SUFFIXES:
                films += 1
            else:
                others += 1
    names.sort(key=lambda name: (natural(name), name))
    return Found([folder / name for name in names], sorted(closed), folders, films, others)


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


def _keep(folder: Path, found: Found) -> None:
    if max(found.folders.values(), default=0) / 1e9 > time.time() - SETTLED:
        return
    names = [path.relative_to(folder).as_posix() for path in found.pictures]
    try:
        files.write_json(_list_of(folder), {"suffixes": sorted(PICTURE_SUFFIXES), "folders": found.folders, "names": names})
    except (Refusal, UnicodeError):  # a list that cannot be kept (names that are no text, too) is only found again
        return


def _what_it_holds(folder: Path) -> str:
    try:
        found = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return f"it cannot be looked into: {error.strerror or error}"
    return f"it holds {len(found)} other {'entry' if len(found) == 1 else 'entries'}, such as {found[0]!r}" if found else "it is empty"
