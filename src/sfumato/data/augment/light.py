"""Light and colour: every function takes pictures and one strength for each of them, and does what Pillow does, to within one level.

A factor of 1 changes nothing, 0 takes away what it is the factor of, and above 1 there is more of it.  Pictures are float32 (B, C, H, W)
in 0..1 with C 1 or 3; the result is written into them, and they are given back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sfumato.core.errors import check_range
from sfumato.core.levels import TOP
from sfumato.data.augment.transform import beside, between, drawn, factor

LUMA = (19595, 38470, 7471)  # ITU-R 601-2 in whole numbers, as Pillow counts a grey
SMOOTH = 13  # the sum of Pillow's smoothing kernel: 5 in the middle, 1 around


@dataclass(frozen=True)
class Lighting:
    """Brighter or darker, more or less contrast; linear in the sRGB-encoded values, about their middle 0.5.

    brightness : what is added, at most, in either direction, on the scale 0..1.
    contrast : 0.2 draws factors from 0.8 to 1/0.8.
    """

    brightness: float = 0.1
    contrast: float = 0.2

    draws = 2

    def __post_init__(self) -> None:
        check_range("The brightness of lighting", (self.brightness, self.brightness), within=(0, 1))
        check_range("The contrast of lighting", (self.contrast, self.contrast), within=(0, 0.95))

    def line(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """What is drawn: a picture becomes gain * picture + offset.  (B, 2) -> float64 (B,) and (B,)"""
        rows = drawn(u)
        gain = factor(rows[:, 1], self.contrast)
        return gain, between(rows[:, 0], -self.brightness, self.brightness) + (1 - gain) / 2

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, 2) -> the same shape."""
        return self.onto(pictures.clone(), u)

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """The same, written into the pictures."""
        gain, offset = self.line(u)
        return pictures.mul_(beside(gain, pictures)).add_(beside(offset, pictures)).clamp_(0, 1)


def brightness(pictures: Tensor, factors: Tensor) -> Tensor:
    """Between black and the picture.  (B, C, H, W) and (B,)"""
    return pictures.mul_(beside(factors, pictures)).clamp_(0, 1)


def contrast(pictures: Tensor, factors: Tensor) -> Tensor:
    """Between the picture's mean grey, a whole level, and the picture.  (B, C, H, W) and (B,)"""
    levels = grey(pictures).mul_(TOP).round_()
    mean = (levels.sum(dim=(1, 2, 3), dtype=torch.float64) / levels[0].numel() + 0.5).floor() if len(levels) else levels.sum((1, 2, 3))
    return pictures.mul_(beside(factors, pictures)).add_(beside((1 - factors) * mean / TOP, pictures)).clamp_(0, 1)


def colour(pictures: Tensor, factors: Tensor) -> Tensor:
    """Between the grey picture and the picture.  (B, C, H, W) and (B,)"""
    return pictures if pictures.shape[1] == 1 else _blend(grey(pictures), pictures, factors)


def sharpness(pictures: Tensor, factors: Tensor) -> Tensor:
    """Between a slightly blurred picture and the picture; the outermost pixels stay.  (B, C, H, W) and (B,)"""
    rows = (pictures[..., :-2, :] + pictures[..., 1:-1, :]).add_(pictures[..., 2:, :])
    around = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])
    inside = pictures[..., 1:-1, 1:-1]
    smooth = around.add_(inside, alpha=4).mul_(TOP / SMOOTH).add_(0.5).floor_().mul_(1 / TOP)
    _blend(smooth, inside, factors)
    return pictures


def posterize(pictures: Tensor, bits: Tensor) -> Tensor:
    """Keep only the first `bits` (1..8) of each level.  (B, C, H, W) and (B,)"""
    step = 2.0 ** (8 - bits)
    kept = pictures.mul_(beside(TOP / step, pictures)).add_(beside(0.5 / step, pictures)).floor_()
    return kept.mul_(beside(step / TOP, pictures))


def solarize(pictures: Tensor, threshold: Tensor) -> Tensor:
    """Turn what is as bright as `threshold` (0..1) or brighter into its negative.  (B, C, H, W) and (B,)"""
    first = torch.ceil(threshold * TOP - 1e-3)  # the lowest level that is turned, whatever the rounding of the threshold
    turned = (pictures - beside((first - 0.5) / TOP, pictures)).mul_(1e30).clamp_(0, 1)  # 0 or 1: five times as fast as comparing
    return pictures.add_(torch.rsub(pictures, 1, alpha=2).mul_(turned))


def autocontrast(pictures: Tensor) -> Tensor:
    """Stretch every channel from black to white; one of a single value stays.  (B, C, H, W)"""
    low, high = pictures.amin(dim=(2, 3)), pictures.amax(dim=(2, 3))  # faster than both at once
    flat = high <= low
    gain = torch.where(flat, 1.0, 1 / (high - low))
    low = torch.where(flat, 0.0, low)
    return pictures.sub_(low[..., None, None]).mul_(gain[..., None, None]).clamp_(0, 1)


def equalize(pictures: Tensor) -> Tensor:
    """Make all levels of every channel about equally frequent.  (B, C, H, W)"""
    count, channels = pictures.shape[:2]
    grades, device = TOP + 1, pictures.device
    levels = pictures.mul_(TOP).add_(0.5).int().reshape(count * channels, -1)
    own = torch.arange(count * channels, device=device, dtype=torch.int32).view(-1, 1) * grades
    brightest = levels.amax(dim=1, keepdim=True).long()
    places = levels.add_(own).view(-1)
    counts = torch.bincount(places, minlength=count * channels * grades).view(-1, grades)
    step = (counts.sum(dim=1, keepdim=True) - counts.gather(1, brightest)) // TOP
    below = counts.cumsum(dim=1) - counts
    ladder = ((below + step // 2) // step.clamp(min=1)).clamp(max=TOP)
    ladder = torch.where(step == 0, torch.arange(grades, device=device), ladder)
    return pictures.copy_((ladder.float() / TOP).view(-1).index_select(0, places).view(pictures.shape))


def grey(pictures: Tensor) -> Tensor:
    """Luma of the encoded values, in whole levels.  (B, 1 or 3, H, W) -> (B, 1, H, W)"""
    if pictures.shape[1] == 1:
        return (pictures * TOP).add_(0.5).floor_().div_(TOP)
    red, green, blue = (pictures[:, channel : channel + 1] * (weight * TOP / sum(LUMA)) for channel, weight in enumerate(LUMA))
    return red.add_(green).add_(blue).add_(0.5).floor_().div_(TOP)


def _blend(base: Tensor, pictures: Tensor, factors: Tensor) -> Tensor:
    return pictures.sub_(base).mul_(beside(factors, pictures)).add_(base).clamp_(0, 1)
