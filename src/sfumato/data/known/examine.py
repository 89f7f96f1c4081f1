"""Is a set whole?  Its sums, where some stand beside it, and whether every picture can be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sfumato.core.errors import Refusal
from sfumato.core.progress import Progress
from sfumato.core.system.devices import cores
from sfumato.data.items import Item, Items
from sfumato.data.known import catalogue
from sfumato.data.known.download import sum_of
from sfumato.data.labelled import Labelled

SUMS = "SHA256SUMS"
CHUNK = 256  # pictures between two states of the bar


def damaged(labelled: Labelled) -> list[str]:
    """Why each picture that cannot be read cannot: sentences that name it.  Of an array, none: it was checked when it was read."""
    if not isinstance(labelled.pictures, Items):
        return []
    items, found = labelled.pictures, []
    with ThreadPoolExecutor(cores()) as pool, Progress(len(items), "reading pictures") as bar:
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            found += [words for words in pool.map(_trouble, chunk) if words]
            bar.advance(len(chunk))
    return found


def _trouble(item: Item) -> str:
    try:
        item.levels()
    except Refusal as refusal:
        return str(refusal)
    return ""


def check_sums(name: str) -> int:
    """How many files of a known set agree with the list SHA256SUMS that stands beside it; 0 where there is none.

    Refuses a set of which one file does not, or is missing.
    """
    known = catalogue.SETS.get(name)
    place = None if known is None else catalogue.where(name)
    if known is None or place is None:
        return 0
    sums = next((folder / SUMS for folder in (place, place.parent) if (folder / SUMS).is_file()), None)
    if sums is None:
        return 0
    expected = _of_set(_read(sums), sums.parent, place, known.folder)
    for path, checksum in expected.items():
        if not path.is_file():
            raise Refusal(f"{path} is missing, which {sums} lists. Get it again.")
        found = sum_of(path, checksum)
        if found != checksum:
            raise Refusal(f"{path} is not what {sums} says: its sum is {found}, but {checksum} was expected. Get it again.")
    return len(expected)


def _read(sums: Path) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {row[1].lstrip("*").strip(): row[0].lower() for row in lines if len(row) == 2}


def _of_set(listed: dict[str, str], root: Path, place: Path, folder: str) -> dict[Path, str]:
    """The archive itself, or what lies in the set's folder."""
    if place.is_file():
        return {place: listed[place.name]} if place.name in listed else {}
    return {root / one: checksum for one, checksum in listed.items() if one.startswith(f"{folder}/")}
