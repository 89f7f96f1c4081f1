"""Items: a list of pictures that have a name and can be decoded; every step of the path can be indexed, filtered, split and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, overload

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.core.progress import say
from sfumato.data.reading import read
from sfumato.data.reading.find import find_pictures
from sfumato.show.sheets import sheet

Channels = Literal[1, 3]


@dataclass(frozen=True)
class Item:
    """One picture.  `path` is its file; a built-in one has a `make` instead (picklable: workers are handed items)."""

    name: str  # relative to the folder it was found in, with forward slashes: the same on every machine
    path: Path | None = None
    make: Callable[[], Levels] | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is decoded, be it by a `make` that has a `path` (masks, depth maps), and not drawn."""
        return self.path is not None or hasattr(self.make, "path")

    def levels(self, channels: Channels | None = 3) -> Levels:
        """Decode: uint8 (H, W, channels); None: 1 or 3, as it is stored."""
        if self.path is not None:
            return read.read_levels(self.path, channels)
        if self.make is None:
            raise Refusal(f"The item {self.name!r} has neither a file nor a way to be made.")
        made = self.make()
        return made if channels is None else read.to_channels(made, channels)

    def size(self) -> tuple[int, int]:
        """Height and width; of a file from its header alone."""
        if self.path is not None:
            width, height = read.read_size(self.path)
            return height, width
        height, width = self.levels().shape[:2]
        return height, width


@dataclass(frozen=True)
class Items:
    """An immutable list of items."""

    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Items: ...
    def __getitem__(self, index: int | slice) -> Item | Items:
        return Items(self.items[index]) if isinstance(index, slice) else self.items[index]

    def filter(self, keep: Callable[[Item], bool]) -> Items:
        """Those for which `keep` is true, in the same order."""
        return Items(tuple(item for item in self.items if keep(item)))

    def split(self, held_out: Callable[[Item], bool]) -> tuple[Items, Items]:
        """Two lists: the rest, and those that are held out."""
        return self.filter(lambda item: not held_out(item)), self.filter(held_out)

    def concatenate(self, other: Items) -> Items:
        """These, then the others."""
        return Items(self.items + other.items)

    def show(self, count: int = 12, columns: int = 4) -> Levels:
        """A contact sheet of the first few."""
        pictures: list[Levels | None] = [item.levels() for item in self.items[:count]]
        rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
        return sheet(rows)


def twins(pictures: Items, others: Items, *, one: str, other: str, where: str = "", tells: bool = True) -> list[Item]:
    """Of each picture the other file of its name, endings aside.  `one`, `other` and `where` are what a sentence calls them.

    Refused where one has no twin, two could be it, or it could be that of two.  tells : of files that are no picture's, in a sentence.
    """
    owners: dict[str, Item] = {}
    for item in pictures:
        if (first := owners.setdefault(_stem(item), item)).path != item.path:  # a folder that is named twice is seen twice
            raise Refusal(f"Two {one}s would share the {other} of the name {_stem(item)!r}: {first.path} and {item.path}.")
    found: dict[str, Item] = {}
    for item in others:
        if (first := found.setdefault(_stem(item), item)) is not item:
            raise Refusal(f"Two {other}s could belong to the {one} {_stem(item)!r}: {first.name} and {item.name}.")
    missing = [picture.name for picture in pictures if _stem(picture) not in found]
    if missing:
        raise Refusal(f"{len(missing)} of {len(pictures)} {one}s have no {other} of the same name{where}, such as {missing[0]!r}.")
    if tells and (alone := [name for name in found if name not in owners]):
        say(f"{len(alone)} of {len(found)} {other}s have no {one} of the same name, and are left out, such as {found[alone[0]].name}")
    return [found[_stem(picture)] for picture in pictures]


def _stem(item: Item) -> str:
    return PurePosixPath(item.name).with_suffix("").as_posix()


def from_folder(folder: Path) -> Items:
    """Every picture below a folder, in natural order, by its name relative to it."""
    folder = Path(folder)
    return Items(tuple(Item(path.relative_to(folder).as_posix(), path) for path in find_pictures(folder)))
