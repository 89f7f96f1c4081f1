"""Losses of masks, over logits and the label of every pixel.  All in float32; pixels that are `VOID` count nowhere."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sfumato.core.levels import VOID

LEAST = 1e-6  # of a sum that something is divided by


def cross_entropy(logits: Tensor, masks: Tensor, *, weights: Tensor | None = None, gamma: float = 0.0) -> Tensor:
    """Mean over pixels, each weighed by its class; what is surer than it need be counts less (focal, Lin et al. 2017).

    (B, K, H, W) and int64 (B, H, W) -> a scalar.  gamma : 0 is plain.  A batch without a labelled pixel costs nothing.
    """
    lost = functional.cross_entropy(logits.float(), masks, weight=weights, ignore_index=VOID, reduction="none")
    known = masks != VOID
    if gamma:
        likely = logits.float().log_softmax(1).gather(1, masks.where(known, 0)[:, None])[:, 0].exp()
        lost = lost * (1 - likely).clamp_min(LEAST) ** gamma  # below 1 it has no slope at 0
    weight = known.float() if weights is None else weights[masks.where(known, 0)] * known
    return lost.sum() / weight.sum().clamp_min(LEAST)


def dice(logits: Tensor, masks: Tensor) -> Tensor:
    """1 less the mean over the classes that are there of 2 |A and B| / (|A| + |B|), soft, over the batch (Sudre et al. 2017, unweighted).

    (B, K, H, W) and int64 (B, H, W) -> a scalar in 0..1
    """
    known = (masks != VOID)[:, None]
    likely = logits.float().softmax(1) * known
    truth = torch.zeros_like(likely).scatter_(1, masks.where(known[:, 0], 0)[:, None], known.float())
    count = truth.sum((0, 2, 3))
    there = count > 0
    shares = 1 - 2 * (likely * truth).sum((0, 2, 3)) / (likely.sum((0, 2, 3)) + count).clamp_min(LEAST)
    return (shares * there).sum() / there.sum().clamp_min(1)


def balanced_weights(counts: NDArray[np.int64], most: float = 10.0) -> NDArray[np.float32]:
    """Median frequency balancing (Eigen and Fergus 2015): the median class weighs 1, a rarer one more, at most `most`.

    Pixels of each class in each picture (N, K) -> (K,).  A class is as frequent as its share in the pictures that show it; one that none
    shows weighs 1.
    """
    around = ((counts > 0) * counts.sum(1, keepdims=True)).sum(0)
    there = around > 0
    frequency = counts.sum(0) / np.maximum(around, 1)
    middle = np.median(frequency[there]) if there.any() else 1.0
    found = np.divide(middle, frequency, out=np.ones(counts.shape[1]), where=there)
    return np.asarray(np.minimum(found, most), np.float32)
