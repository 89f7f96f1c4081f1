"""The learning-rate finder (Smith 2015): a short run on a copy with a rate that grows, until the loss does."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.train.objective import Objective
from sfumato.train.precision import Precision

LOWEST, HIGHEST = 1e-6, 1.0
SMOOTH = 0.9  # share of the past in the smoothed loss
DIVERGED = 3.0  # times the best loss


@dataclass(frozen=True)
class Found:
    """Rates tried, the smoothed loss after each, and the rate that is suggested."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggested: float


def find_rate(
    network: nn.Module, batches: Iterator[Batch], objective: Objective, *, seed: Seed, device: torch.device, precision: Precision, steps: int = 100
) -> Found:
    """Try rates from 1e-6 to 1 on a copy of the network; the network itself, and every generator, stay as they are.

    Suggests a third of the rate at which the smoothed loss is lowest: beyond it the loss begins to rise.
    """
    trial = copy.deepcopy(network).to(device).train()
    optimiser = torch.optim.AdamW(trial.parameters(), lr=LOWEST, betas=(0.9, 0.99))
    draw = torch.Generator(device)
    rates: list[float] = []
    losses: list[float] = []
    average, best = 0.0, math.inf
    for step in range(steps):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1))
        batch = next(batches).to(device)
        draw.manual_seed(seed.number("find-rate", 0, step))
        with precision.autocast(device):
            loss = objective(trial, batch, draw).loss
        average = SMOOTH * average + (1 - SMOOTH) * loss.item()
        smoothed = average / (1 - SMOOTH ** (step + 1))
        if not math.isfinite(smoothed) or smoothed > DIVERGED * best:
            break
        best = min(best, smoothed)
        rates.append(rate)
        losses.append(smoothed)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    if len(losses) < 3:
        raise Refusal("The rate finder saw no finite loss even at the lowest rates. Look at the pictures first: sfumato crappify --preview.")
    lowest = min(range(len(losses)), key=losses.__getitem__)
    return Found(tuple(rates), tuple(losses), rates[lowest] / 3)
