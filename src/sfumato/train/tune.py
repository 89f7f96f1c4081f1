"""Choices made by measuring, once, at the first start of a run: the precision in which a step is fastest here."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import dataclass

import torch
from torch import nn

from sfumato.data.batches import Batch
from sfumato.train.objective import Objective
from sfumato.train.precision import Precision

WINS = 0.85  # share of float32's time below which another precision is taken: rounding must be worth something
STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a run works with, and the milliseconds a step that were measured."""

    precision: str
    why: str
    threads: int  # of torch on a CPU; a resumed run takes as many, for sums in another order are rounded otherwise


def default_precision(device: torch.device) -> str:
    """bfloat16 on CUDA that has it, else float16; float32 elsewhere."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float32"


def chosen(precision: str, why: str) -> Tuned:
    """A precision that needs no measuring, and as many threads as torch has now."""
    return Tuned(precision=precision, why=f"{precision}: {why}", threads=torch.get_num_threads())


def tune(network: nn.Module, objective: Objective, batch: Batch, device: torch.device) -> Tuned:
    """On a CPU: time a step in float32 and in bfloat16, which some processors multiply twice as fast.  Elsewhere: the default."""
    if device.type != "cpu":
        name = default_precision(device)
        return chosen(name, f"the default on {device.type}")
    times = {name: _step_ms(network, objective, batch, device, name) for name in ("float32", "bfloat16")}
    name = "bfloat16" if times["bfloat16"] < WINS * times["float32"] else "float32"
    measured = ", ".join(f"{precision} {ms:.0f} ms" for precision, ms in times.items())
    return chosen(name, f"a step took {measured}")


def _step_ms(network: nn.Module, objective: Objective, batch: Batch, device: torch.device, name: str) -> float:
    trial = copy.deepcopy(network).train()
    precision = Precision(name, device)
    draw = torch.Generator(device).manual_seed(0)
    times = []
    for _ in range(STEPS + 1):
        begun = time.perf_counter()
        with precision.autocast(device):
            loss = objective(trial, batch, draw).loss
        loss.backward()  # type: ignore[no-untyped-call]
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times[1:])
