"""The learning-rate finder (Smith 2015): a short run on a copy with a rate that grows, until the loss does."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.train.callbacks.change import Change, nothing
from sfumato.train.objective import Objective
from sfumato.train.steps.precision import Precision

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
    network: nn.Module,
    batches: Iterator[Batch],
    objective: Objective,
    *,
    optimiser: Callable[[nn.Module], torch.optim.Optimizer],
    seed: Seed,
    device: torch.device,
    precision: Precision,
    change: Change = nothing,
    steps: int = 100,
) -> Found:
    """Try rates from 1e-6 to 1 on a copy of the network; the network itself, and every generator, stay as they are.

    Suggests a tenth of the rate at which the smoothed loss is lowest: beyond that one it begins to rise.
    """
    trial = copy.deepcopy(network).to(device).train()
    turning = optimiser(trial)
    shares = [group["lr"] / turning.param_groups[0]["lr"] for group in turning.param_groups]
    draw = torch.Generator(device)
    rates: list[float] = []
    losses: list[float] = []
    average, best = 0.0, math.inf
    for step in range(steps):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1))
        batch = change(next(batches).to(device))
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
        for group, share in zip(turning.param_groups, shares, strict=True):
            group["lr"] = rate * share
        turning.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        turning.step()
    if len(losses) < 3:
        raise Refusal(
            "The rate finder saw no finite loss even at the lowest rates. Look at the pictures first: sfumato crappify --preview."
        )
    lowest = min(range(len(losses)), key=losses.__getitem__)
    return Found(tuple(rates), tuple(losses), rates[lowest] / 10)
