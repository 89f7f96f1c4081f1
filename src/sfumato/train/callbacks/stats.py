"""What a run writes down as it goes: one JSON a line, and a progress bar with the time left."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from sfumato.core import files
from sfumato.core.errors import Unwritable
from sfumato.core.progress import Progress
from sfumato.train.callback import Callback
from sfumato.train.callbacks.nonfinite import NAMED, SkipNonFinite, overflowed, suspects
from sfumato.train.learner import Learner
from sfumato.train.run import Run


class Stats(Callback):
    """Append steps and validations to stats.jsonl.  A resumed run cuts off what came after its state."""

    follows = (SkipNonFinite,)

    def __init__(self, run: Run, *, every: int = 10):
        self.run, self.every = run, every
        self.lines: list[str] = []
        self.length = 0  # bytes of the file that belong to this run's past
        self.sums: dict[str, tuple[float, int]] = {}  # of everything named, with how many were added
        self.flushed = time.monotonic()
        self.listeners: list[Callable[[Mapping[str, Any]], None]] = []  # who else hears of every row

    def before_fit(self, learner: Learner) -> None:
        """A run that begins has no past, whatever a start before its first state left.  Nothing is open between writes."""
        if learner.resumed is None:
            files.write_bytes(self.run.stats, b"")

    def after_backward(self, learner: Learner) -> None:
        """What an opponent loses is a part among others, whether it may learn from it or not; what is no number has its own row."""
        if not math.isfinite(learner.now.gradient_norm):
            if overflowed(learner):
                return
            found = suspects(learner)
            items, named = list(found.items[:NAMED]), list(found.files[:NAMED])
            self.add(learner, "skipped", player=learner.player, parts=list(found.parts), items=items, files=named)
        elif learner.now is not learner.main:
            self._sum(f"{learner.player} loss", learner)

    def _sum(self, called: str, learner: Learner) -> None:
        for name, value in {called: learner.outcome.loss, **learner.outcome.parts}.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + value.item(), count + 1

    def after_update(self, learner: Learner) -> None:
        """Sum, and write a line every few steps."""
        if learner.now is not learner.main:
            return
        self._sum("loss", learner)
        if self.sums["loss"][1] >= self.every:
            self._row(learner)
            if time.monotonic() - self.flushed > 5:
                self.flush()

    def _row(self, learner: Learner) -> None:
        """What was summed, as means."""
        means = {name: total / count for name, (total, count) in self.sums.items()}
        group = learner.main.optimiser.param_groups[0]
        others = [player for player in learner.players.values() if player is not learner.main]
        rates = {"rates": {player.name: player.optimiser.param_groups[0]["lr"] for player in others}} if others else {}
        self.add(learner, "step", loss=means.pop("loss"), parts=means, rate=group["lr"], **rates, **_momentum(group))
        self.sums = {}

    def add(self, learner: Learner, kind: str, **values: Any) -> None:
        """One line."""
        row = {"kind": kind, "step": learner.step, "epoch": learner.epoch, "seconds": round(learner.spent, 3), **values}
        self.lines.append(json.dumps(row) + "\n")
        for hear in self.listeners:
            hear(row)

    def after_phase(self, learner: Learner) -> None:
        """What stands is written; after the last step the few since the last line too."""
        if learner.phase == "train" and learner.progress >= 1 and "loss" in self.sums:
            self._row(learner)
        self.flush()

    def after_fit(self, learner: Learner) -> None:
        """Likewise at the end; of a run that failed, if the disk takes it."""
        try:
            self.flush()
        except Unwritable:
            if learner.stopped is None:
                raise

    def flush(self) -> None:
        """Append what was gathered.  What the disk refuses is let go: the run stops, and later goes on from its last state."""
        if self.lines:
            gathered, self.lines = "".join(self.lines), []
            self.length = files.append(self.run.stats, gathered.encode())
        self.flushed = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Where the file ends for this state; what was not written yet is written first."""
        self.flush()
        return {"length": self.length, "sums": {name: list(sum_) for name, sum_ in self.sums.items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Cut the file back to the state's length."""
        self.length, self.sums = state["length"], {name: (total, count) for name, (total, count) in state["sums"].items()}
        if self.run.stats.is_file() and self.run.stats.stat().st_size > self.length:
            os.truncate(self.run.stats, self.length)


def _momentum(group: Mapping[str, Any]) -> dict[str, float]:
    """How much of the past direction a step keeps, by whatever name the optimiser has for it; nothing where it keeps none."""
    if "betas" in group:
        return {"momentum": float(group["betas"][0])}
    return next(({"momentum": float(group[name])} for name in ("momentum", "beta1") if name in group), {})


class ShowProgress(Callback):
    """A bar with the loss and the time left; plain lines where there is no terminal."""

    TICKS = 1000  # the bar's length: progress is a share, whatever the budget is counted in

    def __init__(self, what: str = "training", *, scores: Callable[[], str] = lambda: ""):
        self.what, self.scores = what, scores
        self.bar: Progress | None = None
        self.shown = 0
        self.when = 0.0

    def before_phase(self, learner: Learner) -> None:
        """Opened late, so that a refusal before the first step is not drawn over."""
        if self.bar is None:
            self.shown = int(learner.progress * self.TICKS)
            self.bar = Progress(self.TICKS, self.what, done=self.shown)
            self.bar.__enter__()

    def after_batch(self, learner: Learner) -> None:
        """At most ten times a second."""
        now = time.monotonic()
        if self.bar is None or learner.phase != "train" or now - self.when < 0.1:
            return
        self.when = now
        ticks = int(learner.progress * self.TICKS)
        self.bar.advance(ticks - self.shown, note=f"step {learner.step}  loss {learner.outcome.loss.item():.4f}  {self.scores()}".rstrip())
        self.shown = ticks

    def after_fit(self, learner: Learner) -> None:
        """The bar is closed, however the run ended."""
        if self.bar is not None:
            if learner.stopped is None:
                self.bar.advance(self.TICKS - self.shown)
            self.bar.__exit__(None, None, None)
            self.bar = None
