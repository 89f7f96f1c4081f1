"""The loss around a trained network, along random directions that are as long as its own filters (Li et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.progress import track
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.train.objective import Objective

Direction = dict[str, Tensor]


@dataclass(frozen=True)
class Grid:
    """Losses (S, S) at places along two directions; the first index goes along the first.  The middle is the network."""

    places: tuple[float, ...]
    losses: NDArray[np.float64]


def surface(
    network: nn.Module,
    batches: Sequence[Batch],
    objective: Objective,
    *,
    seed: Seed,
    device: torch.device,
    steps: int = 21,
) -> Grid:
    """Loss over `batches` at `steps` places a direction, from -1 to 1 in units of each filter's length.

    The network is evaluated as it is used: batch norm with the statistics it has, nothing dropped out.  What moves is a copy, so
    the network itself keeps every bit.  The same seed gives the same directions on any device.  Refuses an even number of steps,
    for then the network would not be among them.
    """
    if steps < 3 or steps % 2 == 0:
        raise Refusal(f"A slice of the loss wants an odd number of steps, at least 3, with the network in the middle; {steps} is none.")
    if not batches:
        raise Refusal("A slice of the loss wants at least one batch.")
    moving = copy.deepcopy(network).to(device).eval()
    centre = {name: parameter.detach().clone() for name, parameter in moving.named_parameters()}
    directions = [direction(centre, seed, axis) for axis in range(2)]
    here = [batch.to(device) for batch in batches]
    places = np.linspace(-1, 1, steps)
    places[steps // 2] = 0.0
    losses = np.empty((steps, steps))
    for index in track(list(np.ndindex(losses.shape)), "loss surface"):
        _place(moving, centre, directions, [float(places[one]) for one in index])
        losses[index] = _loss(moving, here, objective, seed, device)
    return Grid(tuple(places.tolist()), losses)


def direction(weights: Direction, seed: Seed, axis: int) -> Direction:
    """A random direction with each filter as long as the network's own.  Biases and norms, which have no filters, stay.

    A filter is what makes one output: weights (out, ...) have `out` of them.
    """
    found = {}
    for index, (name, weight) in enumerate(weights.items()):
        if weight.ndim <= 1:
            continue
        generator = torch.Generator().manual_seed(seed.number(f"surface/{axis}", 0, index))
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        lengths, wanted = (_lengths(each) for each in (drawn, weight.cpu().double()))
        found[name] = (drawn * (wanted / lengths)).to(weight.dtype).to(weight.device)
    return found


def _lengths(weight: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return lengths.reshape(-1, *[1] * (weight.ndim - 1))


@torch.no_grad()
def _place(network: nn.Module, centre: Direction, directions: Sequence[Direction], shares: Sequence[float]) -> None:
    for name, parameter in network.named_parameters():
        parameter.copy_(centre[name])
        for along, share in zip(directions, shares, strict=True):
            if name in along:
                parameter.add_(along[name], alpha=share)


@torch.no_grad()
def _loss(network: nn.Module, batches: Sequence[Batch], objective: Objective, seed: Seed, device: torch.device) -> float:
    """Mean over items, with the same draws at every place."""
    draw = torch.Generator(device)
    total = 0.0
    for index, batch in enumerate(batches):
        draw.manual_seed(seed.number("surface-draw", 0, index))
        total += float(objective(network, batch, draw).loss) * len(batch.items)
    return total / sum(len(batch.items) for batch in batches)
