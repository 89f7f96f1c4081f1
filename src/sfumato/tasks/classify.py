"""The task `classify`: a recipe becomes labelled pictures, network, objective and learner; a model names what pictures show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from sfumato.core import files
from sfumato.core.levels import Levels
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data import packed
from sfumato.data.augment import catalogue as augmentations
from sfumato.data.augment import mix
from sfumato.data.augment.transform import Chain
from sfumato.data.labelled import Labelled
from sfumato.data.rows import HeldRows, Rows
from sfumato.metrics import classes as metrics
from sfumato.nets import load as model_files
from sfumato.nets.surgery import summary
from sfumato.show import plots
from sfumato.tasks.classify_recipe import Classify
from sfumato.tasks.parts import classifier, inside, labels, naming_scores, training
from sfumato.tasks.parts.classifier import load as load
from sfumato.tasks.parts.inside import ShowBatch
from sfumato.tasks.parts.job import Job, parameters_of
from sfumato.tasks.parts.judged import SaveModels
from sfumato.tasks.parts.labels import Split
from sfumato.tasks.parts.naming import Augmenting, Naming
from sfumato.tasks.parts.naming_scores import ClassScores
from sfumato.train.callback import Callback
from sfumato.train.callbacks.change import Change, nothing
from sfumato.train.callbacks.predictions import Predictions
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.run import Run
from sfumato.train.surface import surface

HELD_BATCH = 256  # pictures at once in validation
SLICED = 4  # batches that a slice of the loss is taken over


@dataclass(frozen=True)
class ClassifyTask(Job):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Classify
    gathers_rows: ClassVar[bool] = True

    @cached_property
    def split(self) -> Split:
        """Training and held-out pictures, decoded."""
        return labels.gather(self.recipe.data, self.seed)

    @cached_property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and spread of every channel of the training pictures, in units of 0..1; saved inside the network."""
        mean, spread = packed.statistics(_array(self.split.train))
        return tuple(map(float, mean)), tuple(max(float(one), 1e-3) for one in spread)

    @cached_property
    def source(self) -> Rows:
        """See `Job`."""
        train = self.split.train
        return Rows(_array(train), train.labels, self.seed, partners=self._mixes, names=self.split.names)

    @cached_property
    def held(self) -> HeldRows:
        """See `Job`."""
        held = self.split.held
        return HeldRows(_array(held), held.labels, HELD_BATCH)

    @cached_property
    def change(self) -> Change:
        """Augmentation and mixing, on the device."""
        augment = self.recipe.augment
        mean, spread = self.statistics
        chain = augmentations.parse(augment.chain, mean=mean, spread=spread) if augment.chain else Chain(())
        chain = dataclasses.replace(chain, same=augment.same)
        mixing = {"off": None, "mixup": mix.Mixup(augment.alpha), "cutmix": mix.CutMix(augment.alpha)}[augment.mix]
        if self.recipe.train.overfit or (not chain.transforms and mixing is None):
            return nothing
        return Augmenting(chain, mixing, len(self.classes), self.seed)

    @property
    def _mixes(self) -> bool:
        """What is to be learnt by heart is seen as it is."""
        return self.recipe.augment.mix != "off" and not self.recipe.train.overfit

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of labels."""
        return self.split.train.classes

    @cached_property
    def network_spec(self) -> Any:
        """Kind and arguments; classes, statistics and side are those of the pictures."""
        mean, spread = self.statistics
        side, spec = labels.check_square(self.split), self.recipe.network
        if spec.mean:  # a published network has its own statistics, which its weights were learnt with
            mean, spread = spec.mean, spec.spread
        return dataclasses.replace(spec, classes=len(self.classes), mean=mean, spread=spread, side=side)

    @cached_property
    def network(self) -> nn.Module:
        """A fresh network from the run's seed; with `start_from`, it takes the weights that fit."""
        network = self.fresh()
        if self.recipe.start_from:
            training.take_over(network, Path(self.recipe.start_from))
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
        return network.to(self.device)

    @property
    def channels(self) -> int:
        """See `Job`."""
        return int(_array(self.split.train).shape[3])

    @property
    def objective(self) -> Naming:
        """The loss."""
        return Naming(smoothing=self.recipe.loss.smoothing, decoupled=self.recipe.loss.decoupled)

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Held-out scores, models and the bar."""
        answers = Predictions()
        scores = ClassScores(stats, answers)
        saves = SaveModels(run, scores, self.save, by="accuracy")
        return [ShowBatch(run, self.classes), answers, scores, saves, ShowProgress(scores=scores.words)]

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int) -> None:
        """Write a model file of the network as it stands."""
        header = self.header(
            {name: {"mean": value, "n": len(self.split.held), "what": self.split.what} for name, value in scores.items()},
            data={"known": self.recipe.data.known, "folders": list(self.recipe.data.folders), "pictures": len(self.split.train)},
            card={"steps": step, "classes": list(self.classes)},
        )
        model_files.write(path, network.state_dict(), header)

    def about(self) -> list[str]:
        """Pictures and network, in words."""
        train, held = self.split.train, self.split.held
        counts = train.counts()
        return [
            f"pictures       {len(train):,} to train on, {len(held):,} held out ({self.split.what})",
            f"classes        {len(self.classes)}, of {counts.min():,} to {counts.max():,} pictures",
            f"augmentation   {self.recipe.augment.chain or 'none'}" + (f", {self.recipe.augment.mix}" * (self.recipe.augment.mix != "off")),
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, "
            f"sees {self.network_spec.side} x {self.network_spec.side} px, {self.channels} channel(s)",
        ]

    def judge(self, run: Run) -> None:
        """Score the last averaged weights, which no held-out picture chose; kept in scores.json with pictures beside it."""
        shape = (self.channels, self.network_spec.side, self.network_spec.side)
        files.make_folder(run.instruments)
        files.write_text(run.instrument("summary.txt"), summary.summary(self.network, shape).text())
        if not len(self.split.held):
            say("No picture was held out, so nothing was scored: give more pictures, or another data.split.")
            return
        model = load(run.last, device=self.device.type)
        likely = model.probabilities(_array(self.split.held))
        naming_scores.judge(run, self.split.held, likely, seed=self.seed)
        if self.recipe.look.surface != "off":
            self._draw_surface(run, model.network)

    def _draw_surface(self, run: Run, network: nn.Module) -> None:
        """A slice of the loss of the first training batches, as they are loaded, around what was learnt."""
        steps = int(self.recipe.look.surface)
        batches = [one.to(self.device) for one in islice(self.batches.stream(0, 0), SLICED)]
        if self._mixes:
            batches = [self.change(one) for one in batches]
        grid = surface(network, batches, self.objective, seed=self.seed, device=self.device, steps=steps)
        files.write_bytes(run.instrument("surface.png"), plots.surface(grid.places, grid.losses))

    def show_batch(self, count: int = 24) -> Levels:
        """The first training batch as the network sees it, with names: a sheet uint8 (H, W, 3)."""
        return inside.drawn_batch(self.change(next(self.batches.stream(0, 0)).to(self.device)), self.classes, count)

    def show_item(self, index: int, times: int = 24) -> Levels:
        """One training picture as augmentation draws it again and again: a sheet uint8 (H, W, 3)."""
        return inside.drawn_item(self.source, self.change, index, times)


build = ClassifyTask  # as a recipe is built into a task: classify.build(recipe)


def _array(part: Labelled) -> np.ndarray:
    assert isinstance(part.pictures, np.ndarray)  # packed
    return part.pictures


def evaluate(model: classifier.Classifier, pictures: Labelled, *, seed: Seed, views: classifier.Views = "one") -> dict[str, Any]:
    """Scores on labelled pictures of the model's own classes."""
    packed_, _ = packed.pack(pictures, side=model.side, channels=1 if model.header.contract.channels == 1 else 3)
    likely = model.probabilities(_array(packed_), views=views)
    return metrics.judged(likely, packed_.labels, packed_.classes, seed=seed.value)
