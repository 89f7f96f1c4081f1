"""Masks: for every pixel of a picture, which class it shows.  Files hold numbers or colours; a legend says what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from sfumato.core.errors import Refusal, shortened
from sfumato.core.levels import TOP, TOP16, VOID, Levels, Mask
from sfumato.data.items import Item, Items, twins
from sfumato.data.matched import Matched
from sfumato.data.reading import read
from sfumato.data.store import state_of

MOST = VOID  # classes

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Kind:
    """One thing that masks tell apart, as files have it: a number (grey or palette), a name, a colour."""

    number: int
    name: str
    colour: Colour | None = None


@dataclass(frozen=True)
class Legend:
    """What the values of mask files mean.

    classes : in the order of their labels.  void : what is marked, but is no class.
    """

    classes: tuple[Kind, ...]
    void: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= MOST:
            raise Refusal(f"Masks tell 1 to {MOST} classes apart, but the legend names {len(self.classes)}.")
        for what in ("number", "name", "colour"):
            values = [value for kind in self.classes if (value := getattr(kind, what)) is not None]
            beside = [value for kind in self.void if (value := getattr(kind, what)) is not None]
            values += set(beside) if what == "colour" else beside  # what is no class may all look alike
            if len(set(values)) != len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise Refusal(f"The legend has the {what} {twice!r} twice, so a pixel could be two things.")
        if far := [kind for kind in (*self.classes, *self.void) if not 0 <= kind.number <= TOP16]:
            raise Refusal(f"Masks hold numbers of 0..{TOP16}, but the legend gives {far[0].name!r} the number {far[0].number}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return tuple(kind.name for kind in self.classes)

    def labels(self) -> dict[Kind, int]:
        """What stands in a mask for each."""
        return {**{kind: label for label, kind in enumerate(self.classes)}, **dict.fromkeys(self.void, VOID)}


def legend(path: Path, void: Sequence[str] = ()) -> Legend:
    """Lines of number, name and, where masks have colours, `r,g,b`, separated by tabs.  void: names of what is no class, in any case."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The legend {path} cannot be read: {error}.") from error
    kinds = [_kind(path, line) for line in lines if line.strip() and not line.startswith("#")]
    left_out = {name.casefold() for name in void}
    classes = tuple(kind for kind in kinds if kind.name.casefold() not in left_out)
    return Legend(classes, tuple(kind for kind in kinds if kind.name.casefold() in left_out))


def _kind(path: Path, line: str) -> Kind:
    number, *rest = line.split("\t")
    try:
        colour = tuple(int(part) for part in rest[1].split(",")) if len(rest) > 1 else None
        if not rest or (colour is not None and (len(colour) != 3 or not all(0 <= part <= TOP for part in colour))):
            raise ValueError
        return Kind(int(number), rest[0].strip(), colour)
    except ValueError:
        raise Refusal(f"{path} should hold number, name and perhaps r,g,b in each line, with tabs, not {shortened(line)!r}.") from None


@dataclass(frozen=True)
class MaskFile:
    """A mask that is decoded when it is asked for.  state: of the file, so that what is kept of another one is not taken for it."""

    path: Path
    legend: Legend
    state: str

    def __call__(self) -> Levels:
        """uint8 (H, W, 1)"""
        return read_mask(self.path, self.legend)[..., None]


def read_mask(path: Path, legend: Legend) -> Mask:
    """A mask file.  -> uint8 (H, W), labels and VOID.  Refuses values that the legend does not know, by name.

    Numbers of a palette are meant, unless all its colours that are used are the legend's and say something else: then a program has
    written colours by numbers of its own.
    """
    values, palette = read.read_values(path)
    labels = legend.labels()
    if palette is not None and _colours_are_meant(np.asarray(values, np.uint8), palette, labels):
        values = palette[values]
    if values.ndim == 2:
        table = np.full(TOP16 + 1, -1, np.int16)
        for kind, label in labels.items():
            table[kind.number] = label
        found = table[values]
        strange = values[found < 0]
    else:
        packed = values.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
        coloured = sorted((_packed(kind.colour), label) for kind, label in labels.items() if kind.colour is not None)
        if not coloured:
            raise Refusal(f"{path} is a mask in colours, but the legend names none: give each line of it a third column, r,g,b.")
        keys, values_of = (np.array(column) for column in zip(*coloured, strict=True))
        at = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
        found = np.where(keys[at] == packed, values_of[at], -1)
        strange = values[found < 0]
    if len(strange):
        raise Refusal(f"{path} holds the value {strange[0].tolist()} ({len(strange)} pixels), which its legend does not know.")
    return found.astype(np.uint8)


def _colours_are_meant(values: Levels, palette: Levels, labels: Mapping[Kind, int]) -> bool:
    by_colour = {kind.colour: label for kind, label in labels.items() if kind.colour is not None}
    by_number = {kind.number: label for kind, label in labels.items()}
    used = np.flatnonzero(np.bincount(values.ravel())).tolist()
    if used[-1] >= len(palette):
        return False
    told = {number: by_colour.get(tuple(palette[number].tolist())) for number in used}
    apart = [number for number, label in told.items() if label != by_number.get(number)]
    return None not in told.values() and bool(palette[apart].any())  # not where it is black alone, with which most palettes begin


def _packed(colour: Colour | None) -> int:
    red, green, blue = colour or (0, 0, 0)
    return red << 16 | green << 8 | blue


@dataclass(frozen=True, eq=False)
class Scenes(Matched):
    """Pictures, a mask of the same size for each, and what masks mean."""

    legend: Legend
    called: ClassVar[str] = "mask"

    def map(self, index: int) -> Mask:
        """uint8 (H, W)"""
        return self.maps[index].levels(1)[..., 0]


def from_folders(pictures: Items, masks: Items, legend: Legend) -> Scenes:
    """Every picture with the mask that has its name (without the ending); refused where one is missing or there are two."""
    if not len(pictures):
        raise Refusal("There is no picture to go with the masks.")
    return Scenes(pictures, with_legend(twins(pictures, masks, one="picture", other="mask"), legend), legend)


def with_legend(masks: Sequence[Item], legend: Legend) -> Items:
    """Mask files as items that are read by a legend."""
    made = []
    for mask in masks:
        assert mask.path is not None
        made.append(replace(mask, path=None, make=MaskFile(mask.path, legend, state_of(mask))))
    return Items(tuple(made))
