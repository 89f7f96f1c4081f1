"""Losses of classifiers, over labels or over shares of classes.  All in float32, whatever the precision of the network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean; `smoothing` of every target is spread evenly over all classes.  (B, K) and int64 (B,) or float (B, K) -> a scalar."""
    soft = targets.float() if targets.is_floating_point() else targets
    return functional.cross_entropy(logits.float(), soft, label_smoothing=smoothing)


def decoupled(logits: Tensor, targets: Tensor) -> Tensor:
    """What decoupled mixup adds to the cross-entropy of mixed pictures, times a weight there called eta (Liu et al. 2022, equation 5).

    float (B, K) and (B, K), rows of at most two classes that sum to 1 -> a scalar.
    Each of the two classes must win against all but the other one, whatever their shares; it is nothing where both are the same.
    """
    logits, targets = logits.float(), targets.float()
    weights, classes = targets.topk(2, dim=1)
    mixed = weights[:, 1] > 0
    both = logits.gather(1, classes)
    without = torch.stack([_without(logits, classes[:, other : other + 1]) for other in (1, 0)], dim=1)
    return ((without - both).sum(dim=1) * mixed).mean()


def _without(logits: Tensor, left_out: Tensor) -> Tensor:
    """The logarithm of the sum of exponents of all classes but one.  (B, K) and int64 (B, 1) -> (B,)"""
    return logits.scatter(1, left_out, float("-inf")).logsumexp(dim=1)
