"""Pairs that are there already: a folder of inputs and one of targets, matched by name, such as scans before and after a repair by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data.bad import left_out
from sfumato.data.geometry import read_window
from sfumato.data.items import Channels, Item, Items, from_folder, twins
from sfumato.data.matched import check_size
from sfumato.data.reading.read import to_channels
from sfumato.data.store import Store
from sfumato.spoil import grammar
from sfumato.spoil.chain import Chain
from sfumato.tasks.parts.pairs import SCORED, WHOLE, Example, SpoiltPairs, centre, scorable

UNSPOILT = grammar.parse("noise 0")  # the chain of real pairs, which are spoilt already


def instead_of(chain: Chain, recipe: str) -> Chain:
    """What takes the place of a recipe's chain; refused where that would teach to enlarge."""
    if chain.enlarges > 1:
        raise Refusal(
            f"The recipe {recipe!r} learns to enlarge {chain.enlarges} times, but real pairs belong pixel to pixel: enlarge the inputs to "
            "the size of their targets, and take a recipe whose chain does not shrink, such as restore."
        )
    return UNSPOILT


@dataclass(frozen=True, kw_only=True)
class RealPairs(SpoiltPairs):
    """Crops of inputs and of targets, moved alike; nothing is spoilt."""

    inputs: Store

    def prepare(self, indices: Sequence[int]) -> None:
        """Decode both on all processors."""
        super().prepare(indices)
        self.inputs.fill({index // self.crops_per_picture for index in indices})

    def _drawn(self, number: int, rng: np.random.Generator) -> tuple[Levels, Levels]:
        given, good = self.inputs[number], self.store[number]
        check_size(self.store.items[number].name, good.shape[:2], given.shape[:2], "input")
        plan = self.geometry.draw(rng, good.shape[0], good.shape[1], self.crop)
        shown, wanted = (plan.apply(read_window(picture, plan.window)) for picture in (given, good))
        return self.erase(shown, rng) if self.erase else shown, wanted


def inputs_of(targets: Items, folder: Path, *, tells: bool = False) -> Items:
    """The input of each target: the file of its name (without the ending) in a folder.

    Refused where one has none, or two, or one of another size; what cannot be read at all is left to whoever decodes it.
    tells : of inputs that belong to no target, in a sentence.
    """
    found = twins(targets, from_folder(folder), one="target", other="input", where=f" in {folder}", tells=tells)
    inputs = Items(tuple(found))
    for given, good in zip(inputs, targets, strict=True):
        try:
            sizes = good.size(), given.size()
        except Refusal:
            continue
        check_size(good.name, *sizes, "input")
    return inputs


def examples(
    targets: Items, folder: Path, *, side: int = WHOLE, channels: Channels | None = 3, least: int = SCORED
) -> Iterator[Example]:
    """Pairs one after the other, cut to their middle of at most `side` px; what cannot be read or scored is named and left out.

    channels : None: as they are stored; where one of two has colours, both.  least : px, of a side that can be scored.
    """

    def example(item: Item, given: Item) -> Example:
        before, after = given.levels(channels), item.levels(channels)
        check_size(item.name, after.shape[:2], before.shape[:2], "input")
        both = max(before.shape[2], after.shape[2])
        before, after = (to_channels(one, both) for one in (before, after))
        return item.name, centre(before, side), centre(scorable(item.name, after, least), side)

    return left_out(partial(example, item, given) for item, given in zip(targets, inputs_of(targets, folder), strict=True))


def told(inputs: str, chain: Chain, target: Chain | None) -> str:
    """How inputs come about, in words."""
    return f"nothing: inputs from {inputs}" if inputs else str(chain) + (f"   target: {target}" if target else "")
