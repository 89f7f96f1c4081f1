"""What all tasks that train do alike: seed, device and processes, choices made by measuring, the learner with what keeps a run safe."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import sfumato
from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.core.system import devices
from sfumato.data.batches import Batches, Source
from sfumato.data.rows import FirstBatches
from sfumato.nets import catalogue as networks
from sfumato.nets import encoder_unet
from sfumato.nets.load import Contract, Header
from sfumato.nets.reach import LIMIT
from sfumato.nets.surgery import groups
from sfumato.nets.surgery.borrow import lender
from sfumato.tasks.parts import begun, training
from sfumato.train import find_rate as rates
from sfumato.train import ranks, tune
from sfumato.train.budget import Budget
from sfumato.train.callback import Callback
from sfumato.train.callbacks import state
from sfumato.train.callbacks.activations import Activations
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.change import Change, ChangeBatch, nothing
from sfumato.train.callbacks.forms import OtherForm
from sfumato.train.callbacks.game import GENERATOR, Game
from sfumato.train.callbacks.nonfinite import SkipNonFinite, WatchDivergence
from sfumato.train.callbacks.stats import Stats
from sfumato.train.callbacks.stop import StopGently
from sfumato.train.callbacks.thaw import Thaw
from sfumato.train.callbacks.track import Track
from sfumato.train.learner import Held, Learner
from sfumato.train.objective import Objective
from sfumato.train.player import Player, alone
from sfumato.train.ranks import Ranks
from sfumato.train.run import Run
from sfumato.train.steps.precision import Precision
from sfumato.train.tune import Trial, Tuned


@dataclass(frozen=True)
class Job(ABC):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Any
    workers_here: int | None = None  # processes that load, instead of the recipe's number; the result does not depend on it
    looks_within_epochs: ClassVar[bool] = False  # held-out data is looked at after each tenth of the budget, though an epoch be longer
    gathers_rows: ClassVar[bool] = False  # batches are picked from an array, which takes less than handing them over to others would

    # what each task says for itself -----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def source(self) -> Source:
        """Where training batches come from."""

    @property
    @abstractmethod
    def held(self) -> Held:
        """Held-out batches for validation."""

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """What is trained, on the device."""

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """The loss."""

    @abstractmethod
    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """What looks at the network while it learns: scores, previews, models."""

    @abstractmethod
    def about(self) -> list[str]:
        """Lines of the plan that tell data and network."""

    @abstractmethod
    def judge(self, run: Run) -> None:
        """Scores of the finished model, kept in the run folder."""

    @property
    def change(self) -> Change:
        """What batches go through on the device."""
        return nothing

    @property
    @abstractmethod
    def network_spec(self) -> Any:
        """Kind and arguments of the network."""

    @property
    def channels(self) -> int:
        """Of the pictures that the network takes or, from noise, gives."""
        return 3

    @cached_property
    def contract(self) -> Contract:
        """What the network promises to whoever uses it: that it takes a picture as a whole, unless a task says more."""
        return Contract(channels=self.channels, stride=1, reach=LIMIT, tiles=False)

    def prepare(self) -> None:
        """Make what a training needs whatever becomes of it; what is wrong with the recipe or its pictures is refused by that."""
        _ = self.network, self.objective, self.source, self.held, self.budget

    # what is the same for all -----------------------------------------------------------------------------------------

    @property
    def seed(self) -> Seed:
        """The run's seed."""
        return Seed(self.recipe.train.seed)

    def seeded(self, purpose: str, make: Callable[[], nn.Module]) -> nn.Module:
        """What `make` gives: its weights follow from the run's seed and the purpose alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed.number(purpose))
            return make()

    def fresh(self) -> nn.Module:
        """A network from the run's seed, over a classifier's weights where one lends them."""
        network = self.seeded("network", lambda: networks.build(self.network_spec, self.channels))
        if self._lent is not None:
            encoder_unet.lend(self._lent[1], network)  # type: ignore[arg-type]  # its spec says that it is one
        return network

    @cached_property
    def asked(self) -> Any:
        """Kind and arguments of the network that the recipe names, over the body that a classifier lends."""
        spec = self.recipe.network
        return spec if self._lent is None else replace(spec, encoder=self._lent[0], encoder_from="")

    @cached_property
    def _lent(self) -> tuple[Any, nn.Module] | None:
        """The classifier whose body and weights the network takes, and what it is made from."""
        return lender(self.recipe.network)

    @cached_property
    def ranks(self) -> Ranks:
        """The processes that train together."""
        return ranks.join(devices.resolve(self.recipe.train.device).device.type)

    @cached_property
    def device(self) -> torch.device:
        """Where the network is trained."""
        return self.ranks.device(devices.resolve(self.recipe.train.device).device)

    @cached_property
    def batches(self) -> Batches:
        """Training batches, with as many workers as were asked for; none where that is to be measured."""
        train = self.recipe.train
        source = FirstBatches(self.source, train.overfit * train.batch) if train.overfit else self.source
        workers, together = self.workers or 0, train.accumulate
        if train.overfit % together:
            raise Refusal(f"train.overfit = {train.overfit} must be a multiple of train.accumulate = {together}, the batches of a step.")
        return Batches(source=source, batch=train.batch, seed=self.seed, accumulate=together, workers=workers, share=self.ranks.share)

    @property
    def workers(self) -> int | None:
        """Processes that load beside the one that trains; None: to be measured."""
        wanted = self.recipe.train.workers if self.workers_here is None else self.workers_here
        return (0 if self.gathers_rows else None) if isinstance(wanted, str) else wanted

    @cached_property
    def budget(self) -> Budget:
        """Steps or minutes."""
        return training.budget(self.recipe.train, self.batches.per_epoch)

    def tuned(self) -> Tuned:
        """How the training is carried out: measured where the recipe leaves it open."""
        train = self.recipe.train
        if train.tune:
            return tune.tune(self._trial, precision=train.precision, workers=self.workers)
        name = tune.default_precision(self.device) if train.precision == "auto" else train.precision
        return tune.chosen(name, "train.tune = false", tune.default_workers(self.device) if self.workers is None else self.workers)

    @property
    def _trial(self) -> Trial:
        return Trial(
            network=self.network,
            objective=self.measured,
            batches=self.batches,
            device=self.device,
            optimiser=self.optimiser,
            seconds=math.inf if self.budget.seconds is None else self.budget.seconds,
            steps=math.inf if self.budget.steps is None else self.budget.steps,
            change=self.change,
            compiles=self.game is None,
        )

    @property
    def measured(self) -> Objective:
        """What is timed when choices are made by measuring: nothing but the network may take note of it."""
        return self.objective

    def optimiser(self, network: nn.Module, fused: bool) -> torch.optim.Optimizer:
        """What changes the weights; with fine-tuning, each stage has a rate of its own.  fused: in one kernel, where there is one."""
        return training.optimiser(self.recipe.optimiser, network, factor=self.recipe.fine_tune.factor, fused=fused)

    @cached_property
    def game(self) -> Game | None:
        """Who plays when, where there is more than one who learns."""
        return None

    def opponents(self, tuned: Tuned) -> list[Player]:
        """Who learns beside the network."""
        return []

    def learner(self, tuned: Tuned, run: Run) -> Learner:
        """The learner, with everything that keeps a run safe and visible."""
        recipe = self.recipe
        layout = torch.channels_last if tuned.channels_last else torch.contiguous_format
        network = self.network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's own stubs do not know it
        optimiser = self.optimiser(network, tuned.fused)
        return Learner(
            network,
            self._helped(tuned.workers if self.workers is None else self.workers),
            self.objective,
            held_out=self.held if self.ranks.writes else (),
            optimiser=optimiser,
            schedule=training.schedule(recipe.schedule),
            budget=self.budget,
            seed=self.seed,
            device=self.device,
            precision=Precision(tuned.precision, self.device),
            clip=None if recipe.optimiser.clip == "off" else float(recipe.optimiser.clip),
            valid_due=training.due(recipe.train.valid_every, within=self._looks_within),
            ranks=self.ranks,
            callbacks=[*self._careful(tuned), *(self._writing(run) if self.ranks.writes else [])],
            name=GENERATOR if self.game else "network",
            opponents=self.opponents(tuned),
            turns=self.game.turns if self.game else alone,
        )

    @property
    def _looks_within(self) -> bool:
        """Where a number of epochs is given, only of games, for whether they go well is seen nowhere else."""
        return self.looks_within_epochs and (self.recipe.train.valid_every == "auto" or self.game is not None)

    def _helped(self, workers: int) -> Batches:
        return self.batches if workers == self.batches.workers else replace(self.batches, workers=workers)

    def _careful(self, tuned: Tuned) -> list[Callback]:
        """What every process that trains has."""
        changes: list[Callback] = [] if self.change is nothing else [ChangeBatch(self.change)]
        if self.game:  # whose losses tell nothing
            if self.ranks.count > 1:
                raise Refusal("A game is played in one process: start it without torchrun, or set critic.kind = 'none'.")
            return [StopGently(), *changes, self.game, SkipNonFinite(), *self._thawing()]
        other = tuned.compiled or self.ranks.count > 1
        forms: list[Callback] = [OtherForm(compiled=tuned.compiled, ranks=self.ranks)] if other else []
        return [StopGently(), *changes, *forms, SkipNonFinite(), WatchDivergence(), *self._thawing()]

    def _thawing(self) -> list[Callback]:
        """With fine-tuning, parts that stand still at first."""
        fine = self.recipe.fine_tune
        if not fine.frozen and fine.stem != "stays":
            return []
        if self.ranks.count > 1:  # who sums gradients between processes waits for those of every part that it was told of
            raise Refusal(
                "Networks of which parts stand still (fine_tune.frozen, fine_tune.stem = 'stays') are trained in one process: "
                "start it without torchrun, or set fine_tune.frozen = 0."
            )
        parts = [[part] for part in groups.units(self.network)[-2::-1]]  # the head learns from the start
        shares = [fine.frozen * (1 + (number / len(parts) if fine.gradual else 0)) for number in range(len(parts))]
        if fine.stem == "learns":
            parts, shares = parts[:-1], shares[:-1]
        elif fine.stem == "stays":
            shares[-1] = math.inf
        return [Thaw(list(zip(shares, parts)), freeze=groups.freeze, unfreeze=groups.unfreeze)]

    def _writing(self, run: Run) -> list[Callback]:
        """What the first process alone has: averages, numbers, pictures, models, states."""
        train = self.recipe.train
        stats = Stats(run)
        player = GENERATOR if self.game else ""
        half_life = float(train.average) if isinstance(train.average, float | int) else None
        average: list[Callback] = [] if train.average == "off" else [WeightAverage(half_life=half_life, player=player)]
        look = self.recipe.look
        inside: list[Callback] = [] if look.every == "off" else [Activations(run, every=look.every)]
        tracked: list[Callback] = [] if look.track == "off" else [Track(run.folder.name, run.folder.parent / "tracked")]
        return [
            *average,
            stats,
            *inside,
            *tracked,
            *self.watching(run, stats),
            state.SaveState(run, steps=None if train.state_steps == "off" else train.state_steps, seconds=train.state_every),
        ]

    def plan(self, learner: Learner | None = None) -> str:
        """What would be done, in words: data, network, budget, and who acts when.  learner: who will do it, where there is one already."""
        learner = learner or self.learner(tune.chosen("float32", ""), Run(Path("run")))
        budget = self.budget
        length = f"{budget.steps} steps" if budget.steps is not None else f"{(budget.seconds or 0) / 60:g} minutes"
        return "\n".join(
            [
                *self.about(),
                f"budget         {length}, batches of {self.batches.batch}, {self.batches.per_epoch} an epoch",
                f"device         {devices.resolve(self.recipe.train.device).why}",
                *self._together(),
                *self._norms(learner),
                learner.plan(),
            ]
        )

    def header(self, scores: dict[str, Any], *, data: dict[str, Any], card: dict[str, Any], spec: Any = None) -> Header:
        """What a model file of this task says of itself.  spec: of the network, where it is written in another form than it learnt in."""
        return Header(
            task=self.recipe.task,
            network=asdict(spec or self.network_spec),
            contract=self.contract,
            recipe=recipes.as_dict(self.recipe),
            scores=scores,
            versions={"sfumato": sfumato.__version__, "torch": torch.__version__},
            data=data,
            licence=self._terms,
            card=card,
        )

    @cached_property
    def _terms(self) -> str:
        """Read once, for a file that it began with may move while it learns."""
        return begun.terms(self.recipe)

    def _together(self) -> list[str]:
        """What should be known of several processes that train one network."""
        if self.ranks.count == 1:
            return []
        batch = self.batches.batch
        lines = [f"processes      {self.ranks.count}, each with {batch // self.ranks.count} of a batch's {batch} pictures"]
        if any(isinstance(part, _BatchNorm) for part in self.network.modules()):
            lines += ["warning        batch norm takes its statistics in each process apart: network.norm = 'group' does not"]
        return lines

    def _norms(self, learner: Learner) -> list[str]:
        """What should be known of batch norm that learns from one picture at a time, however many make up a step."""
        if self.batches.batch // self.ranks.count != 1:
            return []
        waiting = [one for thaw in learner.callbacks if isinstance(thaw, Thaw) for one in thaw.waiting]
        still = {inner for share, parts in waiting if share >= 1 for part in parts for inner in part.modules()}  # throughout
        learning = [part for player in learner.players.values() for part in player.network.modules() if part not in still]
        if not any(isinstance(part, _BatchNorm) for part in learning):
            return []
        return [
            "warning        batch norm takes its statistics from one picture at a time, but in use it has those of all: "
            "raise train.batch, or set network.norm = 'group' (or 'none')"
        ]

    def find_rate(self) -> rates.Found:
        """The learning-rate finder, on a copy of the network."""
        return rates.find_rate(
            self.network,
            self.batches.stream(0, 0),
            self.objective,
            optimiser=lambda network: self.optimiser(network, True),
            seed=self.seed,
            device=self.device,
            precision=Precision(self.tuned().precision, self.device),
            change=self.change,
        )


def parameters_of(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(parameter.numel() for parameter in network.parameters())
