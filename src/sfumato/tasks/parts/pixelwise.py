"""What tasks that tell something of every pixel do alike: a network of so many outputs, light that varies, borrowed weights."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.progress import say
from sfumato.data.augment.light import Lighting
from sfumato.data.geometry import Erase
from sfumato.data.matched import Matched
from sfumato.data.store import open_store
from sfumato.nets.load import Contract
from sfumato.tasks.parts import mapped, training
from sfumato.tasks.parts.job import Job
from sfumato.tasks.parts.mapped import HeldMaps, Lit, MapCrops, Scene, Split, Told
from sfumato.tasks.parts.settle import PHOTOGRAPHS, settle
from sfumato.train.callbacks.change import Change, nothing
from sfumato.train.run import Run


class Pixelwise(Job):
    """See the module."""

    @property
    @abstractmethod
    def split(self) -> Split[Any]:
        """Training and held-out pictures."""

    @property
    @abstractmethod
    def held(self) -> HeldMaps:
        """See `Job`."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers that the network gives for a pixel."""

    @abstractmethod
    def meant(self, outputs: Tensor) -> Tensor:
        """What outputs go through in use, before tiles are blended."""

    @abstractmethod
    def score(self, run: Run) -> None:
        """Score the last averaged weights, which no held-out picture chose, on whole held-out pictures; kept in scores.json."""

    def looked_at(self) -> Iterator[Scene]:
        """Middles of held-out pictures, few of many, for the looks while it learns.  Of one's own folders all held-out maps are checked."""
        if self.recipe.data.folders:
            mapped.check(self.split.held)
        return (scene.middle() for scene in mapped.scenes(mapped.few(self.split.held, self.recipe.previews.count)))

    def judge(self, run: Run) -> None:
        """Measure how far the models look in effect, then score."""
        settle((run.best, run.last), self.held.pictures[:PHOTOGRAPHS], self.device, self.meant)
        if len(self.split.held):
            self.score(run)
        else:
            say("No picture was held out, so nothing was scored: give more pictures, or another data.valid.")

    def crops(self, train: Matched, told: Told, *, nears: bool) -> MapCrops:
        """Training crops.  told : what a map says, and nears : whether it grows with what is seen, see `MapCrops`."""
        data, augment = self.recipe.data, self.recipe.augment
        store = partial(open_store, cache=data.cache, shared=self.workers != 0)
        return MapCrops(
            pictures=store(train.pictures),
            maps=store(train.maps),
            called=train.called,
            told=told,
            nears=nears,
            geometry=training.geometry(augment),
            erase=Erase(chance=augment.erase) if augment.erase else None,
            crop=data.crop,
            crops_per_picture=data.crops_per_picture,
            seed=self.seed,
        )

    @cached_property
    def change(self) -> Change:
        """Light, on the device."""
        light = self.recipe.light
        if self.recipe.train.overfit or not (light.brightness or light.contrast):
            return nothing
        return Lit(Lighting(light.brightness, light.contrast), self.seed)

    @cached_property
    def network_spec(self) -> Any:
        """Kind and arguments; how many outputs there are follows from the data."""
        return dataclasses.replace(self.asked, outputs=self.outputs)

    @cached_property
    def network(self) -> nn.Module:
        """A fresh network from the run's seed, over a classifier's weights where one is named; `start_from` gives all that fit."""
        network = self.fresh()
        if self.recipe.start_from:
            training.take_over(network, Path(self.recipe.start_from))
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
        return network.to(self.device)

    @cached_property
    def contract(self) -> Contract:
        """What the network promises; its reach is measured."""
        return Contract.of(self.network, mirrors=False)
