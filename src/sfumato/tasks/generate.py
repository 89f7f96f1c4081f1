"""The task `generate`: a recipe becomes pictures, a network that makes such from noise, and the game that teaches it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import nn

from sfumato.data import items, packed
from sfumato.data.items import Items
from sfumato.data.known import catalogue
from sfumato.data.labelled import Labelled, Pictures
from sfumato.data.rows import Rows
from sfumato.nets import load as model_files
from sfumato.nets.dreaming import Judge
from sfumato.show.sheets import save_png, sheet
from sfumato.tasks.generate_recipe import Generate
from sfumato.tasks.parts import dreams, training
from sfumato.tasks.parts.dreams import Clip, Dreaming, Judging
from sfumato.tasks.parts.dreams import load as load
from sfumato.tasks.parts.job import Job, parameters_of
from sfumato.tasks.parts.sections import AdamW
from sfumato.tasks.parts.watch import forget_undone
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import CRITIC, Game, Ratio
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.learner import Learner
from sfumato.train.player import Player
from sfumato.train.run import Run
from sfumato.train.steps.precision import Precision
from sfumato.train.tune import Tuned

SHOWN = 6  # pictures a side of a preview


@dataclass(frozen=True)
class GenerateTask(Job):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Generate
    gathers_rows: ClassVar[bool] = True

    @cached_property
    def pictures(self) -> np.ndarray:
        """uint8 (N, side, side, 3), whatever they show."""
        data = self.recipe.data
        found: list[Pictures] = [items.from_folder(Path(folder)) for folder in data.folders]
        found = found or [catalogue.open_set(data.known, part="train").pictures]
        channels = 1 if data.channels == "grey" else 3
        arrays = []
        for part in found:
            bare = Labelled(part, np.zeros(len(part), np.int64), ("picture",))
            kept, _ = packed.pack(bare, side=self.recipe.network.side, channels=channels)  # type: ignore[arg-type]  # 1 or 3
            assert not isinstance(kept.pictures, Items)
            arrays.append(kept.pictures)
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    @cached_property
    def source(self) -> Rows:
        """See `Job`."""
        return Rows(self.pictures, np.zeros(len(self.pictures), np.int64), self.seed)

    @property
    def held(self) -> Any:
        """Nothing is held out: there is no right answer."""
        return ()

    @property
    def network_spec(self) -> Any:
        """See `Job`."""
        return self.recipe.network

    @property
    def channels(self) -> int:
        """See `Job`."""
        return int(self.pictures.shape[3])

    @cached_property
    def network(self) -> nn.Module:
        """A fresh network from the run's seed."""
        return self.fresh().to(self.device)

    @cached_property
    def critic(self) -> nn.Module:
        """A fresh critic from the run's seed."""
        side, most, width = self.recipe.network.side, self.recipe.network.most, self.recipe.critic.width
        return self.seeded("critic", lambda: Judge(self.channels, side=side, width=width, most=most)).to(self.device)

    @cached_property
    def objective(self) -> Dreaming:
        """The generator's."""
        return Dreaming(self.critic, self.recipe.network.noise)

    @cached_property
    def game(self) -> Game:
        """See `Job`."""
        return Game(Ratio(self.recipe.critic.steps))

    def opponents(self, tuned: Tuned) -> list[Player]:
        """See `Job`: the critic."""
        spec = self.recipe.critic
        penalty = spec.penalty if spec.keep == "gradient-penalty" else 0.0
        optimiser = training.optimiser(AdamW(rate=spec.rate, beta1=0.0, beta2=0.9, weight_decay=0.0), self.critic)
        telling = Judging(self.network, self.recipe.network.noise, penalty)
        return [Player(CRITIC, self.critic, telling, optimiser, lambda progress: 1.0, Precision(tuned.precision, self.device))]

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Samples, models and the bar."""
        clip = [Clip(self.recipe.critic.limit)] if self.recipe.critic.keep == "clip" else []
        return [*clip, Samples(run, self), ShowProgress()]

    def save(self, path: Path, network: nn.Module, step: int) -> None:
        """Write a model file of the network as it stands."""
        data = {"known": self.recipe.data.known, "folders": list(self.recipe.data.folders), "pictures": len(self.pictures)}
        model_files.write(path, network.state_dict(), self.header({}, data=data, card={"steps": step}))

    def about(self) -> list[str]:
        """Pictures and networks, in words."""
        spec, noise = self.recipe.critic, self.recipe.network.noise
        return [
            f"pictures       {len(self.pictures):,} of {self.recipe.network.side} px",
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, from {noise} numbers",
            f"critic         {parameters_of(self.critic):,} parameters, {spec.steps} batches for each of the network's; {spec.keep}",
        ]

    def judge(self, run: Run) -> None:
        """What it makes is looked at, not scored."""


build = GenerateTask  # as a recipe is built into a task: generate.build(recipe)


class Samples(Callback):
    """Pictures from noise that is always the same, after every phase `valid`, and the model that made them."""

    def __init__(self, run: Run, task: GenerateTask):
        self.run, self.task = run, task
        self.noise = dreams.noises(task.recipe.network.noise, SHOWN * SHOWN, task.seed)

    def before_fit(self, learner: Learner) -> None:
        """Those of steps that a kill undid go."""
        forget_undone(self.run, learner)

    def after_phase(self, learner: Learner) -> None:
        """A sheet in `previews`, and last.safetensors."""
        if learner.phase != "valid":
            return
        made = dreams.sampled(learner.shown, self.noise, learner.device)
        rows = [[*made[start : start + SHOWN]] for start in range(0, len(made), SHOWN)]
        for name in (f"{learner.step:07d}-00.png", "sheet.png"):
            save_png(self.run.previews / name, sheet(rows, scale=1))
        self.task.save(self.run.last, learner.shown, learner.step)
