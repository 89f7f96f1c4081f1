"""Pictures from noise, and the critic of the game that teaches it (Radford et al. 2016; Gulrajani et al. 2017)."""

from __future__ import annotations

from itertools import pairwise
from math import log2

import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets import dreaming_arguments
from sfumato.nets.blocks import norm
from sfumato.nets.critics import SLOPE

FIRST = 4  # px a side of the coarsest grid


class Grow(nn.Module):
    """Twice the grid: nearest, convolution, norm, rectifier.  (B, in, H, W) -> (B, out, 2H, 2W)"""

    def __init__(self, wide_in: int, wide_out: int):
        super().__init__()
        self.conv = nn.Conv2d(wide_in, wide_out, 3, padding=1, bias=False)
        self.norm = norm("batch", wide_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2H, 2W)"""
        grown: Tensor = self.norm(self.conv(F.interpolate(x, scale_factor=2, mode="nearest")))
        return grown.relu_()


class Dreamer(nn.Module):
    """Make pictures from noise.  float32 (B, noise) -> (B, C, side, side) in 0..1"""

    stride = 1
    tiles = False

    def __init__(self, spec: dreaming_arguments.Dreamer, channels: int):
        super().__init__()
        steps = round(log2(spec.side / FIRST))
        widths = [min(spec.most, spec.width * 2 ** (steps - 1 - index)) for index in range(steps)]
        self.noise, self.side = spec.noise, spec.side
        self.first = nn.Linear(spec.noise, widths[0] * FIRST * FIRST)
        self.grows = nn.ModuleList(Grow(now, then) for now, then in pairwise([*widths, widths[-1]]))
        self.head = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, noise: Tensor) -> Tensor:
        """(B, noise) -> (B, C, side, side)"""
        x: Tensor = self.first(noise)
        x = x.view(len(noise), -1, FIRST, FIRST).relu_()
        for grow in self.grows:
            x = grow(x)
        made: Tensor = self.head(x)
        return made.sigmoid()


class Judge(nn.Module):
    """One opinion of a whole picture, without any norm.  float32 (B, C, side, side) in 0..1 -> (B, 1)"""

    def __init__(self, channels: int, *, side: int, width: int, most: int):
        super().__init__()
        steps = round(log2(side / FIRST))
        widths = [channels, *(min(most, width * 2**index) for index in range(steps))]
        self.body = nn.Sequential(
            *(part for now, then in pairwise(widths) for part in (nn.Conv2d(now, then, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)))
        )
        self.head = nn.Linear(widths[-1] * FIRST * FIRST, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, side, side) -> (B, 1)"""
        opinion: Tensor = self.head(self.body(2 * picture - 1).flatten(1))
        return opinion


def build(spec: dreaming_arguments.Dreamer, channels: int) -> Dreamer:
    """The network that a recipe or a model file asks for."""
    if spec.side & (spec.side - 1):
        raise Refusal(f"network.side is {spec.side} px, but pictures are doubled from {FIRST} px on: take 16, 32, 64, 128 or 256.")
    return Dreamer(spec, channels)
