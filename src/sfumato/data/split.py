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
    """Hold out about a share `valid`, by a hash of the name: a picture stays on its side when others come and go.

    With two pictures or more at least one is held out and at least one is left.
    """
    ranked = sorted(items, key=lambda item: place(item.name))
    count = sum(place(item.name) < valid for item in ranked)
    if valid > 0 and len(ranked) > 1:
        count = min(max(count, 1), len(ranked) - 1)
    held = {item.name for item in ranked[:count]}
    return items.split(lambda item: item.name in held)


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
