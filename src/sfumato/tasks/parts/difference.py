"""The objective of repair by pixels: how far what the network makes of the input is from the target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.data.batches import Batch
from sfumato.losses import pixel
from sfumato.tasks.parts.sections import Loss
from sfumato.train.objective import Outcome


@dataclass(frozen=True)
class Difference:
    """The objective: how far what the network makes of the input is from the target."""

    distance: Any
    name: str

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """One named part."""
        outputs: Tensor = network(batch.input)
        loss = self.distance(outputs, batch.target)
        return Outcome(loss, {self.name: loss.detach()}, outputs)


def objective(loss: Loss) -> Difference:
    """The loss a recipe asks for."""
    distances = {"l1": pixel.l1, "mse": pixel.mse, "charbonnier": partial(pixel.charbonnier, epsilon=loss.epsilon)}
    return Difference(distances[loss.kind], loss.kind)
