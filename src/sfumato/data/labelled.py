"""Pictures and what they show: a list that can be looked at, counted, filtered, split and drawn from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal, shortened, unknown
from sfumato.core.levels import TOP, Levels
from sfumato.core.seed import Seed
from sfumato.data.bad import left_out
from sfumato.data.items import Item, Items
from sfumato.data.split import held_numbers
from sfumato.show.sheets import sheet

UNKNOWN = -1  # the label of a picture of which nobody says what it shows
LOOKED_AT = 64  # pictures whose sizes are told, spread over the list: a header takes 0.1 ms
CAPTION = 22  # letters of a class name that stand above a picture on a sheet

Pictures = Items | Levels
Indices = NDArray[np.int64] | Sequence[int] | slice


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures and what they show.

    pictures : files, or uint8 (N, H, W, C), often a mapped file.
    labels : int64 (N,), an index into `classes`; -1 where nobody knows (a test set).
    classes : names people read, in the order of the labels.  ids : names as the data set has them, where they differ (n01443537).
    """

    pictures: Pictures
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.pictures)
        if isinstance(self.pictures, np.ndarray) and (self.pictures.ndim != 4 or self.pictures.dtype != np.uint8):
            raise Refusal(f"Pictures are uint8 (N, H, W, C), but these are {self.pictures.dtype} {self.pictures.shape}.")
        if self.labels.dtype != np.int64 or self.labels.shape != (count,):
            raise Refusal(f"Labels are int64 ({count},), one for each picture, but these are {self.labels.dtype} {self.labels.shape}.")
        if count and not UNKNOWN <= self.labels.min() <= self.labels.max() < len(self.classes):
            low, high = int(self.labels.min()), int(self.labels.max())
            raise Refusal(f"Labels run from {low} to {high}, but there are {len(self.classes)} classes, counted from 0 (-1: not known).")
        if len(set(self.classes)) != len(self.classes) or (self.ids and len(self.ids) != len(self.classes)):
            raise Refusal("Each class has one name of its own, and one id where there are any.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Levels, int]:
        """uint8 (H, W, C), decoded in colour where it is a file, and its label."""
        if isinstance(self.pictures, Items):
            return self.pictures[index].levels(), int(self.labels[index])
        return self.pictures[index], int(self.labels[index])

    def name(self, index: int) -> str:
        """What a sentence calls a picture: its file's name, or its number."""
        return self.pictures[index].name if isinstance(self.pictures, Items) else f"number {index}"

    def subset(self, indices: Indices) -> Labelled:
        """Those, in that order.  Of an array a slice is a view; any other choice is copied into memory."""
        if isinstance(indices, slice):
            return replace(self, pictures=self.pictures[indices], labels=self.labels[indices])
        chosen = np.asarray(indices, np.int64)
        if isinstance(self.pictures, Items):
            return replace(self, pictures=Items(tuple(self.pictures[int(index)] for index in chosen)), labels=self.labels[chosen])
        return replace(self, pictures=self.pictures[chosen], labels=self.labels[chosen])

    def filter(self, keep: Callable[[int], bool]) -> Labelled:
        """Those to whose number `keep` says yes, in the same order; the classes stay as they are."""
        return self.subset(np.array([index for index in range(len(self)) if keep(index)], np.int64))

    def only(self, classes: Sequence[str]) -> Labelled:
        """The pictures of these classes (by name or id), which are counted anew in the order given."""
        known = {**{name: label for label, name in enumerate(self.classes)}, **{name: label for label, name in enumerate(self.ids)}}
        for name in classes:
            if name not in known:
                raise unknown("class", name, self.classes)
        old = [known[name] for name in classes]
        renumbered = np.full(len(self.classes) + 1, UNKNOWN, np.int64)  # the last is for -1
        renumbered[old] = np.arange(len(old))
        labels = renumbered[self.labels]
        found = self.subset(np.flatnonzero(labels >= 0))
        return Labelled(
            found.pictures, labels[labels >= 0], tuple(self.classes[one] for one in old), tuple(self.ids[one] for one in old if self.ids)
        )

    def concatenate(self, other: Labelled) -> Labelled:
        """These, then the others, which have the same classes in the same order."""
        if self.classes != other.classes:
            raise Refusal(f"The classes differ, such as {_first_unlike(self.classes, other.classes)}: the lists cannot be put together.")
        labels = np.concatenate([self.labels, other.labels])
        one, two = self.pictures, other.pictures
        if isinstance(one, Items) and isinstance(two, Items):
            return replace(self, pictures=one.concatenate(two), labels=labels)
        if isinstance(one, Items) or isinstance(two, Items) or one.shape[1:] != two.shape[1:]:
            raise Refusal("Only files and files, or arrays of pictures of one size, can be put together. Decode both with the same side.")
        return replace(self, pictures=np.concatenate([one, two]), labels=labels)

    def balanced(self, per_class: int, seed: Seed) -> Labelled:
        """`per_class` pictures of every class, drawn by the seed, in the order they had; refused where a class has fewer."""
        counts = self.counts()
        if len(counts) and counts.min() < per_class:
            least = int(counts.argmin())
            raise Refusal(
                f"{per_class} pictures of each class were asked for, but {self.classes[least]!r} has {counts[least]}. Ask for fewer."
            )
        drawn = [
            seed.at("balanced", index=label).choice(np.flatnonzero(self.labels == label), per_class, replace=False)
            for label in range(len(self.classes))
        ]
        return self.subset(np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, np.int64))

    def split(self, held_out: float) -> tuple[Labelled, Labelled]:
        """To train on, and a share held out: see `held_numbers`.  Of an array both are copies."""
        held = set(held_numbers(map(self._told_by, range(len(self))), held_out))
        return self.filter(lambda index: index not in held), self.filter(held.__contains__)

    def _told_by(self, index: int) -> str:
        """By which a picture is told from others, wherever it stands: its file's name, or the hash of its pixels."""
        if isinstance(self.pictures, Items):
            return self.pictures[index].name
        return hashlib.sha256(np.ascontiguousarray(self.pictures[index]).data).hexdigest()

    def counts(self) -> NDArray[np.int64]:
        """How many pictures each class has.  int64 (classes,)"""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes)).astype(np.int64)

    def describe(self) -> str:
        """A few lines: how many, of what size, which class is the largest and which the smallest."""
        lines = [f"{len(self):,} pictures of {len(self.classes)} classes, {self._sizes()}"]
        counts, nobody = self.counts(), int((self.labels == UNKNOWN).sum())
        if nobody:
            lines.append(f"without a label: {nobody:,}")
        if counts.any() and counts.min() == counts.max():
            lines.append(f"each class has {counts[0]:,}")
        elif counts.any():
            most, least = int(counts.argmax()), int(counts.argmin())
            lines.append(f"largest class: {self.classes[most]} ({counts[most]:,}); smallest: {self.classes[least]} ({counts[least]:,})")
            lines.append(f"a guess of the largest class is right for {counts[most] / counts.sum():.1%}")
        return "\n".join(lines)

    def _sizes(self) -> str:
        if not isinstance(self.pictures, Items):
            _, height, width, channels = self.pictures.shape
            return f"{height} x {width}, {'grey' if channels == 1 else 'colour'}"
        looked_at = self.pictures.items[:: -(-len(self) // LOOKED_AT) or 1]
        sizes = Counter(size for item in looked_at if (size := _size(item)) is not None)
        if not sizes:
            return "of which no size could be read"
        (height, width), _ = sizes.most_common(1)[0]
        if len(sizes) == 1:
            return f"{height} x {width}"
        low, high = min(min(size) for size in sizes), max(max(size) for size in sizes)
        return f"of unlike sizes, sides of {low} to {high} px, most often {height} x {width}"

    def show(self, count: int = 12, columns: int = 4) -> Levels:
        """A contact sheet of some, spread over the list, each with the name of its class.  uint8 (H', W', 3)"""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(np.int64))
        cells = list(left_out([partial(self.__getitem__, int(index)) for index in chosen], "the sheet"))
        if not cells:
            raise Refusal("There is no picture to show.")
        height, width = (max(picture.shape[axis] for picture, _ in cells) for axis in (0, 1))
        rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        strips = [
            sheet([[_framed(one, height, width) for one, _ in row]], columns=[self._caption(label) for _, label in row]) for row in rows
        ]
        widest = max(strip.shape[1] for strip in strips)
        return np.concatenate([_framed(strip, strip.shape[0], widest) for strip in strips])

    def _caption(self, label: int) -> str:
        return "?" if label == UNKNOWN else shortened(self.classes[label], CAPTION)


def check_pair(train: Labelled, valid: Labelled) -> None:
    """Refuse two lists that do not fit: other classes, or a class of which there are pictures in validation only."""
    if alone := [name for name in valid.classes if name not in train.classes]:
        raise Refusal(f"{_named('class', alone)} seen only in validation, so nothing can be learnt about {_it(alone)}.")
    if train.classes != valid.classes:
        raise Refusal(
            f"The classes of training and validation are not the same in the same order, such as "
            f"{_first_unlike(train.classes, valid.classes)}. Read validation with the classes of training."
        )
    untaught = np.flatnonzero((train.counts() == 0) & (valid.counts() > 0))
    if len(untaught):
        names = [train.classes[label] for label in untaught]
        raise Refusal(f"{_named('class', names)} without a picture to train on, but in validation.")


def _named(what: str, names: Sequence[str], most: int = 5) -> str:
    """`The class 'cat' is`, `The 7 classes 'a', 'b' and others are`."""
    if len(names) == 1:
        return f"The {what} {names[0]!r} is"
    listed = ", ".join(map(repr, names[:most]))
    return f"The {len(names)} classes {listed}{' and others' if len(names) > most else ''} are"


def _it(names: Sequence[Any]) -> str:
    return "it" if len(names) == 1 else "them"


def _first_unlike(one: tuple[str, ...], two: tuple[str, ...]) -> str:
    for label, (first, second) in enumerate(zip(one, two)):
        if first != second:
            return f"{first!r} and {second!r} (both number {label})"
    return f"their number ({len(one)} and {len(two)})"


def _size(item: Item) -> tuple[int, int] | None:
    try:
        return item.size()
    except Refusal:  # named when it is read
        return None


def _framed(picture: Levels, height: int, width: int) -> Levels:
    """In the corner of a white area.  uint8 (h, w, 1 or 3) -> (height, width, 3)"""
    framed = np.full((height, width, 3), TOP, np.uint8)
    framed[: picture.shape[0], : picture.shape[1]] = picture
    return framed
