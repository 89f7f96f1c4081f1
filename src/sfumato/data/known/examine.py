"""Is a set whole?  Its sums, where some stand beside it; whether its pictures are the published ones; and whether each can be read."""

from __future__ import annotations

import hashlib
import json
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
PUBLISHED = Path(__file__).with_name("published.json")  # of sets that published scores are taken on: the sum of each picture
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


def check_published(name: str) -> int:
    """How many pictures of a known set are those that published scores are taken on; 0 of a set of which no list is kept.

    Refuses a set of which a picture is another one, is missing, or is one too many.
    """
    wanted: dict[str, str] = json.loads(PUBLISHED.read_text(encoding="utf-8")).get(name, {})
    if not wanted:
        return 0
    pictures = catalogue.open_set(name, part=catalogue.held_out_part(name)).pictures
    assert isinstance(pictures, Items)  # photographs lie in files
    found = {item.name: sum_of_picture(item) for item in pictures}
    get = f"scores of it cannot be held against published ones. {catalogue.entry(name).by_hand}"
    for one in wanted.keys() | found.keys():
        if one not in found:
            raise Refusal(f"{one} of {name} is missing: {get}")
        if one not in wanted:
            raise Refusal(f"{one} does not belong to {name}: {get}")
        if wanted[one] != found[one]:
            raise Refusal(f"{one} of {name} is not the published picture (its sum is {found[one]}, not {wanted[one]}): {get}")
    return len(wanted)


def sum_of_picture(item: Item) -> str:
    """Of a JPEG file its bytes, for decoders differ; else of size and pixels, for the same ones are packed in many ways."""
    if item.path is not None and item.path.suffix.lower() in (".jpg", ".jpeg"):
        return hashlib.sha256(item.path.read_bytes()).hexdigest()
    pixels = item.levels(None)
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def _read(sums: Path) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {row[1].lstrip("*").strip(): row[0].lower() for row in lines if len(row) == 2}


def _of_set(listed: dict[str, str], root: Path, place: Path, folder: str) -> dict[Path, str]:
    """The archive itself, or what lies in the set's folder."""
    if place.is_file():
        return {place: listed[place.name]} if place.name in listed else {}
    return {root / one: checksum for one, checksum in listed.items() if one.startswith(f"{folder}/")}
