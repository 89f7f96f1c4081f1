"""From a task to a finished run folder: the recipe kept, choices measured once, training, scores, facts.  Any task goes this way."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

import sfumato
from sfumato.core import files, locks
from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.data import batches
from sfumato.train import run as runs
from sfumato.train import state
from sfumato.train.learner import Learner
from sfumato.train.run import Run
from sfumato.train.tune import Tuned


class Trainable(Protocol):
    """What a task offers to be trained."""

    @property
    def recipe(self) -> Any:
        """Its recipe, with a `task` and a `name`."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        ...

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        ...

    def tuned(self) -> Tuned:
        """Choices made by measuring."""
        ...

    def learner(self, tuned: Tuned, run: Run) -> Learner:
        """The learner with all callbacks of a run."""
        ...

    def plan(self) -> str:
        """What will be done, in words."""
        ...

    def judge(self, run: Run) -> None:
        """Scores of the finished model."""
        ...


def train(task: Trainable, folder: Path) -> Path:
    """Train from the start in a new run folder; returns the path of its best model."""
    locks.check_free(folder)
    run = runs.create(folder)
    with locks.owned(run.folder):
        runs.create(folder)  # looked at once more: until now another training could begin here
        _sweep(run)
        files.write_text(run.recipe, recipes.to_toml(task.recipe))
        return _fit(task, run, None)


def resume(task: Trainable, folder: Path) -> Path:
    """Go on with a run that was stopped, to the end of its budget; returns the path of its best model."""
    run = runs.existing(folder)
    with locks.owned(run.folder):
        _sweep(run)
        saved = state.newest(run, task.device)
        say("no state was saved yet: from the start" if saved is None else f"going on after step {saved['learner']['step']}")
        return _fit(task, run, saved)


def _sweep(run: Run) -> None:
    """What a kill left half written goes."""
    files.sweep(run.folder, run.states, run.previews)


def _fit(task: Trainable, run: Run, saved: dict[str, Any] | None) -> Path:
    begun = time.monotonic()
    run.note(task=task.recipe.task, name=task.recipe.name, status="running", versions=_versions(), device=str(task.device))
    tuned = _tuned_once(task, run)
    torch.set_num_threads(tuned.threads)
    learner = task.learner(tuned, run)
    learner.resumed = saved
    files.write_text(run.plan, f"{task.plan()}\nprecision      {tuned.why}\n")
    run.note(parameters=sum(parameter.numel() for parameter in task.network.parameters()), difference=recipes.difference(task.recipe))
    try:
        learner.fit()
    except BaseException as error:
        run.note(status=f"stopped: {str(error) or type(error).__name__}", minutes=learner.spent / 60, steps=learner.step, **_memory())
        if batches.lost_worker(error):
            raise Refusal(
                f"A process that spoils pictures died, most likely for want of memory ({str(error).rstrip('. ')}). "
                f"Nothing before the last state is lost: go on with sfumato resume {run.folder} --workers N, with fewer of them."
            ) from error
        raise
    task.judge(run)
    wall = (time.monotonic() - begun) / 60
    run.note(status="done", minutes=learner.spent / 60, steps=learner.step, wall_minutes=wall, **_memory())
    return run.best if run.best.is_file() else run.last


def _tuned_once(task: Trainable, run: Run) -> Tuned:
    """Measured at the first start, taken again at every later one."""
    if run.tuned.is_file():
        try:
            return Tuned(**json.loads(run.tuned.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise Refusal(f"{run.tuned} is damaged ({error}). Delete it; a resumed run measures again.") from error
    tuned = task.tuned()
    files.write_json(run.tuned, dataclasses.asdict(tuned))
    return tuned


def _versions() -> dict[str, str]:
    return {"sfumato": sfumato.__version__, "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}


def _memory() -> dict[str, int]:
    """Peak memory of this process in bytes, where the system tells."""
    if os.name == "nt":
        return {}
    import resource  # not on Windows

    unit = 1 if platform.system() == "Darwin" else 1024
    return {"peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
