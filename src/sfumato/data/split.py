"""Which pictures are held out: by the hash of their names, by folder, by a list, or none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import PurePosixPath

from sfumato.core.errors import Refusal
from sfumato.data.items import Items

Two = tuple[Items, Items]  # to train on, held out


def by_hash(items: Items, valid: float) -> Two:
    """Hold out about a share `valid`: see `held_numbers`."""
    held = {items[number].name for number in held_numbers((item.name for item in items), valid)}
    return items.split(lambda item: item.name in held)


def held_numbers(names: Iterable[str], share: float) -> list[int]:
    """Numbers of about a share of names, by the hash of each: what has a name stays on its side when others come and go.

    With two names or more at least one is held out and at least one is left.
    """
    places = [place(name) for name in names]
    count = sum(one < share for one in places)
    if share > 0 and len(places) > 1:
        count = min(max(count, 1), len(places) - 1)
    return sorted(range(len(places)), key=places.__getitem__)[:count]


def place(name: str) -> float:
    """Where a name falls in 0..1: the same on every machine, whatever the folder above."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big") / 2**64


def by_folder(items: Items, valid_name: str = "valid") -> Two:
    """Hold out what lies in a folder of that name, at any depth."""
    train, held = items.split(lambda item: valid_name in PurePosixPath(item.name).parts[:-1])
    if not len(held):
        raise Refusal(f"No picture lies in a folder called {valid_name!r}, so none can be held out by folder. See data.valid_folder.")
    return train, held


def by_list(items: Items, names: Iterable[str]) -> Two:
    """Hold out the pictures that are named; a name that is not there is refused."""
    wanted = {PurePosixPath(name).as_posix() for name in names}
    missing = sorted(wanted - {item.name for item in items})
    if missing:
        raise Refusal(f"{len(missing)} name(s) of the list are no pictures of the folder, such as {missing[0]!r}.")
    return items.split(lambda item: item.name in wanted)


def none(items: Items) -> Two:
    """Hold nothing out."""
    return items, Items(())
