"""A loss or gradient that is no number must not reach weights or statistics; five in a row end the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.objective import Pass

IN_A_ROW = 5
NAMED = 8  # files, in a sentence or a line


@dataclass(frozen=True)
class Suspects:
    """What was no number in a turn, and the items and files of the passes that it came of.

    Where every part of every loss is a number and the gradient is not, all passes are under suspicion; where several processes learn
    together, none of this one's, for it may have come of another's.
    """

    parts: dict[str, float]
    items: tuple[int, ...]
    files: tuple[str, ...]

    def __str__(self) -> str:
        parts = ", ".join(f"{name} = {value:g}" for name, value in self.parts.items()) or "though every loss here is"
        more = f" and {len(self.files) - NAMED} more" if len(self.files) > NAMED else ""
        return f"{parts}, in {', '.join(self.files[:NAMED]) or 'another process'}{more}"


def suspects(learner: Learner) -> Suspects:
    """Of all passes of the turn, for gradients of several batches or pieces are one sum.  Asked for only when it is no number."""
    passes = learner.now.passes
    found = [(one, one.wrong()) for one in passes]
    everyone = Pass((), learner.outcome.loss, learner.outcome.parts)  # of several processes the means: another's may be to blame
    parts = {name: value for wrong in (*(wrong for _, wrong in found), everyone.wrong()) for name, value in wrong.items()}
    any_of_them = not parts and learner.ranks.count == 1
    items = tuple(item for one, wrong in found if wrong or any_of_them for item in one.items)
    return Suspects(parts, items, tuple(dict.fromkeys(map(learner.batches.source.name, items))))


def overflowed(learner: Learner) -> bool:
    """Whether it is only half precision's scale that was too large: see `Precision`."""
    return learner.now.precision.overflowed([learner.outcome.loss, *(one.loss for one in learner.now.passes)])


class SkipNonFinite(Callback):
    """Leave out updates whose gradient is not finite, and stop with the likely cause when they do not end."""

    def __init__(self) -> None:
        self.told = False
        self.in_a_row: dict[str, int] = {}  # of each player
        self.buffers: list[Tensor] = []  # of all networks: statistics of norms, which a forward pass changes,
        self.before: list[Tensor] = []  # and what they were before the batches of this update

    def before_fit(self, learner: Learner) -> None:
        """Whose statistics are looked after."""
        found = (buffer for player in learner.players.values() for buffer in player.network.buffers())
        self.buffers = [buffer for buffer in found if buffer.is_floating_point()]
        self.before = [torch.empty_like(buffer) for buffer in self.buffers]

    def before_batch(self, learner: Learner) -> None:
        """What they are now."""
        if self.buffers and learner.phase == "train" and learner.position % learner.accumulate == 0:
            torch._foreach_copy_(self.before, self.buffers)

    def after_backward(self, learner: Learner) -> None:
        """One number tells: the norm of all gradients is finite only if every gradient and the loss are."""
        if math.isfinite(learner.now.gradient_norm):
            self.in_a_row[learner.player] = 0
            return
        feeling = overflowed(learner)
        if not self.told and not feeling:
            self.told = True
            what = f"the gradient is not finite ({suspects(learner)})"
            say(f"step {learner.step}: {what}: this update is left out. The report counts all such.")
        if self.buffers:
            torch._foreach_copy_(self.buffers, self.before)
        self.in_a_row[learner.player] = self.in_a_row.get(learner.player, 0) + (not feeling)
        learner.skip = "the gradient is not finite"
        learner.now.precision.skipped()
        if self.in_a_row[learner.player] >= IN_A_ROW:
            rate = learner.now.optimiser.param_groups[0]["lr"]
            raise Refusal(
                f"Training diverged: at step {learner.step} the gradient was not finite for the {IN_A_ROW}th time in a row "
                f"({suspects(learner)}). Most likely the learning rate (now {rate:.2g}) is too high: lower optimiser.rate "
                "(sfumato find-lr suggests one), or go on from the last good state with a lower one."
            )

    def state(self) -> dict[str, Any]:
        """How many were left out, the last ones."""
        return {"in_a_row": dict(self.in_a_row)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.in_a_row = dict(state["in_a_row"])


class WatchDivergence(Callback):
    """Say it, and stop, when the loss climbs far above where it began: the rate is too high, though all is still finite.

    Where it began is told by the held-out pictures before the first step, and by the first few batches: the largest of their losses up to
    the last one that is not far above the least.  A rate that is much too high shows after one step, so those from which it does not come
    back may not count; and where some batches are spoilt far more than others, the least may have been a lucky one.  Held-out pictures
    tell nothing where batch norm has seen none yet: what a network loses by its first statistics is many times what it loses on the first
    batch.
    """

    def __init__(self, *, factor: float = 4.0, start: int = 8, window: int = 30) -> None:
        self.factor, self.start, self.window = factor, start, window
        self.first: float = math.inf  # where the loss began
        self.early: list[float] = []  # the first losses
        self.held: list[float] = []  # those of held-out batches before the first step
        self.recent: float = math.nan  # moving average
        self.seen = 0

    def after_forward(self, learner: Learner) -> None:
        """Note what held-out batches lose at first."""
        if learner.phase == "valid" and not self.seen and not learner.main.takes_statistics:
            self.held.append(learner.outcome.loss.item())

    def _begun(self) -> float:
        """Where the loss began, as far as is known by now."""
        least = min(self.early)
        near = [number for number, loss in enumerate(self.early, 1) if loss <= self.factor * least]
        few = self.early[: near[-1]] if near else []
        held = [loss for loss in self.held if math.isfinite(loss)]
        return max([*few, *([sum(held) / len(held)] if held else [])], default=math.inf)

    def after_update(self, learner: Learner) -> None:
        """Compare a moving average of the loss with the start's."""
        loss = learner.outcome.loss.item()
        self.seen += 1
        if self.seen <= self.start:
            self.early.append(loss)
            self.first = self._begun()
        self.recent = loss if self.seen == 1 else self.recent + (loss - self.recent) / min(self.seen, self.window)
        begun = self.seen > self.window and self.first > 0  # pictures that nothing had spoilt are no beginning
        if begun and not self.recent <= self.factor * self.first:  # so put, an average that overflowed counts as well
            rate = learner.now.optimiser.param_groups[0]["lr"]
            raise Refusal(
                f"Training diverges: at step {learner.step} the loss stands at {self.recent:.3g}, "
                f"{self.recent / self.first:.1f} times where it began. "
                f"The learning rate (now {rate:.2g}) is too high: lower optimiser.rate (sfumato find-lr suggests one)."
            )

    def state(self) -> dict[str, Any]:
        """Where the loss began and where it stands."""
        return {"first": self.first, "early": self.early, "held": self.held, "recent": self.recent, "seen": self.seen}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.early, self.held = list(state.get("early", [])), list(state.get("held", []))
        self.first, self.recent, self.seen = state["first"], state["recent"], int(state["seen"])
