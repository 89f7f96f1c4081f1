"""From a task to a finished run folder: the recipe kept, choices measured once, training, scores, facts.  Any task goes this way."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from sfumato.core import files
from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal, Unwritable
from sfumato.core.progress import say
from sfumato.core.system import locks, machine, memory
from sfumato.data import batches
from sfumato.tasks.parts.job import Job, parameters_of
from sfumato.train import ranks
from sfumato.train import run as runs
from sfumato.train.callbacks import state
from sfumato.train.learner import Learner
from sfumato.train.run import Run
from sfumato.train.tune import Tuned


def train(task: Job, folder: Path) -> Path:
    """Train from the start in a new run folder; returns the path of its best model."""
    if not task.ranks.writes:
        return _help(task, Run(Path(folder)))
    begun = time.monotonic()
    locks.check_free(folder)
    runs.check_new(Path(folder))
    task.prepare()  # what is wrong with a recipe is said before there is a folder
    run = runs.create(folder)
    with locks.owned(run.folder):
        runs.create(folder)  # looked at once more: until now another training could begin here
        _sweep(run)
        files.write_text(run.recipe, recipes.to_toml(task.recipe))
        with _goes_on(run):
            return _fit(task, run, None, begun)


def resume(task: Job, folder: Path) -> Path:
    """Go on with a run that was stopped, to the end of its budget; returns the path of its best model."""
    if not task.ranks.writes:
        return _help(task, Run(Path(folder)))
    begun = time.monotonic()
    run = runs.existing(folder)
    with locks.owned(run.folder), _goes_on(run):
        _sweep(run)
        saved = state.newest(run)
        say("no state was saved yet: from the start" if saved is None else f"going on after step {saved['learner']['step']}")
        return _fit(task, run, saved, begun)


def _sweep(run: Run) -> None:
    """What a kill left half written goes."""
    files.sweep(run.folder, run.states, run.previews, run.instruments)


@contextmanager
def _goes_on(run: Run) -> Iterator[None]:
    """A disk that is full or forbidden stops a run; whoever is told so is told how it goes on."""
    try:
        yield
    except Unwritable as error:
        raise Unwritable(f"{error} When that is put right, go on with: sfumato resume {run.folder}", full=error.full) from error


def _fit(task: Job, run: Run, saved: dict[str, Any] | None, begun: float) -> Path:
    """What the first process does: all that is written comes from it.  begun : when, by the clock that only goes on."""
    before = {"step": 0, "spent": 0.0} if saved is None else saved["learner"]
    wall = 0.0 if saved is None else float(run.read_facts().get("wall_minutes", 0.0))
    memory.keep_freed()  # before anything is measured
    about = {"task": task.recipe.task, "name": task.recipe.name, "versions": machine.versions(), "device": str(task.device)}
    run.note(**about, status="running", steps=before["step"], minutes=before["spent"] / 60)
    learner: Learner | None = None

    def note(status: str) -> None:
        step, spent = (before["step"], before["spent"]) if learner is None else (learner.step, learner.spent)
        passed = (time.monotonic() - begun) / 60
        run.note(status=status, steps=step, minutes=spent / 60, wall_minutes=wall + passed, **_memory())

    try:
        tuned = _tuned_once(task, run)
        task.ranks.wait()  # what was chosen, and the state to go on from, are there for the others to read
        learner = _learner(task, run, tuned, saved)
        _tell(task, run, learner, tuned, quiet=saved is not None)
        _together(learner, run)
        task.judge(run)
    except BaseException as error:
        with suppress(Refusal):  # the news is what stopped the run
            note(f"stopped: {str(error) or type(error).__name__}")
        raise
    note("done")
    return run.best if run.best.is_file() else run.last


def _tell(task: Job, run: Run, learner: Learner, tuned: Tuned, *, quiet: bool) -> None:
    """The plan and what differs from the defaults are kept.  quiet : a person has heard its warnings."""
    plan = task.plan(learner)
    files.write_text(run.plan, f"{plan}\nchosen         {tuned.why}\n")
    for line in () if quiet else plan.splitlines():
        if line.startswith(("warning", "suggestion")):
            say(" ".join(line.split()))
    run.note(parameters=parameters_of(task.network), difference=recipes.difference(task.recipe))


def _help(task: Job, run: Run) -> Path:
    """What the other processes do: their share of every batch, and nothing else."""
    memory.keep_freed()
    with _loss_in_words(run):
        task.ranks.wait()
    _together(_learner(task, run, _tuned_once(task, run), state.newest(run)), run)
    return run.last


def _learner(task: Job, run: Run, tuned: Tuned, saved: dict[str, Any] | None) -> Learner:
    torch.set_num_threads(tuned.threads)
    learner = task.learner(tuned, run)
    learner.resumed = saved
    return learner


def _together(learner: Learner, run: Run) -> None:
    with _loss_in_words(run):
        learner.fit()
    learner.ranks.leave()


@contextmanager
def _loss_in_words(run: Run) -> Iterator[None]:
    """That another process is gone comes as an error of whatever was being done; torchrun then ends the rest, which may speak first."""
    several = ranks.count() > 1
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN) if several else None  # the Learner's own handler comes and goes on top of it
    try:
        yield
        if several:
            signal.signal(signal.SIGTERM, before)
    except RuntimeError as error:
        if batches.lost_worker(error):
            raise Refusal(
                f"A process that spoils pictures died, most likely for want of memory ({str(error).rstrip('. ')}). "
                f"Nothing before the last state is lost: go on with sfumato resume {run.folder} --workers N, with fewer of them."
            ) from error
        if not ranks.is_loss(error):
            raise
        raise Refusal(
            f"Another process of this training ended, and with it the training; why, it may have said itself. "
            f"Nothing is lost but the steps since the last state: start torchrun again with `-m sfumato resume {run.folder}`."
        ) from error


def _tuned_once(task: Job, run: Run) -> Tuned:
    """Measured at the first start, taken again at every later one."""
    if run.tuned.is_file():
        try:
            return Tuned(**json.loads(run.tuned.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise Refusal(f"{run.tuned} is damaged ({error}). Delete it; a resumed run measures again.") from error
    tuned = task.tuned()
    files.write_json(run.tuned, dataclasses.asdict(tuned))
    return tuned


def _memory() -> dict[str, int]:
    """Peak memory of this process in bytes, where the system tells."""
    if os.name == "nt":
        return {}
    import resource  # not on Windows

    unit = 1 if platform.system() == "Darwin" else 1024
    return {"peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
