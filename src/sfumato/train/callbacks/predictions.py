"""What a classifier answered in the last validation, for scores that need all answers at once."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.core.progress import say
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner

MOST = 1 << 28  # bytes of probabilities that are kept: 335 000 pictures of 200 classes


class Predictions(Callback):
    """Keep the softmax of the outputs, and the labels, of the last phase `valid`; the pictures are not kept.

    most : bytes of probabilities; what comes after them is let go, and said.
    """

    def __init__(self, *, most: int = MOST):
        self.most = most
        self.whole = True  # none was let go
        self._given: list[tuple[Tensor, Tensor]] = []
        self._bytes = 0

    @property
    def probabilities(self) -> Tensor:
        """float32 (N, K) on the CPU; (0, 0) before the first validation."""
        return torch.cat([given for given, _ in self._given]) if self._given else torch.empty(0, 0)

    @property
    def labels(self) -> Tensor:
        """int64 (N,) on the CPU."""
        return torch.cat([labels for _, labels in self._given]) if self._given else torch.empty(0, dtype=torch.int64)

    def before_phase(self, learner: Learner) -> None:
        """Forget the last validation."""
        if learner.phase == "valid":
            self.whole, self._given, self._bytes = True, [], 0

    def after_forward(self, learner: Learner) -> None:
        """Keep one batch.  Logits (B, K); labels (B,), or shares of classes (B, K), of which the largest counts."""
        outputs, target = learner.outcome.outputs, learner.batch.target
        if learner.phase != "valid" or outputs is None:
            return
        size = outputs.numel() * 4
        if self._bytes + size > self.most:
            if self.whole:
                say(f"more answers than are kept ({self.most >> 20} MB): scores are those of the first held-out pictures")
            self.whole = False
        if not self.whole:
            return
        labels = target.argmax(dim=1) if target.ndim == 2 else target
        self._given.append((outputs.detach().float().softmax(dim=1).cpu(), labels.cpu()))
        self._bytes += size
