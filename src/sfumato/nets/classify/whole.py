"""The shape all classifiers share: normalise, body (stem, then stages from fine to coarse), head."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets.classify_arguments import Classifying


class Normalise(nn.Module):
    """(x - mean) / spread, by channel.  (B, C, H, W) -> the same.  Constants: neither learnt nor kept with the weights."""

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], spread: Sequence[float]):
        super().__init__()
        scale = torch.tensor(spread, dtype=torch.float64).reciprocal()
        shift = -torch.tensor(mean, dtype=torch.float64) * scale
        self.register_buffer("scale", scale.float().view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.float().view(1, -1, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, in one pass over memory"""
        return torch.addcmul(self.shift, picture, self.scale)


class Body(nn.Module):
    """What sees: a stem and stages.  (B, C, H, W) -> (B, width, h, w)"""

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module]):
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, h, w), the coarsest features"""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> features of the stem and of every stage, fine to coarse"""
        features = [self.stem(x)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features

    def units(self) -> list[nn.Module]:
        """Stem and stages."""
        return [self.stem, *self.stages]


class Classifier(nn.Module):
    """Name what a picture shows.  float32 (B, C, H, W) in 0..1 -> logits (B, classes)"""

    stride = 1  # sides of any length
    tiles = False

    def __init__(self, body: Body, head: nn.Module, spec: Classifying, channels: int):
        super().__init__()
        self.classes = spec.classes
        self.channels = channels
        self.normalise = normalisation(spec, channels)
        self.body = body
        self.head = head

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, classes)"""
        logits: Tensor = self.head(self.body(self.normalise(picture)))
        return logits

    def levels(self) -> list[str]:
        """Names of the places at which it can be cut, fine to coarse."""
        return ["stem", *(f"stage{number + 1}" for number in range(len(self.body.stages)))]

    def upto(self, count: int) -> Body:
        """A copy of the first so many levels of the body."""
        return copy.deepcopy(Body(self.body.stem, list(self.body.stages)[: count - 1]))

    def units(self) -> list[nn.Module]:
        """Stem, stages, head: what is copied, frozen and slowed down as one."""
        return [*self.body.units(), self.head]


class GlobalMean(nn.Module):
    """Mean over the grid.  (B, C, H, W) -> (B, C)"""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C)"""
        return x.mean((2, 3))


class Flatten(nn.Module):
    """The whole grid as one row.  (B, C, H, W) -> (B, C * grid * grid); another grid is averaged to this one first."""

    def __init__(self, grid: int):
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * grid * grid)"""
        if x.shape[-2:] != (self.grid, self.grid):
            x = F.adaptive_avg_pool2d(x, self.grid)
        return x.flatten(1)


class Head(nn.Sequential):
    """From the coarsest features to logits.  (B, width, h, w) -> (B, classes); `grid` 0: their mean, else that many px a side."""

    def __init__(self, width: int, classes: int, *, grid: int = 0, dropout: float = 0.0):
        super().__init__()
        self.add_module("gather", Flatten(grid) if grid else GlobalMean())
        self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("linear", nn.Linear(width * max(grid, 1) ** 2, classes))


def normalisation(spec: Classifying, channels: int) -> nn.Module:
    """What its first step is; refused where the data's statistics are of other channels."""
    if not spec.mean:
        return nn.Identity()
    if len(spec.mean) != channels:
        raise Refusal(f"network.mean has {len(spec.mean)} number(s), but pictures of {channels} channel(s) need {channels}.")
    return Normalise(spec.mean, spec.spread)
