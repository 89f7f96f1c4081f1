"""Where a recipe's pictures come from: folders, or what is built in; and which of them are held out."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from sfumato.core.errors import Refusal, unknown
from sfumato.core.files import digest
from sfumato.core.seed import Seed
from sfumato.data import items, photographs, split
from sfumato.data.items import Item, Items
from sfumato.data.known import catalogue
from sfumato.data.labelled import Labelled
from sfumato.data.leaves import dead_leaves
from sfumato.tasks.parts.sections import Data

BUILTIN, KNOWN = "builtin:", "known:"
LEAF_SIDE = 256  # px, sides of a generated scene


def gather(data: Data, seed: Seed) -> tuple[Items, Items]:
    """Training and held-out pictures of all folders together; a folder that is named twice is seen twice as often.

    Built-in photographs and known data sets bring their own held-out ones.
    """
    train: list[Items] = []
    valid: list[Items] = []
    for folder, times in Counter(data.folders).items():
        mine, held = _pictures(folder, data, seed)
        train += [mine] * times
        valid.append(held)
    whole = _together(train), _together(valid)
    if len(set(data.folders)) > 1:
        _check_apart(*whole)
    return whole


def _check_apart(train: Items, held: Items) -> None:
    """Refuse a file that is found by two ways, and would be learnt from by one and held out by the other."""
    learnt = {item.path.resolve() for item in train if item.path is not None}
    if both := [item.path for item in held if item.path is not None and item.path.resolve() in learnt]:
        raise Refusal(
            f"{len(both)} held-out pictures would be learnt from as well, such as {both[0]}: two of data.folders hold the same files. "
            "Name each place once (the same folder twice is seen twice as often, and does no harm)."
        )


def _pictures(folder: str, data: Data, seed: Seed) -> tuple[Items, Items]:
    if folder.startswith(BUILTIN):
        return _builtin(folder, data, seed)
    if folder.startswith(KNOWN):
        train = _items(catalogue.open_set(folder.removeprefix(KNOWN), part="train"))
        return split.by_hash(train, data.valid) if data.choose else (train, held_out(folder))
    return _folder(Path(folder), data)


def held_out(place: str) -> Items:
    """Pictures to be scored on: all of a folder, or the held-out part of a known data set, known:NAME."""
    if not place.startswith(KNOWN):
        return items.from_folder(Path(place))
    name = place.removeprefix(KNOWN)
    return _items(catalogue.open_set(name, part=catalogue.held_out_part(name)))


def _items(known: Labelled) -> Items:
    """The pictures of a known data set, whatever they show."""
    if isinstance(known.pictures, Items):
        return known.pictures
    return Items(tuple(Item(f"number {index}", make=partial(known.pictures.__getitem__, index)) for index in range(len(known))))


def _together(parts: list[Items]) -> Items:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concatenate(part)
    return whole


def _builtin(name: str, data: Data, seed: Seed) -> tuple[Items, Items]:
    kind = name.removeprefix(BUILTIN)
    if kind == "photographs":
        return photographs.items(), photographs.held_out()
    if kind == "dead-leaves":
        return dead_leaves.items(data.leaves, LEAF_SIDE, seed.number("dead-leaves")), Items(())
    raise unknown("built-in source", kind, ("photographs", "dead-leaves"))


def _folder(folder: Path, data: Data) -> tuple[Items, Items]:
    found = items.from_folder(folder)
    if len(found) == 1:
        raise Refusal(
            f"{folder} holds only one picture, {found[0].name!r}: one to learn from and one to be scored on are the least. Give more."
        )
    if not any(_reaches(item, data.crop) for item in found):
        raise Refusal(
            f"None of the {len(found)} pictures in {folder} can be read and is as large as the crop ({data.crop} px). "
            "Give larger pictures, or lower data.crop."
        )
    match data.split:
        case "hash":
            train, valid = split.by_hash(found, data.valid)
        case "folder":
            train, valid = split.by_folder(found, data.valid_folder)
        case "list":
            train, valid = split.by_list(found, _lines(Path(data.valid_list)))
        case "none":
            train, valid = split.none(found)
    if not len(train):
        raise Refusal(
            f"{folder} holds {len(found)} picture(s), and data.split = {data.split!r} leaves none of them to train on. "
            "Give more pictures, or data.split = 'none'."
        )
    return train, valid


def _reaches(item: Item, crop: int) -> bool:
    """Whether the header promises a picture of at least `crop` px in both directions.  Smaller ones are mirrored at their borders."""
    try:
        return min(item.size()) >= crop
    except Refusal:
        return False


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise Refusal(f"data.valid_list = {str(path)!r} cannot be read: {error.strerror}.") from error


def fingerprint(train: Items) -> dict[str, object]:
    """What a model file keeps of its pictures: how many, and a digest of their names."""
    return {"pictures": len(train), "names": digest("\n".join(item.name for item in train).encode())[:16]}
