"""Pictures with a map, of classes or of depths: crops in which both are moved alike, held-out ones, and light that varies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import Refusal
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
LOOKED_AT = 768  # px of each side, at most, of what is looked at while a network learns: the middle of a photograph
Told = Callable[[Levels], Map]


@dataclass(frozen=True, kw_only=True)
class MapCrops:
    """Crops of pictures and of their maps, each drawn by (epoch, index) alone, and moved alike.

    told : what a map says, from what is kept of it: uint8 (..., 3) -> uint8 labels or float32 (...).
    called : what a sentence calls a map.
    """

    pictures: Store
    maps: Store
    called: str
    told: Told
    geometry: Geometry
    erase: Erase | None
    crop: int
    crops_per_picture: int
    seed: Seed

    def __len__(self) -> int:
        return len(self.pictures) * self.crops_per_picture

    def prepare(self, indices: Sequence[int]) -> None:
        """Decode on all processors what the store will keep."""
        self.pictures.fill({index // self.crops_per_picture for index in indices})

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`.  uint8 (B, crop, crop, 3) and int64 or float32 (B, crop, crop)"""
        crops = [self._crop(*place) for place in places]
        pictures, maps = (np.stack(part) for part in zip(*crops, strict=True))
        return torch.from_numpy(pictures), target(self.told(maps))

    def name(self, index: int) -> str:
        """See `Source`: of the picture that was wanted, whether or not another had to take its place."""
        return self.pictures.items[index // self.crops_per_picture].name

    def _crop(self, epoch: int, index: int) -> tuple[Levels, Levels]:
        return self._bad.by_next(index // self.crops_per_picture, lambda number: self._drawn(number, self.seed.at("scene", epoch, index)))

    @cached_property
    def _bad(self) -> Replaced:
        return Replaced(len(self.pictures))

    def _drawn(self, number: int, rng: np.random.Generator) -> tuple[Levels, Levels]:
        picture, found = self.pictures[number], self.maps[number]
        check_size(self.pictures.items[number].name, picture.shape[:2], found.shape[:2], self.called)
        plan = self.geometry.draw(rng, picture.shape[0], picture.shape[1], self.crop)
        shown = plan.apply(read_window(picture, plan.window))
        moved = plan.apply(read_window(found, plan.window), nearest=True)
        return self.erase(shown, rng) if self.erase else shown, moved


def target(maps: Map) -> Tensor:
    """What a loss is given: int64 of labels, floats as they are."""
    found = torch.from_numpy(np.ascontiguousarray(maps))
    return found.long() if found.dtype == torch.uint8 else found


@dataclass(frozen=True, eq=False)
class HeldMaps:
    """Held-out pictures and maps, decoded once, whole; one a batch, for their sizes differ."""

    names: tuple[str, ...]
    pictures: tuple[Levels, ...]
    maps: tuple[Map, ...]

    @classmethod
    def of(cls, matched: Matched, told: Callable[[int], Map]) -> Self:
        """All of them, decoded, but for those that cannot be.  told : the map of a number, (H, W)."""

        def scene(item: Item, number: int) -> tuple[str, Levels, Map]:
            return item.name, item.levels(3), told(number)

        found = left_out(partial(scene, item, number) for number, item in enumerate(matched.pictures))
        columns = tuple(zip(*found, strict=True))
        if not columns and len(matched):
            raise Refusal(f"None of the {len(matched)} held-out pictures can be read.")
        return cls(*columns) if columns else cls((), (), ())

    def chosen(self, numbers: Sequence[int]) -> Self:
        """Those of these numbers."""
        return replace(
            self,
            names=tuple(self.names[number] for number in numbers),
            pictures=tuple(self.pictures[number] for number in numbers),
            maps=tuple(self.maps[number] for number in numbers),
        )

    def middles(self, side: int) -> Self:
        """The middle of each, at most `side` px in both directions."""
        pictures, maps = (tuple(centre(one, side) for one in kind) for kind in (self.pictures, self.maps))
        return replace(self, pictures=pictures, maps=maps)

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
