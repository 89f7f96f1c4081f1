"""What a step tries to make small."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from sfumato.data.batches import Batch


@dataclass(frozen=True)
class Outcome:
    """A loss with its named parts, and what the network gave.

    terms : the same parts with their gradients, where there are several; their sum is the loss.
    """

    loss: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    outputs: Tensor | None = None
    terms: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Pass:
    """What is kept of one pass of a turn until its gradients are used: which items it was over, and what came of it."""

    items: tuple[int, ...]
    loss: Tensor
    parts: dict[str, Tensor]

    def wrong(self) -> dict[str, float]:
        """Parts that are no numbers; where there are none, the loss if it is none.  To read them is to wait for the device."""
        found: dict[str, float] = {name: value.item() for name, value in self.parts.items()}
        wrong = {name: value for name, value in found.items() if not math.isfinite(value)}
        return wrong or {name: value for name, value in {"loss": self.loss.item()}.items() if not math.isfinite(value)}


class Objective(Protocol):
    """`draw` is the step's generator on the batch's device."""

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """Run the network on a batch and judge it."""
        ...
