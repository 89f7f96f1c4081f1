"""The objective of naming what pictures show, and what is done to a batch of them before the network sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sfumato.core.seed import Seed
from sfumato.data.augment import mix
from sfumato.data.augment.transform import Chain, table
from sfumato.data.batches import Batch
from sfumato.losses import classes as losses
from sfumato.train.objective import Outcome


@dataclass(frozen=True)
class Naming:
    """Cross-entropy with labels, or with shares of classes where pictures were mixed."""

    smoothing: float = 0.0
    decoupled: float = 0.0  # weight of the decoupled part

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """The named part is what is compared over runs: cross-entropy without smoothing is only told of held-out pictures."""
        logits: Tensor = network(batch.input)
        smoothing = self.smoothing if network.training else 0.0
        loss = losses.cross_entropy(logits, batch.target, smoothing=smoothing)
        parts = {"cross_entropy": loss.detach()}
        if self.decoupled and batch.target.ndim == 2:
            apart = self.decoupled * losses.decoupled(logits, batch.target)
            loss, parts = loss + apart, {**parts, "decoupled": apart.detach()}
        return Outcome(loss, parts, logits)


@dataclass(frozen=True, eq=False)
class Augmenting:
    """All pictures of a batch are changed at once, each by draws of its own; then each is mixed with its partner."""

    chain: Chain
    mixing: mix.Mixup | mix.CutMix | None
    classes: int
    seed: Seed

    def __call__(self, batch: Batch) -> Batch:
        """A batch of B items, with 2B pictures where there are partners -> B pictures."""
        pictures, target = batch.input, batch.target
        if self.chain.transforms:
            halves = ("augment", "augment-partner")[: len(pictures) // len(batch.items)]
            drawn = [self._drawn(part, self.chain.draws, batch) for part in halves]
            pictures = self.chain(pictures, torch.cat(drawn))
        if self.mixing is not None:
            pictures, target = self.mixing.fold(pictures, target, self.classes, self._drawn("mix", self.mixing.draws, batch))
        return replace(batch, input=pictures, target=target)

    def _drawn(self, purpose: str, count: int, batch: Batch) -> Tensor:
        return table(self.seed, purpose, batch.epoch, batch.items, count)
