"""Where a recipe's labelled pictures come from: a known data set or folders; decoded once into one array, and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data import items, labelled, labelling, packed
from sfumato.data.known import catalogue
from sfumato.data.labelled import Labelled
from sfumato.tasks.parts import sections

CHOOSING = 0.1  # share of the training part that is held out where a design is to be chosen


@dataclass(frozen=True, eq=False)
class Split:
    """Training and held-out pictures as arrays of one size, and what held-out ones are."""

    train: Labelled
    held: Labelled
    what: str  # where the held-out pictures come from
    names: tuple[str, ...] = ()  # of the files that the training pictures come from, where there are any


def gather(data: sections.Labelled, seed: Seed) -> Split:
    """Find, label, split, decode."""
    train, held, what = _folders(data) if data.folders else _known(data)
    if data.per_class:
        train = train.balanced(data.per_class, seed)
    labelled.check_pair(train, held)
    channels = _channels(data, train)
    side = None if data.side == "auto" else data.side
    found = train
    train, bad = packed.pack(found, side=side, channels=channels)
    worse: list[str] = []
    if len(held):
        held, worse = packed.pack(held, side=side, channels=channels)
    else:  # data.split = "none"
        held = replace(held, pictures=train.pictures[:0])
    unread = [*bad, *worse]
    if unread:
        say(f"{len(unread)} picture(s) could not be read and are left out, such as {unread[0]}.")
    return Split(train, held, what, _names(found, bad, len(train)))


def _names(found: Labelled, bad: Sequence[str], count: int) -> tuple[str, ...]:
    """Of the files that could be decoded; none where two folders have a file of one name, and which of them is bad is not known."""
    if not isinstance(found.pictures, items.Items):
        return ()
    gone = set(bad)
    names = tuple(item.name for item in found.pictures if item.name not in gone)
    return names if len(names) == count else ()


def _known(data: sections.Labelled) -> tuple[Labelled, Labelled, str]:
    whole = catalogue.open_set(data.known, part="train")
    if data.choose:
        train, held = whole.split(data.valid)
        return train, held, f"{data.valid:.0%} of the training part, by hash"
    part = catalogue.held_out_part(data.known)
    return whole, catalogue.open_set(data.known, part=part), f"the set's own part {part!r}"


def _folders(data: sections.Labelled) -> tuple[Labelled, Labelled, str]:
    level = {"parent": labelling.by_parent, "grandparent": labelling.by_grandparent}[data.label]
    found = [level(items.from_folder(Path(folder))) for folder in data.folders]
    whole = found[0]
    for part in found[1:]:
        whole = whole.concatenate(part)
    match data.split:
        case "hash":
            return *whole.split(data.valid), f"{data.valid:.0%} by hash"
        case "folder":
            held = np.array([data.valid_folder in PurePosixPath(whole.name(index)).parts[:-1] for index in range(len(whole))])
            if not held.any():
                name = data.valid_folder
                raise Refusal(f"No picture lies in a folder called {name!r}, so none can be held out by folder. See data.valid_folder.")
            return whole.subset(np.flatnonzero(~held)), whole.subset(np.flatnonzero(held)), f"the folder {data.valid_folder}"
        case "none":
            return whole, whole.subset(np.arange(0)), "none"


def _channels(data: sections.Labelled, train: Labelled) -> Literal[1, 3]:
    if data.channels != "auto":
        return 1 if data.channels == "grey" else 3
    if isinstance(train.pictures, np.ndarray):
        return 1 if train.pictures.shape[3] == 1 else 3
    return 3


def check_square(split: Split) -> int:
    """px of the side; refuses pictures that are not square, which every network of ours wants."""
    height, width = split.train.pictures.shape[1:3]  # type: ignore[union-attr]  # packed: an array
    if height != width:
        raise Refusal(
            f"The pictures are {width} x {height} px, but a classifier wants square ones: "
            f"set data.side, such as data.side = {min(height, width)}."
        )
    return int(height)
