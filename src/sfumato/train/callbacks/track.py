"""What a run writes down, told to a tracker as well: TensorBoard, through accelerate's trackers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner


class Track(Callback):
    """Hand every row of `Stats` (loss and its parts, rate, momentum, scores) on to TensorBoard.

    name : of the run, and of its folder below `folder`.  folder : what `tensorboard --logdir` is given.
    Refuses, with what to install, when accelerate or tensorboard is missing.
    """

    follows = (Stats,)

    def __init__(self, name: str, folder: Path):
        missing = [module for module in ("accelerate", "tensorboard") if importlib.util.find_spec(module) is None]
        if missing:
            raise Refusal(f"Tracking a run needs {' and '.join(missing)}: pip install 'sfumato[track,multi]'.")
        self.name, self.folder = name, Path(folder)
        self.tracker: Any = None

    def before_fit(self, learner: Learner) -> None:
        """Open the tracker.  Of a resumed run, what it told after its state is struck out."""
        from accelerate.tracking import TensorBoardTracker

        stats = next((callback for callback in learner.callbacks if isinstance(callback, Stats)), None)
        if stats is None:
            raise Refusal("Track tells what Stats writes down, but this learner has no Stats. Add it to the callbacks.")
        purge = learner.begins_at if learner.resumed is not None else None  # a state is saved before anything is told of its step
        self.tracker = TensorBoardTracker(self.name, self.folder, purge_step=purge)
        if hasattr(self.tracker, "start"):  # before accelerate 1.9 it is open when it is made
            self.tracker.start()
        stats.listeners.append(self.tell)

    def tell(self, row: Mapping[str, Any]) -> None:
        """One row of stats.jsonl, under names such as step/loss, step/parts/mse, valid/scores/accuracy."""
        self.tracker.log(dict(_flat(str(row["kind"]), row)), step=int(row["step"]))

    def after_fit(self, learner: Learner) -> None:
        """Closed, however the run ended."""
        if self.tracker is not None:
            self.tracker.finish()
            self.tracker = None


def _flat(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{name}/{key}", value)
        elif isinstance(value, int | float) and key != "step":
            yield f"{name}/{key}", float(value)
