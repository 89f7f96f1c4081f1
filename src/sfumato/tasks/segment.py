"""The task `segment`: a recipe becomes pictures with masks, network, objective and learner; a model tells what each pixel shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sfumato.core import recipe as recipes
from sfumato.core.levels import Levels
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data.augment.light import Lighting
from sfumato.data.geometry import Erase
from sfumato.data.masks import Scenes
from sfumato.data.store import open_store
from sfumato.losses.masks import balanced_weights
from sfumato.metrics import masks as metrics
from sfumato.nets import catalogue as networks
from sfumato.nets import encoder_unet
from sfumato.nets import load as model_files
from sfumato.nets.load import Contract
from sfumato.nets.reach import reach
from sfumato.nets.surgery import copying
from sfumato.nets.surgery.borrow import lender
from sfumato.show import masks as drawn
from sfumato.tasks.parts import fitting, mask_scores, scenes, training
from sfumato.tasks.parts.job import Job, parameters_of
from sfumato.tasks.parts.judged import SaveModels
from sfumato.tasks.parts.mask_scores import MaskPreviews, MaskScores, ShowScenes
from sfumato.tasks.parts.scenes import HeldScenes, Lit, Masking, SceneCrops, Split
from sfumato.tasks.parts.segmenter import Segmenter
from sfumato.tasks.parts.segmenter import load as load
from sfumato.tasks.segment_recipe import Segment
from sfumato.train import run as runs
from sfumato.train.callback import Callback
from sfumato.train.callbacks.change import Change, nothing
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.run import Run


@dataclass(frozen=True)
class SegmentTask(Job):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Segment

    @cached_property
    def split(self) -> Split:
        """Training and held-out pictures."""
        return scenes.gather(self.recipe.data)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of labels."""
        return self.split.train.legend.names

    @cached_property
    def palette(self) -> Levels:
        """A colour for each class.  uint8 (256, 3)"""
        kinds = self.split.train.legend.classes
        return drawn.palette(len(kinds), [kind.colour for kind in kinds])

    @cached_property
    def source(self) -> SceneCrops:
        """See `Job`."""
        data, augment, train = self.recipe.data, self.recipe.augment, self.split.train
        pictures, masks = (open_store(part, cache=data.cache, shared=self.workers != 0) for part in (train.pictures, train.masks))
        return SceneCrops(
            pictures=pictures,
            masks=masks,
            geometry=training.geometry(augment),
            erase=Erase(chance=augment.erase) if augment.erase else None,
            crop=data.crop,
            crops_per_picture=data.crops_per_picture,
            seed=self.seed,
        )

    @cached_property
    def held(self) -> HeldScenes:
        """See `Job`."""
        return scenes.held_out(self.split.held)

    @cached_property
    def change(self) -> Change:
        """Light, on the device."""
        light = self.recipe.light
        if self.recipe.train.overfit or not (light.brightness or light.contrast):
            return nothing
        return Lit(Lighting(light.brightness, light.contrast), self.seed)

    @cached_property
    def _lent(self) -> tuple[Any, nn.Module] | None:
        """The classifier whose body and weights the network takes, and what it is made from."""
        return lender(self.recipe.network)

    @cached_property
    def network_spec(self) -> Any:
        """Kind and arguments; how many classes there are follows from the legend."""
        spec = self.recipe.network
        if self._lent is not None:
            spec = dataclasses.replace(spec, encoder=self._lent[0], encoder_from="")
        return dataclasses.replace(spec, outputs=len(self.classes))

    @cached_property
    def network(self) -> nn.Module:
        """A fresh network from the run's seed, over a classifier's weights where one is named; `start_from` gives all that fit."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed.number("network"))
            network = networks.build(self.network_spec)
        if self._lent is not None:
            encoder_unet.lend(self._lent[1], network)  # type: ignore[arg-type]  # its spec says that it is one
        if self.recipe.start_from:
            report = copying.copy_weights(model_files.read(Path(self.recipe.start_from)).network, network, by="name", strict=False)
            afresh = len(report.missing) + len(report.unlike)
            say(f"{len(report.copied)} tensors were taken from {self.recipe.start_from}, {afresh} begin afresh")
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
        return network.to(self.device)

    @cached_property
    def objective(self) -> Masking:
        """The loss."""
        loss = self.recipe.loss
        weights = balanced_weights(self.source.counts(len(self.classes))).tolist() if loss.classes == "balanced" else ()
        return Masking(loss.gamma, loss.dice, tuple(weights))

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Held-out scores, previews, models and the bar."""
        count = len(self.held)
        spread = np.linspace(0, count - 1, min(self.recipe.previews.count, count)).round()  # frames of a film beside each other are alike
        scores = MaskScores(len(self.classes), stats, [int(number) for number in spread])
        return [
            ShowScenes(run, self.classes, self.palette),
            scores,
            MaskPreviews(run, self.held, scores, self.palette),
            SaveModels(run, scores, self.save, by="mean_iou"),
            ShowProgress(scores=scores.words),
        ]

    @cached_property
    def contract(self) -> Contract:
        """What the network promises; its reach is measured."""
        return Contract(channels=3, stride=self.network.stride, reach=reach(self.network), tiles=bool(self.network.tiles))  # type: ignore[arg-type]

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int, *, half: bool = False) -> None:
        """Write a model file of the network as it stands."""
        kinds = self.split.train.legend.classes
        data = self.recipe.data
        header = self.header(
            {name: {"mean": value, "n": len(self.held), "what": self.split.what} for name, value in scores.items()},
            data={"known": "" if data.folders else data.known, "pictures": len(self.split.train)},
            card={"steps": step, "classes": [kind.name for kind in kinds], "colours": [kind.colour for kind in kinds]},
        )
        model_files.write(path, network.state_dict(), header, half=half)

    def about(self) -> list[str]:
        """Pictures and network, in words."""
        return [
            f"pictures       {len(self.split.train):,} to train on, {len(self.split.held):,} held out ({self.split.what})",
            f"classes        {len(self.classes)}: {', '.join(self.classes[:8])}" + " and others" * (len(self.classes) > 8),
            f"crops          {len(self.source):,} an epoch, {self.recipe.data.crop} px",
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, "
            f"reach {self.contract.reach} px, stride {self.contract.stride}",
        ]

    def judge(self, run: Run) -> None:
        """Score the last averaged weights, which no held-out picture chose, on whole held-out pictures; kept in scores.json."""
        model = load(run.last, device=self.device.type)
        seen = [model.segment(picture) for picture in self.held.pictures]
        mask_scores.judge(run, self.held, seen, self.classes, self.palette, seed=self.seed)


def build(recipe: Segment, *, workers: int | None = None) -> SegmentTask:
    """The task a recipe describes; what is wrong with it is said when the part is made.  workers: instead of the recipe's number."""
    return SegmentTask(recipe, workers)


def train(recipe: Segment, folder: Path) -> Path:
    """Train from the start in a new run folder; returns the path of its best model."""
    return fitting.train(build(recipe), folder)


def resume(folder: Path, *, workers: int | None = None) -> Path:
    """Go on with a run that was stopped, to the end of its budget; returns the path of its best model."""
    return fitting.resume(build(recipes.read(Segment, runs.existing(folder).recipe), workers=workers), folder)


def evaluate(model: Segmenter, pictures: Scenes, *, seed: Seed) -> dict[str, Any]:
    """Scores on pictures with masks of the model's own classes, in its order."""
    held = scenes.held_out(pictures)
    count = len(model.classes)
    matrices = [metrics.confusion(model.segment(one), mask, count) for one, mask in zip(held.pictures, held.masks, strict=True)]
    return metrics.judged(matrices, model.classes, seed=seed.value)
