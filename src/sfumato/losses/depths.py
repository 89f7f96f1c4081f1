"""The loss of depth maps: relative errors, in which the scale of a whole picture may count less.  In float32."""

from __future__ import annotations

from torch import Tensor

LEAST = 1e-6  # of a sum that something is divided by


def scale_invariant(seen: Tensor, truth: Tensor, known: Tensor, *, forgiven: float = 0.5) -> Tensor:
    """Mean over pictures of mean(d^2) - forgiven * mean(d)^2, where d is the difference of logarithms (Eigen et al. 2014, equation 4).

    seen, truth : logarithms of depth, float (B, H, W).  known : bool (B, H, W); only these pixels count.
    forgiven : 0 is plain squares; 1 does not care by what factor a whole picture is off.
    -> a scalar; a picture of which nothing is known costs nothing.
    """
    weights = known.float()
    apart = (seen.float() - truth.float()).where(known, 0.0)
    count = weights.sum((1, 2)).clamp_min(LEAST)
    squares, means = apart.square().sum((1, 2)) / count, apart.sum((1, 2)) / count
    there = known.any(dim=1).any(dim=1)
    return ((squares - forgiven * means.square()) * there).sum() / there.sum().clamp_min(1)
