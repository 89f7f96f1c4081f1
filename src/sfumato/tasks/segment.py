"""The task `segment`: a recipe becomes pictures with masks, network, objective and learner; a model tells what each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from sfumato.core.errors import Refusal, unknown
from sfumato.core.levels import VOID, Levels
from sfumato.core.seed import Seed
from sfumato.data.masks import Scenes
from sfumato.losses.masks import balanced_weights
from sfumato.metrics import masks as metrics
from sfumato.nets import load as model_files
from sfumato.show import masks as drawn
from sfumato.tasks.parts import mapped, mask_scores, scenes, segmenter
from sfumato.tasks.parts.job import parameters_of
from sfumato.tasks.parts.judged import SaveModels
from sfumato.tasks.parts.map_scores import MapPreviews
from sfumato.tasks.parts.mapped import HeldMaps, MapCrops, Split, spread
from sfumato.tasks.parts.mask_scores import MaskScores, ShowScenes
from sfumato.tasks.parts.pixelwise import Pixelwise
from sfumato.tasks.parts.scenes import Masking
from sfumato.tasks.parts.segmenter import Segmenter
from sfumato.tasks.parts.segmenter import load as load
from sfumato.tasks.segment_recipe import Segment
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.run import Run


@dataclass(frozen=True)
class SegmentTask(Pixelwise):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Segment

    @cached_property
    def split(self) -> Split[Scenes]:
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

    @property
    def outputs(self) -> int:
        """See `Pixelwise`: one a class."""
        return len(self.classes)

    @cached_property
    def source(self) -> MapCrops:
        """See `Job`."""
        return self.crops(self.split.train, scenes.label, nears=False)

    @cached_property
    def held(self) -> HeldMaps:
        """See `Job`."""
        return HeldMaps.of(scene for scene in self.looked_at() if (scene.map != VOID).any())  # no loss could be told of the others

    @cached_property
    def objective(self) -> Masking:
        """The loss."""
        loss, count = self.recipe.loss, len(self.classes)
        named = loss.by_name()
        for name in named:
            if name not in self.classes:
                raise unknown("class", name, self.classes)
        if loss.classes == "equal" and not named:
            return Masking(loss.gamma, loss.dice)
        weights = balanced_weights(scenes.counts(self.source.maps, count)) if loss.classes == "balanced" else np.ones(count, np.float32)
        own = np.array([named.get(name, 1.0) for name in self.classes], np.float32)
        return Masking(loss.gamma, loss.dice, tuple((weights * own).tolist()))

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Held-out scores, previews, models and the bar."""
        scores = MaskScores(len(self.classes), stats, spread(len(self.held), self.recipe.previews.count))
        return [
            ShowScenes(run, self.classes, self.palette),
            scores,
            MapPreviews(run, self.held, scores, mask_scores.over(self.palette)),
            SaveModels(run, scores, self.save, by="mean_iou"),
            ShowProgress(scores=scores.words),
        ]

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int) -> None:
        """Write a model file of the network as it stands."""
        kinds = self.split.train.legend.classes
        data = self.recipe.data
        header = self.header(
            {name: {"mean": value, "n": len(self.held), "what": self.split.what} for name, value in scores.items()},
            data={"known": "" if data.folders else data.known, "pictures": len(self.split.train)},
            card={
                "steps": step,
                "classes": [kind.name for kind in kinds],
                "colours": [kind.colour for kind in kinds],
                "numbers": [kind.number for kind in kinds],
            },
        )
        model_files.write(path, network.state_dict(), header)

    def about(self) -> list[str]:
        """Pictures and network, in words."""
        return [
            f"pictures       {len(self.split.train):,} to train on, {len(self.split.held):,} held out ({self.split.what})",
            f"classes        {len(self.classes)}: {', '.join(self.classes[:8])}" + " and others" * (len(self.classes) > 8),
            f"crops          {len(self.source):,} an epoch, {self.recipe.data.crop} px",
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, "
            f"reach {self.contract.reach} px, stride {self.contract.stride}",
        ]

    def meant(self, outputs: Tensor) -> Tensor:
        """See `Pixelwise`."""
        return segmenter.likely(outputs)

    def score(self, run: Run) -> None:
        """See `Pixelwise`."""
        model = load(run.last, device=self.device.type)
        mask_scores.judge(run, mapped.scenes(self.split.held), model.segment, self.classes, self.palette, seed=self.seed)


build = SegmentTask  # as a recipe is built into a task: segment.build(recipe)


def evaluate(model: Segmenter, pictures: Scenes, *, seed: Seed) -> dict[str, Any]:
    """Scores on pictures with masks of the model's own classes, in its order."""
    if (theirs := pictures.legend.names) != model.classes:
        raise Refusal(f"The masks tell {', '.join(theirs)} apart, but the model {', '.join(model.classes)}: it cannot be scored on them.")
    matrices, _ = mask_scores.measured(mapped.scenes(pictures), model.segment, len(model.classes))
    return metrics.judged(matrices, model.classes, seed=seed.value)
