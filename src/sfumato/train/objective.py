"""What a step tries to make small, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sfumato.data.batches import Batch


@dataclass(frozen=True)
class Outcome:
    """A loss with its named parts, what the network gave, and what the next call wants handed on (detached).

    terms : the same parts with their gradients, where there are several; their sum is the loss.
    """

    loss: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    outputs: Tensor | None = None
    carry: Any = None
    terms: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """`draw` is the step's generator on the batch's device."""

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """Run the network on a batch and judge it."""
        ...
