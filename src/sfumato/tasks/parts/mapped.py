"""Pictures with a map, of classes or of depths: crops in which both are moved alike, held-out ones, and light that varies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import Refusal, Undecodable
from sfumato.core.levels import Levels
from sfumato.core.seed import Seed
from sfumato.data.augment.light import Lighting
from sfumato.data.augment.transform import table
from sfumato.data.bad import Replaced, left_out
from sfumato.data.batches import Batch, Place, Stacked, finished
from sfumato.data.geometry import Erase, Geometry, read_window
from sfumato.data.items import Item
from sfumato.data.matched import Matched, check_size
from sfumato.data.store import Store
from sfumato.tasks.parts.pairs import centre

Map = NDArray[Any]  # (H, W): uint8 labels, or float32
Found = TypeVar("Found", bound=Matched)
LOOKED_AT = 768  # px of each side, at most, of what is looked at while a network learns: the middle of a photograph,
MOST_LOOKED_AT = 16e6  # and px of all of them together, about: a look is a small part of a training
HEADERS = 8  # pictures whose size is asked for that
Told = Callable[[Levels], Map]


@dataclass(frozen=True, eq=False)
class Split(Generic[Found]):
    """Training and held-out pictures, and where the held-out ones come from."""

    train: Found
    held: Found
    what: str


@dataclass(frozen=True, kw_only=True)
class MapCrops:
    """Crops of pictures and of their maps, each drawn by (epoch, index) alone, and moved alike.

    told : what a map says, from what is kept of it: uint8 (..., 3) -> uint8 labels or float32 (...).
    called : what a sentence calls a map.
    nears : what is made larger comes nearer, so numbers of a map shrink with it (Eigen et al. 2014, 3.3); in a made scene it does not.
    """

    pictures: Store
    maps: Store
    called: str
    told: Told
    nears: bool
    geometry: Geometry
    erase: Erase | None
    crop: int
    crops_per_picture: int
    seed: Seed

    def __len__(self) -> int:
        return len(self.pictures) * self.crops_per_picture

    def prepare(self, indices: Sequence[int]) -> None:
        """Decode on all processors what the store will keep."""
        numbers = {index // self.crops_per_picture for index in indices}
        self.pictures.fill(numbers)
        self.maps.fill(numbers)

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`.  uint8 (B, crop, crop, 3) and int64 or float32 (B, crop, crop)"""
        pictures, maps, scales = zip(*(self._crop(*place) for place in places), strict=True)
        told = self.told(np.stack(maps))
        if self.nears:
            told = told * np.array(scales, told.dtype)[:, None, None]
        return torch.from_numpy(np.stack(pictures)), target(told)

    def name(self, index: int) -> str:
        """See `Source`: of the picture that was wanted, whether or not another had to take its place."""
        return self.pictures.items[index // self.crops_per_picture].name

    def _crop(self, epoch: int, index: int) -> tuple[Levels, Levels, float]:
        return self._bad.by_next(index // self.crops_per_picture, lambda number: self._drawn(number, self.seed.at("scene", epoch, index)))

    @cached_property
    def _bad(self) -> Replaced:
        return Replaced(len(self.pictures))

    def _drawn(self, number: int, rng: np.random.Generator) -> tuple[Levels, Levels, float]:
        picture, found = self.pictures[number], self.maps[number]
        check_size(self.pictures.items[number].name, picture.shape[:2], found.shape[:2], self.called)
        plan = self.geometry.draw(rng, picture.shape[0], picture.shape[1], self.crop)
        shown = plan.apply(read_window(picture, plan.window))
        moved = plan.apply(read_window(found, plan.window), nearest=True)
        return self.erase(shown, rng) if self.erase else shown, moved, plan.scale


def target(maps: Map) -> Tensor:
    """What a loss is given: int64 of labels, floats as they are."""
    found = torch.from_numpy(np.ascontiguousarray(maps))
    return found.long() if found.dtype == torch.uint8 else found


class Scene(NamedTuple):
    """A held-out picture and its map."""

    name: str
    picture: Levels
    map: Map

    def middle(self) -> Scene:
        """What is looked at of a large one; the rest need not stay in memory."""
        return Scene(self.name, *(centre(whole, LOOKED_AT).copy() for whole in (self.picture, self.map)))


def scenes(matched: Matched) -> Iterator[Scene]:
    """One after the other, decoded when it is its turn, but for those that cannot be.

    Refused where none can be, and where a map is not as large as its picture.
    """

    def scene(item: Item, number: int) -> Scene:
        made = Scene(item.name, item.levels(3), matched.map(number))
        check_size(item.name, made.picture.shape[:2], made.map.shape, matched.called)
        return made

    found = 0
    for one in left_out(partial(scene, item, number) for number, item in enumerate(matched.pictures)):
        found += 1
        yield one
    if len(matched) and not found:
        raise Refusal(f"None of the {len(matched)} held-out pictures can be read.")


def spread(count: int, wanted: int) -> list[int]:
    """So many of `count` numbers, evenly chosen: frames of a film beside each other are alike."""
    return [int(number) for number in np.linspace(0, count - 1, min(wanted, count)).round()]


def check(matched: Matched) -> None:
    """Refuse maps that do not fit their pictures or their legend before a training is spent; of pictures the headers tell.

    What cannot be decoded is named when it is its turn.
    """
    for number, item in enumerate(matched.pictures):
        with suppress(Undecodable):
            check_size(item.name, item.size(), matched.map(number).shape, matched.called)


def few(matched: Found, least: int) -> Found:
    """Those of many held-out pictures that are looked at while a network learns, evenly chosen: at least so many."""
    sizes = []
    for number in spread(len(matched), HEADERS):
        with suppress(Undecodable):  # named when it is read
            height, width = matched.pictures[number].size()
            sizes.append(min(height, LOOKED_AT) * min(width, LOOKED_AT))
    wanted = int(MOST_LOOKED_AT * len(sizes) / sum(sizes)) if sizes else len(matched)
    numbers = set(spread(len(matched), max(least, wanted)))
    return matched.filter(numbers.__contains__)


@dataclass(frozen=True, eq=False)
class HeldMaps:
    """Held-out pictures and maps that stay in memory; one a batch, for their sizes differ."""

    names: tuple[str, ...]
    pictures: tuple[Levels, ...]
    maps: tuple[Map, ...]

    @classmethod
    def of(cls, found: Iterable[Scene]) -> Self:
        """All of them, decoded."""
        columns = tuple(zip(*found, strict=True))
        return cls(*columns) if columns else cls((), (), ())

    def __iter__(self) -> Iterator[Batch]:
        for index, (picture, found) in enumerate(zip(self.pictures, self.maps, strict=True)):
            yield finished(torch.from_numpy(picture[None].copy()), target(found[None]), [(0, index)])

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Lit:
    """Light that varies from picture to picture; maps stay."""

    light: Lighting
    seed: Seed

    def __call__(self, batch: Batch) -> Batch:
        """The same batch in another light."""
        drawn = table(self.seed, "light", batch.epoch, batch.items, self.light.draws)
        return replace(batch, input=self.light(batch.input, drawn))
