"""Which part of a loss pulls how strongly: each one's share of the gradient at the output, every so many steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner

Shares = Callable[[dict[str, Tensor], Tensor], dict[str, float]]


class GradientShares(Callback):
    """Written down as rows of the kind `shares`.  A part is worth what it changes, not how large it is."""

    follows: ClassVar[tuple[type[Callback], ...]] = (Stats,)

    def __init__(self, stats: Stats, shares: Shares, *, every: int):
        self.stats, self.shares, self.every = stats, shares, every
        self.due = False  # in a game the step may be the opponent's, whose loss has no such parts: then the next one is looked at

    def after_forward(self, learner: Learner) -> None:
        """Where there is more than one part, and somebody learns."""
        outcome = learner.outcome
        if learner.phase != "train":
            return
        self.due |= learner.step % self.every == 0 and learner.position % learner.accumulate == 0
        if self.due and len(outcome.terms) > 1 and outcome.outputs is not None and outcome.outputs.requires_grad:
            self.due = False
            self.stats.add(learner, "shares", shares=self.shares(outcome.terms, outcome.outputs))

    def state(self) -> dict[str, bool]:
        """Whether one is still to be made."""
        return {"due": self.due}

    def load_state(self, state: dict[str, bool]) -> None:
        """Take up what `state` gave."""
        self.due = state["due"]
