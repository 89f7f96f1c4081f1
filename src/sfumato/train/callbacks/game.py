"""A game of two in one Learner: who plays when, with the other one standing still (Goodfellow et al. 2014; fast.ai 2018, lesson 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.data.batches import Batch
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome
from sfumato.train.player import Player

GENERATOR, CRITIC = "generator", "critic"
ACCURACY = "critic accuracy"  # the part of the critic's outcome that tells how often it is right, 0..1
ON_REAL = "critic on real"  # likewise of the real pictures alone
FOOLED = "fooled"  # the part of the generator's outcome that tells how often what it made was taken for real, 0..1
LOSES = "critic loses"  # the game alone, without R1: a part where a rule looks at it in the generator's turn, or the loss holds more
SPEAKS = 20  # updates that are left out before it is said
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
    on_real: float = 0.5  # of the critic, on the real pictures of its last turn
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
        if still:  # looked at each time: parts may have been thawed since
            moving = [parameter for parameter in player.network.parameters() if parameter.requires_grad]
            self.still.setdefault(player.name, []).extend(moving)
            for parameter in moving:
                parameter.requires_grad_(False)
            player.network.eval()
        elif player.name in self.still:
            for parameter in self.still.pop(player.name):
                parameter.requires_grad_(True)
            player.network.train()

    def after_backward(self, learner: Learner) -> None:
        """A critic that is nearly always right learns nothing from being so, and gives the generator nothing to go by."""
        self._note(learner)
        if learner.player == CRITIC and self.table.accuracy > self.limit:
            learner.skip = "the critic is ahead"
            learner.now.precision.left_out()
            self.left_out += 1
            if self.left_out == SPEAKS:
                say(
                    f"The critic is right {self.table.accuracy:.1%} of the time and does not learn until it is less so: "
                    "if that lasts, lower game.rate or raise game.r1."
                )

    def _note(self, learner: Learner) -> None:
        """How the critic does, told in both players' turns: a rule must see when it grows weak."""
        parts, table = learner.outcome.parts, self.table
        found = parts.get(ACCURACY)
        if found is not None:
            table.on_real = parts[ON_REAL].item() if ON_REAL in parts else found.item()
        elif FOOLED in parts:
            found = (table.on_real + 1 - parts[FOOLED]) / 2
        loss = parts.get(LOSES, learner.outcome.loss if learner.player == CRITIC else None)
        if found is not None:
            table.accuracy += (found.item() - table.accuracy) / SMOOTHED
        if loss is not None:
            table.loss = loss.item() if math.isnan(table.loss) else table.loss + (loss.item() - table.loss) / SMOOTHED

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

