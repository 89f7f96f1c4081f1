"""The value range of pictures and the one rounding rule (half up): the only place that knows how many levels a file has.

Between rooms pictures are float32 in 0..1, sRGB-encoded (`Unit`); in stores and inside `spoil` they are uint8 (`Levels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # importing torch takes a second, and the command line's --help needs none of it
    from torch import Tensor

Levels = NDArray[np.uint8]  # (H, W, C), 0..255
Unit = NDArray[np.float32]  # (H, W, C), 0..1
Mask = NDArray[np.uint8]  # (H, W), labels of classes, and VOID

TOP = 255  # the highest 8-bit level, white
TOP16 = 65535  # the highest 16-bit level
VOID = TOP  # in a mask of labels, uint8 (H, W): nobody says what this pixel shows; nothing is learnt and nothing is scored there


def to_unit(levels: NDArray[np.uint8] | NDArray[np.uint16] | Unit) -> Unit:
    """uint8 or uint16, any shape -> float32 in 0..1 of the same shape; float32 is handed back as it is."""
    if levels.dtype == np.float32:
        return levels  # type: ignore[return-value]  # the type checker does not know what a dtype says
    top = TOP if levels.dtype == np.uint8 else TOP16
    return np.multiply(levels, np.float32(1 / top), dtype=np.float32)


def like(unit: Unit, kind: np.dtype[Any]) -> NDArray[Any]:
    """float32 in 0..1 -> the numbers a picture came in: uint8 or uint16, rounded half up, or float32 as it is."""
    if kind == np.float32:
        return unit
    return to_levels(unit) if kind == np.uint8 else to_levels16(unit)


def to_levels(unit: NDArray[np.floating]) -> Levels:
    """Floats in 0..1 (what is outside is clipped) -> uint8 of the same shape, rounded half up."""
    scaled = unit * np.float32(TOP)
    np.clip(scaled, 0, TOP, out=scaled)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint8)  # truncation of x + 1/2 rounds half up, for x is not negative


def to_levels16(unit: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Floats in 0..1 (what is outside is clipped) -> uint16 of the same shape, rounded half up."""
    scaled: NDArray[np.floating] = np.clip(unit, 0, 1) * np.float64(TOP16) + 0.5
    return scaled.astype(np.uint16)


def narrow(levels16: NDArray[np.uint16]) -> Levels:
    """uint16 -> the nearest uint8 of the same shape, rounded half up."""
    return ((levels16.astype(np.uint32) * (2 * TOP) + TOP16) // (2 * TOP16)).astype(np.uint8)


def batch_to_unit(levels: Tensor) -> Tensor:
    """uint8 (B, H, W, C) -> float32 (B, C, H, W) in 0..1, laid out channels-last."""
    return levels.permute(0, 3, 1, 2).float().mul_(1 / TOP)


def batch_to_levels(unit: Tensor) -> Tensor:
    """float (B, C, H, W) in 0..1 (what is outside is clipped) -> uint8 (B, H, W, C), rounded half up."""
    return unit.detach().float().mul(TOP).clamp_(0, TOP).add_(0.5).byte().permute(0, 2, 3, 1)


def as_written(unit: Tensor) -> Tensor:
    """float (B, C, H, W) -> float32 as a file would hold it: within 0..1, and on one of its levels as if gradients did not know.

    Who tells made pictures from real ones must not do it by what no file keeps.
    """
    inside = unit.float().clamp(0, 1)
    return inside + (inside.detach().mul(TOP).add_(0.5).floor_().mul_(1 / TOP) - inside.detach())
