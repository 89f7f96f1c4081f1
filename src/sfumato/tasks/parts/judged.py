"""What every task does with held-out scores: they are written down, and choose which model is kept beside the last one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from sfumato.train.callback import Callback
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run

Save = Callable[[Path, nn.Module, dict[str, float], int], None]


class Judged(Callback):
    """Scores of what is held out, after every phase `valid`."""

    follows: ClassVar[tuple[type[Callback], ...]] = (WeightAverage,)

    def __init__(self, stats: Stats):
        self.stats = stats
        self.now: dict[str, float] = {}

    def tell(self, learner: Learner, scores: dict[str, float], **more: Any) -> None:
        """Keep them, and write them down with whatever else is known of this validation."""
        self.now = scores
        self.stats.add(learner, "valid", scores=scores, **more)

    def rank(self, by: str) -> float:
        """How good the model is now, by one of the scores: more is better."""
        return self.now.get(by, float("-inf"))  # a snapshot that a guard found a fault with has none

    def state(self) -> dict[str, dict[str, float]]:
        """The scores so far."""
        return {"now": self.now}

    def load_state(self, state: dict[str, dict[str, float]]) -> None:
        """Take up what `state` gave."""
        self.now = state["now"]


class SaveModels(Callback):
    """best.safetensors whenever a held-out score is the best so far (before the first step too), last.safetensors at every validation."""

    follows = (Judged,)

    def __init__(self, run: Run, scores: Judged, save: Save, *, by: str):
        self.run, self.scores, self.save, self.by = run, scores, save, by
        self.best = float("-inf")

    def after_phase(self, learner: Learner) -> None:
        """Save what is shown: the averaged weights."""
        if learner.phase != "valid":
            return
        self.save(self.run.last, learner.shown, self.scores.now, learner.step)
        score = self.scores.rank(self.by)
        if score > self.best or not self.scores.now:
            self.best = score
            self.save(self.run.best, learner.shown, self.scores.now, learner.step)

    def state(self) -> dict[str, Any]:
        """The best score so far, and by which."""
        return {"best": self.best, "by": self.by}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave; what an older version chose by another score is no measure for this one."""
        self.best = state["best"] if state.get("by", self.by) == self.by else float("-inf")
