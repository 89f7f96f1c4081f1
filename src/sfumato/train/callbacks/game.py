"""A game of two in one Learner: who plays when, with the other one standing still (Goodfellow et al. 2014; fast.ai 2018, lesson 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import nn

from sfumato.core.errors import Refusal
from sfumato.data.batches import Batch
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome
from sfumato.train.player import Player

GENERATOR, CRITIC = "generator", "critic"
ACCURACY = "critic accuracy"  # the part of the critic's outcome that tells how often it is right, 0..1
SMOOTHED = 10  # turns over which the critic's accuracy is smoothed


class Rule(Protocol):
    """Who plays on the next batch, told from how well the critic does and who played how long."""

    def turns(self, table: Table) -> Sequence[str]:
        """Names in order."""
        ...


@dataclass
class Table:
    """What a rule looks at."""

    player: str = CRITIC  # who played last
    streak: int = 0  # batches in a row that were theirs
    accuracy: float = 0.5  # of the critic, smoothed
    loss: float = float("nan")  # of the critic, smoothed
    batches: int = 0


@dataclass(frozen=True)
class Both:
    """Both on every batch, the critic first."""

    def turns(self, table: Table) -> Sequence[str]:
        """See `Rule`."""
        return (CRITIC, GENERATOR)


@dataclass(frozen=True)
class Ratio:
    """So many batches of the critic's for each of the generator's."""

    critic: int = 1

    def __post_init__(self) -> None:
        if self.critic < 1:
            raise Refusal(f"game.ratio is {self.critic}, but the critic needs at least one batch for each of the generator's.")

    def turns(self, table: Table) -> Sequence[str]:
        """See `Rule`."""
        return (GENERATOR,) if table.batches % (self.critic + 1) == self.critic else (CRITIC,)


@dataclass(frozen=True)
class Adaptive:
    """The critic plays until it is right often enough, then the generator until the critic is not any more; neither longer than `most`.

    low, high : of the critic's smoothed accuracy; or of its smoothed loss, where by is "loss" (then low is what it must come down to).
    least : batches that each plays, at least.
    """

    by: str = "accuracy"
    low: float = 0.65
    high: float = 0.85
    least: int = 1
    most: int = 20

    def __post_init__(self) -> None:
        if not (self.low < self.high and 1 <= self.least <= self.most):
            are = f"{self.low:g}, {self.high:g}, {self.least}, {self.most}"
            raise Refusal(f"A game's limits need low below high and 1 <= least <= most, but they are {are}.")

    def turns(self, table: Table) -> Sequence[str]:
        """See `Rule`."""
        return (self._next(table),)

    def _next(self, table: Table) -> str:
        other = GENERATOR if table.player == CRITIC else CRITIC
        if table.streak < self.least:
            return table.player
        if table.streak >= self.most:
            return other
        strong = table.accuracy >= self.high if self.by == "accuracy" else table.loss <= self.low
        weak = table.accuracy <= self.low if self.by == "accuracy" else table.loss >= self.high
        if table.player == CRITIC:
            return other if strong else table.player
        return other if weak else table.player


class Game(Callback):
    """Turns by a rule.  Whose turn it is not stands still: no gradient, evaluation mode, buffers as they were.

    rule : who plays on a batch.  limit : smoothed accuracy above which the critic's updates are left out, for it would only win.
    """

    claims: ClassVar[tuple[str, ...]] = ("forward",)

    def __init__(self, rule: Rule, *, limit: float = 1.0):
        self.rule, self.limit = rule, limit
        self.table = Table()
        self.left_out = 0  # updates of the critic's
        self.still: dict[str, list[nn.Parameter]] = {}  # what would learn, of those who stand still
        self.learner: Learner

    def turns(self, learner: Learner) -> Sequence[str]:
        """For the Learner: who plays on the batch at hand."""
        return self.rule.turns(self.table)

    def before_fit(self, learner: Learner) -> None:
        """Who is in this game."""
        self.learner = learner

    def forward_(self, batch: Batch) -> Outcome:
        """The player's objective, with the other one held still."""
        for player in self.learner.players.values():
            self._hold(player, player is not self.learner.now)
        return self.learner.forward_(batch)

    def _hold(self, player: Player, still: bool) -> None:
        """A player who stands still gets no gradient and no statistics; gradients still pass through."""
        if still is (player.name in self.still):
            return
        player.network.train(not still)
        if still:
            self.still[player.name] = [parameter for parameter in player.network.parameters() if parameter.requires_grad]
        for parameter in self.still[player.name]:
            parameter.requires_grad_(not still)
        if not still:
            del self.still[player.name]

    def after_backward(self, learner: Learner) -> None:
        """A critic that is nearly always right learns nothing from being so, and gives the generator nothing to go by."""
        if learner.player == CRITIC:
            self._note(learner)
            if self.table.accuracy > self.limit:
                learner.skip = "the critic is ahead"
                self.left_out += 1

    def _note(self, learner: Learner) -> None:
        parts = learner.outcome.parts
        share = 1 / SMOOTHED
        if ACCURACY in parts:
            self.table.accuracy += share * (parts[ACCURACY].item() - self.table.accuracy)
        loss = learner.outcome.loss.item()
        self.table.loss = loss if self.table.loss != self.table.loss else self.table.loss + share * (loss - self.table.loss)

    def after_batch(self, learner: Learner) -> None:
        """Who has played."""
        if learner.phase != "train":
            return
        self.table.streak = self.table.streak + 1 if learner.player == self.table.player else 1
        self.table.player = learner.player
        self.table.batches += 1

    def after_phase(self, learner: Learner) -> None:
        """Between phases everybody may move."""
        for player in learner.players.values():
            self._hold(player, False)

    def state(self) -> dict[str, Any]:
        """How the game stands."""
        return {**self.table.__dict__, "left_out": self.left_out}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.left_out = int(state["left_out"])
        self.table = Table(**{name: state[name] for name in Table.__dataclass_fields__})

