"""The task `depth`: a recipe becomes pictures with depth maps, network, objective and learner; a model tells how far each pixel is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sfumato.core.seed import Seed
from sfumato.data import depths
from sfumato.data.depths import Depths
from sfumato.nets import load as model_files
from sfumato.nets.reach import as_it_is
from sfumato.tasks.depth_recipe import Depth
from sfumato.tasks.parts import depth_scores
from sfumato.tasks.parts.depth_model import DepthModel
from sfumato.tasks.parts.depth_model import load as load
from sfumato.tasks.parts.depth_scores import DepthScores, Ranging
from sfumato.tasks.parts.job import parameters_of
from sfumato.tasks.parts.judged import SaveModels
from sfumato.tasks.parts.map_scores import MapPreviews, ShowMaps
from sfumato.tasks.parts.mapped import HeldMaps, MapCrops, Split, spread
from sfumato.tasks.parts.pixelwise import Pixelwise
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.run import Run


@dataclass(frozen=True)
class DepthTask(Pixelwise):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Depth
    outputs = 1  # the logarithm of the depth over the middle one

    @cached_property
    def split(self) -> Split[Depths]:
        """Training and held-out pictures."""
        return depth_scores.gather(self.recipe.data, self.seed)

    @cached_property
    def middle(self) -> float:
        """Logarithm of the middle depth of the training pictures, in metres."""
        return depth_scores.middle(self.split.train)

    @cached_property
    def source(self) -> MapCrops:
        """See `Job`."""
        train = self.split.train
        return self.crops(train, partial(depths.to_metres, unit=train.unit), nears=bool(self.recipe.data.folders))

    @cached_property
    def held(self) -> HeldMaps:
        """See `Job`."""
        called = "held-out depth maps, of which the middles are looked at while learning,"
        return HeldMaps.of(depth_scores.knowing(self.looked_at(), called))

    @cached_property
    def objective(self) -> Ranging:
        """The loss."""
        return Ranging(self.middle, self.recipe.loss.forgiven)

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Held-out scores, previews, models and the bar."""
        scores = DepthScores(self.middle, stats, spread(len(self.held), self.recipe.previews.count))
        return [
            ShowMaps(run, depth_scores.over, lambda target: target.numpy()),
            scores,
            MapPreviews(run, self.held, scores, depth_scores.over),
            SaveModels(run, scores, self.save, by="delta1"),
            ShowProgress(scores=scores.words),
        ]

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int) -> None:
        """Write a model file of the network as it stands."""
        train = self.split.train
        header = self.header(
            {name: {"mean": value, "n": len(self.held), "what": self.split.what} for name, value in scores.items()},
            data={"folders": list(self.recipe.data.folders) or ["made scenes of leaves"], "pictures": len(train)},
            card={"steps": step, "middle": self.middle, "unit": train.unit},
        )
        model_files.write(path, network.state_dict(), header)

    def about(self) -> list[str]:
        """Pictures and network, in words."""
        return [
            f"pictures       {len(self.split.train):,} to train on, {len(self.split.held):,} held out ({self.split.what})",
            f"depth          {math.exp(self.middle):.2f} m in the middle; one step of a map is {self.split.train.unit:g} m",
            f"crops          {len(self.source):,} an epoch, {self.recipe.data.crop} px",
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, "
            f"reach {self.contract.reach} px, stride {self.contract.stride}",
        ]

    def meant(self, outputs: Tensor) -> Tensor:
        """See `Pixelwise`."""
        return as_it_is(outputs)

    def score(self, run: Run) -> None:
        """See `Pixelwise`."""
        model = load(run.last, device=self.device.type)
        depth_scores.judge(run, depth_scores.held_out(self.split.held), model.depth, math.exp(self.middle), seed=self.seed)


build = DepthTask  # as a recipe is built into a task: depth.build(recipe)


def evaluate(model: DepthModel, pictures: Depths, *, seed: Seed) -> dict[str, Any]:
    """Scores on pictures with depth maps, beside one depth for everything: the middle one of the model's training."""
    constant = math.exp(float(model.header.card["middle"]))
    return depth_scores.compared(depth_scores.held_out(pictures), model.depth, constant, seed=seed)[0]
