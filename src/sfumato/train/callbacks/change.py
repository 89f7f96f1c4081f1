"""Batches that are changed on the device, before anything else sees them: augmentation of all pictures at once, mixing."""

from __future__ import annotations

from collections.abc import Callable

import torch

from sfumato.data.batches import Batch
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner

Change = Callable[[Batch], Batch]


def nothing(batch: Batch) -> Batch:
    """As it came."""
    return batch


class ChangeBatch(Callback):
    """Hand every training batch through `change`, on the device; what is drawn there follows from the batch's epoch and items."""

    claims = ("batch",)

    def __init__(self, change: Change):
        self.change = change
        self.device: torch.device

    def before_fit(self, learner: Learner) -> None:
        """Where the learner works."""
        self.device = learner.device

    def batch_(self, batch: Batch) -> Batch:
        """To the device, and changed there."""
        return self.change(batch.to(self.device))
