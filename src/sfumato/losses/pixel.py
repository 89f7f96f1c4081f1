"""Distances between pictures, pixel by pixel.  All in float32, whatever the precision of the network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference.  Two (B, C, H, W) -> a scalar."""
    return (output.float() - target.float()).abs().mean()


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference.  Two (B, C, H, W) -> a scalar."""
    return (output.float() - target.float()).square().mean()


def charbonnier(output: Tensor, target: Tensor, *, epsilon: float) -> Tensor:
    """A square near zero that becomes a line beyond `epsilon` (Charbonnier et al. 1994).  Two (B, C, H, W) -> a scalar."""
    return ((output.float() - target.float()).square() + epsilon**2).sqrt().mean()
