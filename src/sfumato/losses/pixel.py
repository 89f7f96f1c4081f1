"""Distances between pictures, pixel by pixel.  All in float32, whatever the precision of the network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]

BENT, LINEAR = 0.04045, 12.92  # of sRGB (IEC 61966-2-1): where its curve begins, and how steep the line below it is
EDGE, SLOPE = (6 / 29) ** 3, (29 / 6) ** 2 / 3  # of Lab (CIE 15): the same for its cube root
TO_XYZ = ((0.412456, 0.357576, 0.180438), (0.212673, 0.715152, 0.072175), (0.019334, 0.119192, 0.950304))  # of linear sRGB
TO_LAB = ((0.0, 1.16, 0.0), (5.0, -5.0, 0.0), (0.0, 2.0, -2.0))  # of the roots of XYZ over white, over 100; L less 0.16


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference.  Two (B, C, H, W) -> a scalar."""
    return (output.float() - target.float()).abs().mean()


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference.  Two (B, C, H, W) -> a scalar."""
    return (output.float() - target.float()).square().mean()


def charbonnier(output: Tensor, target: Tensor, *, epsilon: float) -> Tensor:
    """A square near zero that becomes a line beyond `epsilon` (Charbonnier et al. 1994).  Two (B, C, H, W) -> a scalar."""
    return ((output.float() - target.float()).square() + epsilon**2).sqrt().mean()


def lab(pictures: Tensor) -> Tensor:
    """sRGB in 0..1 -> CIE Lab of D65, over 100: there equal steps look about alike.  (B, 3, H, W) -> float32 (B, 3, H, W)

    What lies outside of 0..1 goes on as at the ends.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        x = pictures.float()
        light = torch.where(x > BENT, ((x.clamp_min(BENT) + 0.055) / 1.055) ** 2.4, x / LINEAR)
        matrix = x.new_tensor(TO_XYZ)
        xyz = _mixed(light, matrix / matrix.sum(1, keepdim=True))  # white is 1
        roots = torch.where(xyz > EDGE, xyz.clamp_min(EDGE) ** (1 / 3), xyz * SLOPE + 4 / 29)
        return _mixed(roots, x.new_tensor(TO_LAB)) - x.new_tensor((0.16, 0.0, 0.0))[:, None, None]


def _mixed(pictures: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix, pictures)


def in_lab(distance: Distance) -> Distance:
    """The same distance, between Lab."""
    return lambda output, target: distance(lab(output), lab(target))
