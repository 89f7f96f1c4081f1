"""From pictures to pairs: a crop is spoilt with a margin and then cut, so that crop edges leave no mark and JPEG grids vary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np

from sfumato.core.errors import Undecodable
from sfumato.core.levels import Levels
from sfumato.core.seed import Seed
from sfumato.data.bad import Replaced, left_out
from sfumato.data.batches import Batch, Pairs, collate
from sfumato.data.geometry import Erase, Geometry, read_window
from sfumato.data.items import Channels, Item, Items
from sfumato.data.store import Store
from sfumato.spoil.chain import Chain, Step
from sfumato.spoil.missing import Border, Hole
from sfumato.spoil.resample import Scale

Example = tuple[str, Levels, Levels]  # name, input, target

LOOKED_AT = 128  # pairs that are asked whether colour is lost,
AT_ONCE = 8  # of which so many are decoded at once
COLOURED = 8.0  # levels: a picture with less colour cannot tell
WHOLE = 1 << 30  # px, more than any side
SCORED = 11  # px, the side of what SSIM looks at
TINTED = 2  # levels between channels of grey, at most: JPEG rounds
LOST = 0.25  # share of the others that must have lost it


@dataclass(frozen=True, kw_only=True)
class SpoiltPairs(Pairs):
    """Pairs of spoilt and good crops, each drawn by (epoch, index) alone.

    target : a chain that strikes the target as well (photo to drawing), or nothing.
    margin : px around the crop that are spoilt and cut off, beyond what its pixels depend on.
    """

    store: Store
    chain: Chain
    target: Chain | None
    geometry: Geometry
    erase: Erase | None
    crop: int
    margin: int
    crops_per_picture: int
    seed: Seed
    later: tuple[tuple[int, int], ...] = ()  # (epoch, crop): from that epoch on, crops of another size

    def __len__(self) -> int:
        return len(self.store) * self.crops_per_picture

    def prepare(self, indices: Sequence[int]) -> None:
        """Decode on all processors what the store will keep: threads help there, and only there, for a decoder needs no interpreter."""
        self.store.fill({index // self.crops_per_picture for index in indices})

    def pair(self, epoch: int, index: int) -> tuple[Levels, Levels]:
        """Input and target, uint8 (crop / enlarges, crop / enlarges, 3) and (crop, crop, 3)."""
        if (crop := self.crop_at(epoch)) != self.crop:
            return self._sized(crop).pair(epoch, index)
        return self._bad.by_next(index // self.crops_per_picture, lambda number: self._drawn(number, self.seed.at("pair", epoch, index)))

    def name(self, index: int) -> str:
        """See `Source`: of the picture that was wanted, whether or not another had to take its place."""
        return self.store.items[index // self.crops_per_picture].name

    @cached_property
    def _bad(self) -> Replaced:
        return Replaced(len(self.store))

    def crop_at(self, epoch: int) -> int:
        """px a side of the crops of an epoch."""
        return next((crop for first, crop in reversed(self.later) if epoch >= first), self.crop)

    def _sized(self, crop: int) -> SpoiltPairs:
        """The same with crops of another size, in every epoch."""
        if crop not in self._others:
            self._others[crop] = replace(self, crop=crop, later=())
            self._others[crop].__dict__["_bad"] = self._bad  # whatever is bad is so in every size
        return self._others[crop]

    @cached_property
    def _others(self) -> dict[int, SpoiltPairs]:
        return {}

    def _drawn(self, number: int, rng: np.random.Generator) -> tuple[Levels, Levels]:
        """A window of the good picture after its geometry, spoilt and then cut."""
        factor = self.chain.enlarges
        top, left = (int(place) for place in self.lead + factor * rng.integers(0, self.chain.period // factor, 2))
        picture = self.store[number]
        plan = self.geometry.draw(rng, picture.shape[0], picture.shape[1], max(self._end(top), self._end(left)))
        clean = plan.apply(read_window(picture, plan.window))
        spoilt = self.chain(clean, rng)
        good = self.target(clean, rng) if self.target else clean
        inner = spoilt[top // factor :, left // factor :][: self.crop // factor, : self.crop // factor]
        if self.erase:
            inner = self.erase(inner, rng)
        return inner, good[top : top + self.crop, left : left + self.crop]

    @cached_property
    def lead(self) -> int:
        """px before the crop, at least: the fewest with which no pixel of it depends on what lies before the window."""
        phases = range(0, self.chain.period, self.chain.enlarges)
        lead = 0
        while min(self._context(lead + phase)[0] for phase in phases) < 0:
            lead += self.chain.enlarges
        return lead

    @property
    def widest(self) -> int:
        """Side in px of the largest window that is spoilt for a crop."""
        return max(self._end(self.lead + phase) for phase in range(0, self.chain.period, self.chain.enlarges))

    def _context(self, start: int) -> tuple[int, int]:
        """What a crop that starts there depends on, along one side of the window."""
        spans = [chain.context(start, start + self.crop) for chain in (self.chain, self.target) if chain]
        return min(low for low, _ in spans) - self.margin, max(high for _, high in spans) + self.margin

    def _end(self, start: int) -> int:
        factor = self.chain.enlarges
        return -(-self._context(start)[1] // factor) * factor


@dataclass(frozen=True)
class HeldOut:
    """Held-out pictures, spoilt the same way in every run with this seed: what validation and previews see."""

    names: tuple[str, ...]
    inputs: tuple[Levels, ...]
    targets: tuple[Levels, ...]

    @classmethod
    def of(cls, examples: Iterable[Example]) -> HeldOut:
        """All of them, kept."""
        columns = tuple(zip(*examples, strict=True))
        return cls(*columns) if columns else cls((), (), ())

    def __iter__(self) -> Iterator[Batch]:
        """One picture a batch, for their sizes differ."""
        for index, (spoilt, good) in enumerate(zip(self.inputs, self.targets, strict=True)):
            yield collate([(spoilt, good, index)])

    def __len__(self) -> int:
        return len(self.names)


def examples(
    items: Items, chain: Chain, target: Chain | None, *, seed: Seed, side: int = WHOLE, channels: Channels | None = 3, least: int = SCORED
) -> Iterator[Example]:
    """Pictures one after the other, cut to their middle of at most `side` px, spoilt without any augmentation.

    channels : None: grey files stay grey.  least : px of a side.  What cannot be read, or is too small for that, is named and left out.
    """

    def example(index: int, item: Item) -> Example:
        clean = scorable(item.name, centre(item.levels(channels), side, chain.enlarges), least)
        rng = seed.at("held-out", 0, index)
        return item.name, chain(clean, rng), target(clean, rng) if target else clean

    return left_out(partial(example, index, item) for index, item in enumerate(items))


def scorable(name: str, picture: Levels, least: int = SCORED) -> Levels:
    """The same; refused where it is too small for a score."""
    if min(picture.shape[:2]) < least:
        raise Undecodable(f"{name} is {picture.shape[1]} x {picture.shape[0]} px, too small for a score.")
    return picture


def centre(picture: Levels, side: int, multiple: int = 1) -> Levels:
    """The middle of a picture, at most `side` px in both directions, a multiple of `multiple`."""
    rows, columns = (length // multiple * multiple for length in picture.shape[:2])  # what is over goes at the far ends, as in papers
    height, width = (min(side, length) // multiple * multiple for length in (rows, columns))
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def enlarged_by(chain: Chain) -> Any:
    """The kernel by which a `scale` of the chain enlarges again; where it draws one of several, the last; "" without such a step."""
    kernels = [step.act.up for step in chain.steps if isinstance(step, Step) and isinstance(step.act, Scale)]
    return kernels[-1][-1] if kernels else ""


def reaches_sides(chain: Chain) -> bool:
    """Whether what it leaves out may lie at a picture's sides, where there is nothing beyond it to fill it from."""
    return any(isinstance(step.act, Border | Hole) for step in chain.single)


def hues(pairs: SpoiltPairs) -> tuple[bool, bool]:
    """Whether a network that learns from such pairs sees grey alone, and whether it learns to give colour to what has none.

    The latter where inputs have lost the colour that their targets have; of those with colour a share, for a hole may hide it by chance.
    """
    indices = range(0, len(pairs), max(1, len(pairs) // LOOKED_AT))[:LOOKED_AT]  # of all pictures, not the first ones alone
    found, greys = [], True
    for start in range(0, len(indices), AT_ONCE):
        few = indices[start : start + AT_ONCE]
        pairs.prepare(few)
        for index in few:
            spoilt, good = pairs.pair(0, index)
            greys = greys and int(np.ptp(spoilt, axis=2).max()) <= TINTED
            found.append((_colour(spoilt), _colour(good)))
    pairs.prepare(())  # what was decoded ahead is let go
    lost = [spoilt < good / 8 for spoilt, good in found if good > COLOURED]
    return greys, sum(lost) > LOST * len(lost)


def _colour(picture: Levels) -> float:
    """Levels by which the channels of large squares lie off straight lines over their mean, in the root of the mean square.

    Such a line is what grey has, and a cast over grey as well.
    """
    squares = cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA).reshape(64, -1).astype(np.float64)
    straight = np.stack([squares.mean(1), np.ones(64)], axis=1)
    off = squares - straight @ np.linalg.lstsq(straight, squares)[0]
    return float(np.sqrt(np.square(off).mean()))
