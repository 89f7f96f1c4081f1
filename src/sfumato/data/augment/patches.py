"""Rectangles of a picture that are replaced: by noise, or by another part of the same picture.

The noise comes from a hash of the picture's own uniforms and the pixel's place, so it needs no generator and is the same in any batch and
on any device.  Work is proportional to the pixels that are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import Refusal, check_range
from sfumato.data.augment.transform import FINENESS, between, drawn, whole

ASPECT = 2.0  # a rectangle is at most so many times as high as wide, or as wide as high
QUANTILES = 2**16  # unlike values of the noise; the largest is 4.3 spreads from its mean
_GOLDEN, _MIX1, _MIX2 = 0x9E3779B97F4A7C15 - 2**64, 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64  # as signed numbers


@dataclass(frozen=True)
class Rectangles:
    """One rectangle in each of some pictures of a batch.  All int64 (n,) on the CPU."""

    picture: Tensor  # which of the batch
    top: Tensor  # px, like those below
    left: Tensor
    tall: Tensor
    wide: Tensor

    def pixels(self, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Every pixel inside: which rectangle, and how far behind the rectangle's first pixel in a picture of that width.  -> int64 (n,)"""
        area = self.tall * self.wide
        count = int(area.sum())  # known here, so that an accelerator need not be asked
        before = (area.cumsum(0) - area).to(device)
        which = torch.repeat_interleave(torch.arange(len(area), device=device), area.to(device), output_size=count)
        place = torch.arange(count, device=device) - before[which]
        wide = self.wide.to(device)[which]
        return which, place + torch.div(place, wide, rounding_mode="floor") * (width - wide)


def rectangles(rows: Tensor, struck: Tensor, share: tuple[float, float], height: int, width: int) -> Rectangles:
    """Draw one rectangle for each struck picture.  float64 (B, 4): area, aspect, top, left; bool (B,)"""
    picture = struck.nonzero()[:, 0]
    rows = rows[picture]
    area, aspect = between(rows[:, 0], *share) * height * width, torch.exp(between(rows[:, 1], -1, 1) * float(np.log(ASPECT)))
    tall, wide = ((area * aspect).sqrt().round().clamp(1, height), (area / aspect).sqrt().round().clamp(1, width))
    top, left = corner(rows[:, 2], height - tall), corner(rows[:, 3], width - wide)
    return Rectangles(picture, top, left, tall.long(), wide.long())


def corner(u: Tensor, room: Tensor) -> Tensor:
    """A whole number from 0 to `room`, all equally often.  Two (n,) -> int64 (n,)"""
    return torch.minimum((u * (room + 1)).floor(), room).long()


@dataclass(frozen=True, kw_only=True)
class Erase:
    """Rectangles of normal noise (Zhong et al. 2017; RandErase), clamped to 0..1.

    chance : of a picture to be struck.
    share : of the area, that each rectangle has.
    count : a struck picture gets between one and so many.
    mean, spread : of the noise, for each channel: those of the data.
    """

    chance: float = 0.5
    share: tuple[float, float] = (0.02, 0.2)
    count: int = 1
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def __post_init__(self) -> None:
        _check("erase", self.chance, self.share, self.count)
        if len(self.mean) != len(self.spread) or not self.mean:
            raise Refusal(f"erase needs a mean and a spread for each channel, but got {len(self.mean)} and {len(self.spread)}.")

    @property
    def draws(self) -> int:
        """Struck or not, how many, two that name the noise; four a rectangle."""
        return 4 + 4 * self.count

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, draws) -> the same shape.  Refuses pictures of other channels than `mean` has."""
        return self.onto(pictures.clone(memory_format=torch.contiguous_format), u)

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """The same, written into the pictures, which are contiguous."""
        channels, height, width = pictures.shape[1:]
        if channels != len(self.mean):
            raise Refusal(f"erase was given the mean and spread of {len(self.mean)} channels, but the pictures have {channels}.")
        rows, device = drawn(u), pictures.device
        mean, spread = torch.tensor(self.mean, device=device), torch.tensor(self.spread, device=device)
        two = (rows[:, 2:4] * FINENESS).long()
        names = mixed(two[:, 0] * FINENESS + two[:, 1])
        for number in range(self.count):
            start = 4 + 4 * number
            struck = hit(rows, self.chance, self.count, number)
            found = rectangles(rows[:, start : start + 4], struck, self.share, height, width)
            which, behind = found.pixels(width, device)
            place = (found.top * width + found.left).to(device)[which] + behind
            noise = normals(names[found.picture].to(device)[which], place, channels).mul_(spread).add_(mean).clamp_(0, 1)
            pictures.view(-1)[_flat(found.picture.to(device)[which], place, pictures)] = noise.view(-1)
        return pictures


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Rectangles of a picture replaced by others of the same picture (RandCopy).

    chance : of a picture to be struck.
    share : of the area, that each rectangle has.
    count : a struck picture gets between one and so many, one after the other.
    """

    chance: float = 0.5
    share: tuple[float, float] = (0.02, 0.2)
    count: int = 1

    def __post_init__(self) -> None:
        _check("copy", self.chance, self.share, self.count)

    @property
    def draws(self) -> int:
        """Struck or not, how many; six a rectangle."""
        return 2 + 6 * self.count

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, draws) -> the same shape."""
        return self.onto(pictures.clone(memory_format=torch.contiguous_format), u)

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """The same, written into the pictures, which are contiguous."""
        height, width = pictures.shape[2:]
        rows, values, device = drawn(u), pictures.view(-1), pictures.device
        for number in range(self.count):
            start = 2 + 6 * number
            struck = hit(rows, self.chance, self.count, number)
            found = rectangles(rows[:, start : start + 4], struck, self.share, height, width)
            source = rows[found.picture, start + 4 : start + 6]
            top, left = corner(source[:, 0], height - found.tall), corner(source[:, 1], width - found.wide)
            which, behind = found.pixels(width, device)
            picture = found.picture.to(device)[which]
            here = _flat(picture, (found.top * width + found.left).to(device)[which] + behind, pictures)
            there = _flat(picture, (top * width + left).to(device)[which] + behind, pictures)
            values[here] = values[there]  # all of it is read before any of it is written
        return pictures


def _flat(picture: Tensor, place: Tensor, pictures: Tensor) -> Tensor:
    """Where all channels of pixels lie in the memory of contiguous pictures.  Two int64 (n,) -> (n * C,)"""
    channels, height, width = pictures.shape[1:]
    first = picture * (channels * height * width) + place
    return (first[:, None] + torch.arange(channels, device=place.device) * (height * width)).view(-1)


def normals(names: Tensor, places: Tensor, channels: int) -> Tensor:
    """Normal numbers, each from what names its picture and where it stands.  int64 (n,) and (n,) -> float32 (n, channels)

    The values are evenly likely quantiles, looked up: logarithms and cosines may differ in their last bit with the length of a batch.
    """
    shifts = torch.arange(0, 64, 16, device=places.device)[: min(channels, 4)]
    hashes = [mixed(names + (places * -(-channels // 4) + four + 1) * _GOLDEN) for four in range(-(-channels // 4))]
    found = torch.cat([hashed[:, None] >> shifts for hashed in hashes], dim=1)[:, :channels]
    return _quantiles(places.device)[found & (QUANTILES - 1)]


def mixed(x: Tensor) -> Tensor:
    """64 bits in, 64 bits out, every one of them depending on all (SplitMix64, Steele et al. 2014).  int64, products wrap around."""
    x = (x ^ ((x >> 30) & (2**34 - 1))) * _MIX1  # the masks make shifts of negative numbers bring in zeros
    x = (x ^ ((x >> 27) & (2**37 - 1))) * _MIX2
    return x ^ ((x >> 31) & (2**33 - 1))


@lru_cache(maxsize=8)
def _quantiles(device: torch.device) -> Tensor:
    """The middles of equally likely stretches of the normal distribution.  float32 (QUANTILES,)"""
    middles: Tensor = torch.special.ndtri((torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES)
    return middles.float().to(device)


def hit(rows: Tensor, chance: float, count: int, number: int) -> Tensor:
    """Which pictures get their rectangle of this number.  (B, 2 or more) -> bool (B,)"""
    return (rows[:, 0] < chance) & (whole(rows[:, 1], count) >= number)


def _check(name: str, chance: float, share: tuple[float, float], count: int) -> None:
    check_range(f"The chance of {name}", (chance, chance), within=(0, 1))
    check_range(f"The share of {name}", share, within=(0, 1))
    if not 1 <= count <= 100:
        raise Refusal(f"The count of {name} is {count}, but must be 1..100.")
