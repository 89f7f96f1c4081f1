"""Repair against a critic: what each side makes small, and how the critic is taught before the game begins (fast.ai 2018, lesson 7).

Real and made pictures reach the critic by the same path: within 0..1 and on the levels of a file, so that it cannot tell them by what
no file keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sfumato.core.levels import Levels, as_written, batch_to_levels, batch_to_unit
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data import array_file
from sfumato.data.array_file import Chunks, Notes
from sfumato.data.batches import Batch, Batches, Place, Stacked
from sfumato.losses import adversarial
from sfumato.losses.features import FeatureNetwork
from sfumato.nets import critics
from sfumato.nets.critic_arguments import Patch, Seeing
from sfumato.nets.surgery.borrow import open_classifier
from sfumato.tasks.parts.difference import Difference
from sfumato.tasks.parts.sections import Game
from sfumato.train.budget import Budget
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import ACCURACY, CRITIC, FOOLED, LOSES, ON_REAL, SMOOTHED, Adaptive, Both, Ratio, Rule, Table
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.callbacks.stop import StopGently
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome
from sfumato.train.run import Run

HELD = 0.2  # share of the cached pairs on which the critic's accuracy is measured before the game


@dataclass(frozen=True)
class Fooling:
    """The generator's objective: plain repair, and `weight` times what the critic says.  At weight 0 it is plain repair, bit for bit."""

    plain: Difference
    critic: nn.Module
    game: adversarial.Game
    weight: float
    tells_loss: bool = False  # the critic's loss as well, for a rule that looks at it

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """The parts of plain repair, and `critic`."""
        outcome = self.plain(network, batch, draw)
        if not self.weight:
            return outcome
        assert outcome.outputs is not None
        made = self.critic(as_written(outcome.outputs))
        real = made
        if self.game.relative or self.tells_loss:
            with torch.no_grad():
                real = self.critic(as_written(batch.target))
        term = self.weight * self.game.generator(real, made)
        parts = {**outcome.parts, CRITIC: term.detach(), FOOLED: self.game.fooled(real, made)}
        if self.tells_loss:
            parts[LOSES] = self.game.critic(real, made.detach())
        return replace(outcome, loss=outcome.loss + term, parts=parts, terms={**outcome.terms, CRITIC: term})


@dataclass(frozen=True)
class Telling:
    """The critic's objective: to tell real pictures from repaired ones.

    slope : weight of R1, which is taken at one of `every` steps, and so many times as strong.
    """

    generator: nn.Module
    game: adversarial.Game
    slope: float = 0.0
    every: int = 1

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """Both kinds in one pass; parts: how often it is right, and R1."""
        with torch.no_grad():
            made = as_written(self.generator(batch.input))
        real = as_written(batch.target)
        of_real, of_made = network(torch.cat([real, made])).chunk(2)
        loss = self.game.critic(of_real, of_made)
        parts = {ACCURACY: self.game.accuracy(of_real, of_made), ON_REAL: self.game.on_real(of_real, of_made)}
        if self.slope and draw.initial_seed() % self.every == 0:  # which steps these are follows from the step's seed alone
            slope = self.slope * self.every * adversarial.r1(network, real)
            parts |= {"r1": slope.detach(), LOSES: loss.detach()}
            loss = loss + slope
        return Outcome(loss, parts)


def build(spec: Patch | Seeing, plain: Difference, channels: int) -> nn.Module:
    """The critic a recipe asks for; one that sees by a classifier sees by the one that judges features."""
    if isinstance(spec, Seeing):
        assert plain.perception is not None  # the recipe was refused otherwise
        return critics.FeatureCritic(plain.perception.network, width=spec.width, spectral=spec.spectral)
    return critics.build(spec, channels)


def judge(game: Game, plain: Difference, device: torch.device) -> FeatureNetwork | None:
    """Whose eyes choose the snapshot: a classifier named for it, the one that teaches, or nobody's."""
    if game.judge:
        return FeatureNetwork(open_classifier(game.judge)[1]).to(device)
    return None if plain.perception is None else plain.perception.network


def rule(game: Game) -> Rule:
    """The switching rule a recipe asks for."""
    if game.rule == "both":
        return Both()
    if game.rule == "ratio":
        return Ratio(game.ratio)
    return Adaptive(by=game.rule, low=game.low, high=game.high, least=game.least, most=game.most)


@dataclass(frozen=True, eq=False)
class Cached:
    """Pairs that were made before: repaired and real pictures, uint8 (N, H, W, 2C), the repaired one's channels first.

    rows : which of them, int64 (n,).
    """

    pictures: Levels
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def prepare(self, indices: Sequence[int]) -> None:
        """Nothing is to be decoded."""

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`."""
        chosen = torch.from_numpy(self.pictures[self.rows[[index for _, index in places]]])
        made, real = torch.split(chosen, chosen.shape[-1] // 2, dim=-1)
        return made, real

    def name(self, index: int) -> str:
        """See `Source`."""
        return f"cached pair {self.rows[index]}"


class Enough(Callback):
    """Ends the teaching of a critic that is right often enough for the rule to give the turn away: more would only help it to win.

    Smoothed as in the game.  A teaching is not gone on with after a stop, it begins again: nothing is to be remembered.
    """

    follows = (SkipNonFinite,)

    def __init__(self, at: float):
        self.at, self.accuracy = at, 0.5

    def after_update(self, learner: Learner) -> None:
        """Each batch is one that it was asked about before it learnt from it."""
        self.accuracy += (learner.outcome.parts[ACCURACY].item() - self.accuracy) / SMOOTHED
        if self.accuracy >= self.at:
            learner.finish(f"the critic is right {self.accuracy:.1%} of the time, which is enough to begin with")


class Warming(Callback):
    """Before the first step: what the generator makes is cached beside the real pictures, and the critic learns to tell them apart.

    table : what the game's rule looks at; it begins with how good the critic is by then.  crops : an item's of each picture.
    """

    def __init__(self, run: Run, stats: Stats, telling: Telling, game: Game, seed: Seed, table: Table, crops: int):
        self.run, self.stats, self.game, self.seed, self.table, self.crops = run, stats, game, seed, table, crops
        self.telling = replace(telling, generator=nn.Identity())  # its outputs are there
        self.accuracy = 0.5  # on cached pairs that taught it nothing

    def before_fit(self, learner: Learner) -> None:
        """A run that goes on has a critic that was taught."""
        if learner.resumed is not None or not self.game.warm_steps:
            return
        pictures, items = self._cached(learner)
        held, taught = split(items // self.crops)
        steps = self._teach(learner, Cached(pictures, taught)) if len(taught) else 0
        asked = Cached(pictures, held)
        self.accuracy = self.table.accuracy = told_rightly(learner.players[CRITIC].network, self.telling.game, asked, learner.device)
        del pictures, asked
        for path in self.run.folder.glob(f"{self.cache.name}*"):
            with suppress(OSError):  # still mapped, on Windows
                path.unlink()
        self.stats.add(learner, "taught", accuracy=self.accuracy, pairs=len(held), steps=steps)
        say(f"the critic tells real from repaired {self.accuracy:.1%} of the time before the game ({len(held)} pairs held out)")

    def _cached(self, learner: Learner) -> tuple[Levels, NDArray[np.int64]]:
        """uint8 (N, H, W, 2C), as files would hold them; and which item of the epoch each is."""

        def make(notes: Notes) -> Chunks:
            notes["items"] = []
            learner.network.eval()
            with closing(learner.batches.stream(0, 0)) as stream:
                wanted = -(-self.game.warm_pairs // learner.batches.batch)
                batches = min(learner.batches.per_epoch, wanted)  # a later epoch may have crops of another size
                for batch in islice(stream, batches):
                    notes["items"] += batch.items
                    yield _beside(learner.network, batch.to(learner.device))
            learner.network.train()

        pictures, notes = array_file.keep(self.cache, "pairs with their items", make)
        return pictures, np.array(notes["items"], np.int64)

    @property
    def cache(self) -> Path:
        """Where the pairs are while the critic is taught."""
        return self.run.folder / f"critic{array_file.SUFFIX}"

    def _teach(self, learner: Learner, pairs: Cached) -> int:
        """The critic learns.  -> the steps it took"""
        critic = learner.players[CRITIC]
        enough = [Enough(self.game.high)] if self.game.rule == "accuracy" else []
        teaching = Learner(
            critic.network,
            Batches(source=pairs, batch=learner.batches.batch, seed=self.seed),
            self.telling,
            optimiser=critic.optimiser,
            schedule=lambda progress: 1 - progress,  # at a rate that stays, what it knows after all steps is that of the last few batches
            budget=Budget(steps=self.game.warm_steps),
            seed=self.seed,
            device=learner.device,
            precision=critic.precision,
            clip=critic.clip,
            callbacks=[StopGently(), SkipNonFinite(), *enough, ShowProgress("teaching the critic")],
        )
        teaching.fit()
        return teaching.step

    def state(self) -> dict[str, float]:
        """How good the critic was."""
        return {"accuracy": self.accuracy}

    def load_state(self, state: dict[str, float]) -> None:
        """Take up what `state` gave."""
        self.accuracy = state["accuracy"]


def _beside(network: nn.Module, batch: Batch) -> Levels:
    """What is made and what is good, uint8 (B, H, W, 2C)."""
    with torch.inference_mode():
        return np.concatenate([batch_to_levels(one).cpu().numpy() for one in (network(batch.input), batch.target)], -1)


def split(pictures: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to ask the critic about, and rows to teach it by, by the picture of each: none is on both sides, if there are two."""
    different = list(dict.fromkeys(pictures.tolist()))  # in the order of an epoch, which is a shuffled one
    held = np.isin(pictures, different[: max(1, round(HELD * len(different)))])
    if held.all():  # one picture alone
        held[1:] = False
    return np.flatnonzero(held), np.flatnonzero(~held)


def told_rightly(critic: nn.Module, game: adversarial.Game, pairs: Cached, device: torch.device, at_once: int = 32) -> float:
    """How often a critic in evaluation mode is right about cached pairs."""
    was_training = critic.training
    critic.eval()
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(pairs), at_once):
            both = pairs.gather([(0, index) for index in range(start, min(start + at_once, len(pairs)))])
            made, real = (critic(batch_to_unit(one).to(device)) for one in both)
            total += len(made) * game.accuracy(real, made).item()
    critic.train(was_training)
    return total / len(pairs)
