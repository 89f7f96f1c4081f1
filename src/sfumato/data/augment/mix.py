"""Pictures mixed with partners, and their labels with them: targets then say how much of each class is to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from sfumato.core.errors import Refusal
from sfumato.data.augment.transform import beside, drawn

POINTS = 4096  # of the tabulated distribution


@dataclass(frozen=True)
class Mixup:
    """Pictures laid over each other (Zhang et al. 2017).

    alpha : of the Beta distribution from which the first picture's share is drawn; 1 is even, less leaves most pictures nearly pure.
    """

    alpha: float = 0.2

    draws = 1

    def __post_init__(self) -> None:
        _check("mixup", self.alpha)

    def fold(self, pictures: Tensor, labels: Tensor, classes: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (2B, C, H, W), whose second half are the partners, int64 (2B,), float (B, 1) -> (B, C, H, W) and float32 (B, classes)"""
        _check_halves(pictures, labels, u, self.draws)
        share = beta(drawn(u)[:, 0], self.alpha)
        first, second = pictures.chunk(2)
        weight = beside(share, pictures)
        return first * weight + second * (1 - weight), _targets(labels, classes, share)


@dataclass(frozen=True)
class CutMix:
    """A rectangle of each picture replaced by its partner's (Yun et al. 2019).

    alpha : of the Beta distribution from which the first picture's share of the area is drawn.
    What of the rectangle lies beyond the border is cut off, and the shares are those of the pixels that are left.
    """

    alpha: float = 1.0

    draws = 3

    def __post_init__(self) -> None:
        _check("cutmix", self.alpha)

    def boxes(self, u: Tensor, height: int, width: int) -> Tensor:
        """What is drawn: top, left, bottom, right in px, the last two exclusive.  (B, 3) -> int64 (B, 4)"""
        rows = drawn(u)
        side = (1 - beta(rows[:, 0], self.alpha)).sqrt()
        tall, wide = (side * height).round(), (side * width).round()
        top, left = (rows[:, 1] * height - tall / 2).round(), (rows[:, 2] * width - wide / 2).round()
        edges = [top.clamp(0, height), left.clamp(0, width), (top + tall).clamp(0, height), (left + wide).clamp(0, width)]
        return torch.stack(edges, dim=1).long()

    def fold(self, pictures: Tensor, labels: Tensor, classes: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (2B, C, H, W), whose second half are the partners, int64 (2B,), float (B, 3) -> (B, C, H, W) and float32 (B, classes)"""
        _check_halves(pictures, labels, u, self.draws)
        height, width = pictures.shape[2:]
        boxes = self.boxes(u, height, width)
        top, left, bottom, right = boxes.to(pictures.device).view(-1, 4, 1, 1, 1).unbind(1)
        y = torch.arange(height, device=pictures.device).view(-1, 1)
        x = torch.arange(width, device=pictures.device)
        inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        first, second = pictures.chunk(2)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return torch.where(inside, second, first), _targets(labels, classes, 1 - area.double() / (height * width))


def beta(u: Tensor, alpha: float) -> Tensor:
    """Uniforms as draws from Beta(alpha, alpha), by its inverse distribution function.  float64 (B,) -> float64 (B,)"""
    if alpha == 1:
        return u
    power, heights = _lower_half(alpha)
    lower = torch.minimum(u, 1 - u)  # the distribution is the same from either end
    at = torch.searchsorted(heights, lower).clamp(1, len(heights) - 1)
    low, high = heights[at - 1], heights[at]
    within = (lower - low) / (high - low).clamp(min=1e-300)
    found = (power[at - 1] + within * (power[at] - power[at - 1])) ** (1 / min(alpha, 1))
    return torch.where(u < 0.5, found, 1 - found)


@lru_cache(maxsize=16)
def _lower_half(alpha: float) -> tuple[Tensor, Tensor]:
    """x^alpha (x where alpha is above 1) and the distribution function of Beta(alpha, alpha) there, x in 0..1/2.  -> two float64 (POINTS,)

    Below 1 the density of x has a pole at 0, which that of x^alpha has not.
    """
    root = min(alpha, 1)
    power = torch.linspace(0, 0.5**root, 2 * POINTS - 1, dtype=torch.float64)
    places = power ** (1 / root)
    density = places ** (alpha - root) * (1 - places) ** (alpha - 1)
    pieces = density[:-2:2] + 4 * density[1:-1:2] + density[2::2]  # Simpson's rule
    heights = torch.cat([torch.zeros(1, dtype=torch.float64), pieces.cumsum(0)])
    return power[::2], heights / (2 * heights[-1])


def _targets(labels: Tensor, classes: int, share: Tensor) -> Tensor:
    """int64 (2B,) and float64 (B,) -> float32 (B, classes), rows that sum to 1"""
    weight = share.to(dtype=torch.float32, device=labels.device).view(-1, 1)
    first, second = functional.one_hot(labels, classes).float().chunk(2)
    return first * weight + second * (1 - weight)


def _check(name: str, alpha: float) -> None:
    if not 0.01 <= alpha <= 100:
        raise Refusal(f"The alpha of {name} is {alpha:g}, but must be 0.01..100.")


def _check_halves(pictures: Tensor, labels: Tensor, u: Tensor, draws: int) -> None:
    if len(pictures) != len(labels) or len(pictures) != 2 * len(u) or u.shape[1] != draws:
        raise Refusal(
            f"Mixing needs pictures and labels, each with its partner, and {draws} draws a pair, "
            f"but got {len(pictures)} pictures, {len(labels)} labels and a table of {tuple(u.shape)}."
        )
