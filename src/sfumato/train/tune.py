"""Choices made by measuring, once, at the first start of a run: number format, memory layout, threads, workers, compiled or not.

Nothing of it changes which pictures are seen or what is drawn; sums are rounded otherwise, so a resumed run takes what was chosen.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import torch
from torch import nn

from sfumato.core.system import devices
from sfumato.data.batches import AHEAD, Batch, Batches
from sfumato.train.callbacks.change import Change, nothing
from sfumato.train.objective import Objective
from sfumato.train.steps.precision import Precision

T = TypeVar("T")

WINS = 0.85  # share of float32's time below which another precision is taken: rounding must be worth something
BETTER = 0.97  # share of the time below which another way of doing the same is taken: less is within what a machine wavers
CLEARLY = 0.93  # the same for workers, which cost memory and a start besides
STEPS = 3  # timed steps of each way; the one before them does not count
MOST = 4  # workers that are tried beside a CPU that trains
LOADED = 10  # timed batches of each way to load
SHARE = 0.05  # of a training that may be spent on finding out how to load
COMPILES = 90.0  # s that compiling may take, measured on two cores for the default restorer; a slow machine takes longer
PAYS = 20  # times as long as that a training must be for compiling to be tried


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a run works with, and why."""

    precision: str
    why: str
    threads: int  # of torch on a CPU; a resumed run takes as many, for sums in another order are rounded otherwise
    workers: int = 0  # processes that spoil beside the one that trains
    channels_last: bool = True
    compiled: bool = False
    fused: bool = True  # AdamW in one kernel


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be trained, for trying ways to do it.  Nothing of it is changed."""

    network: nn.Module
    objective: Objective
    batches: Batches
    device: torch.device
    optimiser: Callable[[nn.Module, bool], torch.optim.Optimizer]  # of a network, fused or not
    seconds: float  # how long the training will be, as far as is known; infinite where it is counted in steps
    steps: float  # likewise
    change: Change = nothing  # what batches go through on the device
    compiles: bool = True  # whether the compiled form could be taken


def default_precision(device: torch.device) -> str:
    """bfloat16 on CUDA that has it, else float16; float32 elsewhere."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float32"


def chosen(precision: str, why: str, workers: int = 0) -> Tuned:
    """A precision that needs no measuring, as many threads as torch has now, and all else as it is best on most machines."""
    return Tuned(precision=precision, why=f"{precision}: {why}", threads=torch.get_num_threads(), workers=workers)


def tune(trial: Trial, *, precision: str, workers: int | None) -> Tuned:
    """Measure, and take the winners.  precision: "auto", or what must be taken; workers: None, or how many there must be.

    On CUDA the precision is the default's, and workers are those of `default_workers`: spoiling is there what takes time.
    """
    batch = trial.change(next(replace(trial.batches, workers=0).stream(0, 0)).to(trial.device))
    found, step_ms, said = _format(trial, batch, precision)
    found = replace(found, workers=default_workers(trial.device) if workers is None else workers)
    if trial.device.type == "cpu" and devices.cores() > 1:
        found, more = _loading(trial, found, workers, step_ms)
        said += more
    found, more = _update(trial, found)
    said += more
    found, more = _compiling(trial, batch, found, step_ms)
    return replace(found, why="; ".join([*said, *more]))


def default_workers(device: torch.device) -> int:
    """A CPU that trains has no core to spare, until measured; beside a GPU the processors have nothing else to do."""
    return 0 if device.type == "cpu" else max(1, min(8, devices.cores() - 1))


def _format(trial: Trial, batch: Batch, precision: str) -> tuple[Tuned, float, list[str]]:
    """Precision and layout in memory, by the time of a step without its update, and that time in ms."""
    default = default_precision(trial.device)
    tried = [default, "bfloat16"] if trial.device.type == "cpu" else [default]
    names = list(dict.fromkeys(tried)) if precision == "auto" else [precision]
    ms = {(name, last): _step_ms(trial, batch, name, channels_last=last) for name in names for last in (True, False)}
    quickest = {name: min(ms[name, True], ms[name, False]) for name in names}
    name = min(names, key=lambda one: quickest[one] / (1 if one == names[0] else WINS))
    last = not ms[name, False] < BETTER * ms[name, True]
    said = [f"{name}, {'channels-last' if last else 'contiguous'} (ms a step: {_told(ms)})"]
    return Tuned(precision=name, why="", threads=torch.get_num_threads(), channels_last=last), ms[name, last], said


def _length(trial: Trial, step_ms: float) -> float:
    """Seconds that the training will take."""
    return min(trial.seconds, trial.steps * step_ms / 1000)


def _told(ms: dict[tuple[str, bool], float]) -> str:
    return ", ".join(f"{name} {'channels-last' if last else 'contiguous'} {value:.0f}" for (name, last), value in ms.items())


def _loading(trial: Trial, found: Tuned, workers: int | None, step_ms: float) -> tuple[Tuned, list[str]]:
    """Threads and workers, by the time from batch to batch with the network at work: who shares a core with whom."""
    threads, cores = found.threads, devices.cores()
    ways = [(threads, 0), (max(1, threads - 1), 1), (threads, 1), (threads, min(MOST, cores))]
    ways = list(dict.fromkeys((t, w) for t, w in ways if workers is None or w == workers)) or [(threads, workers or 0)]
    steps = sum(_ahead(w) + LOADED for _, w in ways)  # those before them, which only decode, take less
    if len(ways) == 1 or steps > SHARE * _length(trial, step_ms) / (step_ms / 1000):
        return replace(found, threads=ways[0][0], workers=ways[0][1]), []
    for _ in islice(trial.batches.stream(0, 0), max(_ahead(w) for _, w in ways) + LOADED):
        pass  # all ways load the same batches: none of them shall be the one that decodes their pictures
    ms = {way: _loop_ms(trial, found, *way) for way in ways}
    first = ways[0]
    best = min(ways, key=lambda way: ms[way] / (1 if way == first else CLEARLY))
    told = ", ".join(f"{t} and {w} {value:.0f}" for (t, w), value in ms.items())
    said = [f"{best[0]} threads and {best[1]} workers (ms from batch to batch: {told})"]
    return replace(found, threads=best[0], workers=best[1]), said


def _update(trial: Trial, found: Tuned) -> tuple[Tuned, list[str]]:
    """One kernel for the whole update, or one for each of its operations.  Only AdamW has both."""
    if not isinstance(trial.optimiser(copy.deepcopy(trial.network), True), torch.optim.AdamW):
        return found, []
    ms = {fused: _update_ms(trial, fused) for fused in (True, False)}
    fused = not ms[False] < BETTER * ms[True]
    return replace(found, fused=fused), [f"AdamW {'fused' if fused else 'in parts'} (ms: fused {ms[True]:.2f}, in parts {ms[False]:.2f})"]


def _compiling(trial: Trial, batch: Batch, found: Tuned, plain: float) -> tuple[Tuned, list[str]]:
    """Whether inductor is worth its time: only tried where the training is long enough to win it back."""
    length = _length(trial, plain)
    if not trial.compiles:
        return found, ["not compiled (in a game nobody is)"]
    if length < PAYS * COMPILES:
        return found, [f"not compiled (a training of less than {PAYS * COMPILES / 60:.0f} minutes does not win back what compiling takes)"]
    try:
        begun = time.monotonic()
        quick = _step_ms(trial, batch, found.precision, channels_last=found.channels_last, compiled=True)
        took = time.monotonic() - begun
    except Exception as error:  # no compiler, or one that fails: inductor raises whatever it falls over
        return found, [f"not compiled (torch.compile failed: {str(error).splitlines()[0] if str(error) else type(error).__name__})"]
    wins = quick < BETTER * plain and (plain - quick) / plain * length > took
    said = f"{'compiled' if wins else 'not compiled'} (ms a step: plain {plain:.0f}, compiled {quick:.0f}, after {took:.0f} s)"
    return replace(found, compiled=wins), [said]


# -- Times, in milliseconds --------------------------------------------------------------------------------------------


def _copy(trial: Trial, *, channels_last: bool) -> nn.Module:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return copy.deepcopy(trial.network).train().to(memory_format=layout)  # type: ignore[no-any-return, call-overload]


def _step_ms(trial: Trial, batch: Batch, precision: str, *, channels_last: bool, compiled: bool = False) -> float:
    """Forward and backward on one batch."""
    network = _copy(trial, channels_last=channels_last)
    step = _step(trial, torch.compile(network) if compiled else network, Precision(precision, trial.device))  # type: ignore[arg-type]
    return _median_ms((batch for _ in range(STEPS + 1)), step, trial.device)


def _loop_ms(trial: Trial, found: Tuned, threads: int, workers: int) -> float:
    """From batch to batch, with loading and the update.  Workers have a batch each and more to prepare before the clock counts."""
    network = _copy(trial, channels_last=found.channels_last)
    step = _step(trial, network, Precision(found.precision, trial.device), trial.optimiser(network, found.fused))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with closing(replace(trial.batches, workers=workers).stream(0, 0)) as stream:
        for batch in islice(stream, _ahead(workers)):
            step(trial.change(batch.to(trial.device)))
        begun = time.perf_counter()
        for batch in islice(stream, LOADED):
            step(trial.change(batch.to(trial.device)))
        spent = time.perf_counter() - begun
    torch.set_num_threads(before)
    return 1000 * spent / LOADED


def _ahead(workers: int) -> int:
    """Batches that are loaded before the first is asked for: after them each is made while it is waited for."""
    return 2 + AHEAD * workers


def _update_ms(trial: Trial, fused: bool) -> float:
    network = _copy(trial, channels_last=True)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser = trial.optimiser(network, fused)

    def update(_: object) -> None:
        optimiser.step()

    return _median_ms(range(4 * STEPS), update, trial.device)


def _step(
    trial: Trial, network: nn.Module, precision: Precision, optimiser: torch.optim.Optimizer | None = None
) -> Callable[[Batch], None]:
    draw = torch.Generator(trial.device).manual_seed(0)

    def step(batch: Batch) -> None:
        with precision.autocast(trial.device):
            loss = trial.objective(network, batch, draw).loss
        loss.backward()  # type: ignore[no-untyped-call]
        if optimiser is not None:
            optimiser.step()
        network.zero_grad(set_to_none=True)

    return step


def _median_ms(given: Iterable[T], act: Callable[[T], None], device: torch.device) -> float:
    """The first one is left out."""
    times = []
    for one in given:
        begun = time.perf_counter()
        act(one)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times[1:])
