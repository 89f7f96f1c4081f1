"""Critics: how real a picture looks, place by place (Isola et al. 2017), by its own eyes or by those of a classifier.

No norm looks at other pictures of the batch: what one is worth depends on it alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from sfumato.nets import critic_arguments
from sfumato.nets.blocks import activation

SLOPE = 0.2  # of the leaky rectifier below zero


def normed(module: nn.Module, *, spectral: bool) -> nn.Module:
    """With the largest singular value of its weight brought to 1 (Miyato et al. 2018): one round of power iteration a training pass."""
    return spectral_norm(module) if spectral else module


class PatchCritic(nn.Module):
    """Opinions of overlapping patches.  float32 (B, C, H, W) in 0..1 -> (B, 1, h, w), above zero: real

    `layers` convolutions of 4x4 and stride 2, then two of stride 1: a patch is 16, 34, 70, 142 or 286 px for 1 to 5 of them.
    """

    stride = 1
    tiles = False

    def __init__(self, channels: int, *, layers: int, width: int, most: int, spectral: bool):
        super().__init__()
        widths = [channels, *(min(most, width * 2**index) for index in range(layers + 1))]
        parts: list[nn.Module] = []
        for index, (now, then) in enumerate(pairwise(widths)):
            strided = 2 if index < layers else 1
            parts += [normed(nn.Conv2d(now, then, 4, stride=strided, padding=1), spectral=spectral), nn.LeakyReLU(SLOPE)]
        parts.append(normed(nn.Conv2d(widths[-1], 1, 4, padding=1), spectral=spectral))
        self.body = nn.Sequential(*parts)
        self.sees = patch(layers)
        self.least = 3 * 2**layers  # px a side; a smaller picture's rim is repeated

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 1, h, w)"""
        missing = [max(0, self.least - side) for side in picture.shape[-2:]]
        if any(missing):
            picture = F.pad(picture, (0, missing[1], 0, missing[0]), mode="replicate")
        opinion: Tensor = self.body(2 * picture - 1)
        return opinion


def patch(layers: int) -> int:
    """px a side of what one opinion rests on."""
    side = 1
    for stride in reversed([*[2] * layers, 1, 1]):
        side = (side - 1) * stride + 4
    return side


class FeatureCritic(nn.Module):
    """Opinions on what a frozen classifier sees, at each of its taps (as in Sauer et al. 2021).  float32 (B, C, H, W) in 0..1 -> (B, n)

    see : a feature network; it belongs to whoever built it and is not among the weights that learn or are saved.
    """

    stride = 1
    tiles = False

    def __init__(self, see: Any, *, width: int, spectral: bool):
        super().__init__()
        object.__setattr__(self, "see", see)  # no module of this one: its weights are the classifier's own
        self.heads = nn.ModuleList(
            nn.Sequential(
                normed(nn.Conv2d(level.channels, width, 1), spectral=spectral),
                activation("leaky"),
                normed(nn.Conv2d(width, width, 3, padding=1), spectral=spectral),
                activation("leaky"),
                normed(nn.Conv2d(width, 1, 1), spectral=spectral),
            )
            for level in see.levels
        )

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, n), the opinions of all taps, repeated on the finest one's grid so that each tap weighs the same"""
        see: Any = self.__dict__["see"]
        opinions = [head(one) for head, one in zip(self.heads, see(picture), strict=True)]
        finest = max((one.shape[-2:] for one in opinions), key=lambda size: size[0] * size[1])
        return torch.cat([nn.functional.interpolate(one, finest).flatten(1) for one in opinions], 1)


def build(spec: critic_arguments.Patch, channels: int) -> PatchCritic:
    """The patch critic that a recipe asks for."""
    return PatchCritic(channels, layers=spec.layers, width=spec.width, most=spec.most, spectral=spec.spectral)
