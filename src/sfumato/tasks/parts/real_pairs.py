"""Pairs that are there already: a folder of inputs and one of targets, matched by name, such as scans before and after a repair by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data.geometry import read_window
from sfumato.data.items import Items, from_folder, twins
from sfumato.data.store import Store
from sfumato.spoil.chain import Chain
from sfumato.tasks.parts.pairs import HeldOut, SpoiltPairs, centre


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
        _check_sizes(self.store.items[number].name, given, good)
        plan = self.geometry.draw(rng, good.shape[0], good.shape[1], self.crop)
        shown, wanted = (plan.apply(read_window(picture, plan.window)) for picture in (given, good))
        return self.erase(shown, rng) if self.erase else shown, wanted


def inputs_of(targets: Items, folder: Path) -> Items:
    """The input of each target: the file of its name (without the ending) in a folder.  Refused where one has none, or two."""
    return Items(tuple(twins(targets, from_folder(folder), one="target", other="input", where=f" in {folder}")))


def held_out(targets: Items, folder: Path, *, side: int, count: int) -> HeldOut:
    """The first `count` pairs, cut to their middle of at most `side` px."""
    chosen = targets[:count]
    names: list[str] = []
    inputs: list[Levels] = []
    goods: list[Levels] = []
    for item, given in zip(chosen, inputs_of(chosen, folder), strict=True):
        pair = given.levels(3), item.levels(3)
        _check_sizes(item.name, *pair)
        for pixels, into in zip(pair, (inputs, goods), strict=True):
            into.append(centre(pixels, side))
        names.append(item.name)
    return HeldOut(tuple(names), tuple(inputs), tuple(goods))


def told(inputs: str, chain: Chain, target: Chain | None) -> str:
    """How inputs come about, in words."""
    return f"nothing: inputs from {inputs}" if inputs else str(chain) + (f"   target: {target}" if target else "")


def _check_sizes(name: str, given: Levels, good: Levels) -> None:
    if given.shape != good.shape:
        sizes = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in (given, good)]
        raise Refusal(f"The input of {name} is {sizes[0]} px, but the target is {sizes[1]} px: pairs belong pixel to pixel.")
