"""A network cut at a stage: an encoder that gives its pyramid of features, fine to coarse."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal, unknown

UNPADDED = 0.1  # share by which a grid may be smaller than its stride says, where convolutions have no padding


@dataclass(frozen=True)
class Level:
    """One height of the pyramid."""

    name: str
    channels: int
    stride: int  # px of the picture a px of its grid
    exact: bool = True  # the grid is as large as its stride says, a rest counted as one more


class Encoder(nn.Module):
    """The first levels of a classifier, without its head.  float32 (B, C, H, W) in 0..1 -> features (B, c, h, w), fine to coarse"""

    def __init__(self, normalise: nn.Module, body: nn.Module, names: list[str]):
        super().__init__()
        self.names = names
        self.normalise = normalise
        self.body = body

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> one (B, c, h, w) a level"""
        features: list[Tensor] = cast(Any, self.body).pyramid(self.normalise(picture))
        return features

    def units(self) -> list[nn.Module]:
        """Stem and stages."""
        body: Any = self.body
        parts: list[nn.Module] = body.units() if hasattr(body, "units") else [body]
        return parts


def cut(network: nn.Module, at: str) -> Encoder:
    """What a classifier sees up to the level called `at`, and that level: a copy, whose names of weights are the network's.

    Level names are those of `names(network)`.  Features equal those inside the whole network bit for bit.
    """
    known = names(network)
    if at not in known:
        raise unknown("level", at, known)
    count = known.index(at) + 1
    whole: Any = network
    return Encoder(copy.deepcopy(whole.normalise), whole.upto(count), known[:count]).train(network.training)


def names(network: nn.Module) -> list[str]:
    """Levels at which a classifier can be cut, fine to coarse."""
    if not hasattr(network, "levels"):
        raise Refusal(f"A {type(network).__name__} has no stages to be cut at: give a classifier.")
    levels: list[str] = cast(Any, network).levels()
    return levels


def describe(network: nn.Module, channels: int, side: int, lead: int = 0) -> list[Level]:
    """Channels and stride of every level, found by a dry run on a picture of `side` px, without data and without memory for any.

    Takes a classifier or an encoder.  lead : px that the picture is given above and to its left.
    Refused where a side is too small for the strides to be told.
    """
    encoder = network if isinstance(network, Encoder) else cut(network, names(network)[-1])
    probe = copy.deepcopy(encoder).to("meta").eval()
    with torch.no_grad():
        features = probe(torch.empty(1, channels, side + lead, side + lead, device="meta"))
    return [_level(name, feature, side) for name, feature in zip(encoder.names, features, strict=True)]


def _level(name: str, feature: Tensor, side: int) -> Level:
    grid = feature.shape[-1]
    fits = [stride for stride in range(1, side + 1) if grid in (-(-side // stride), side // stride)]
    near = 2 ** round(math.log2(side / grid))
    if not any(_doubles(stride) for stride in fits) and abs(side / grid / near - 1) < UNPADDED:
        fits = [near]
    if not fits or grid == 1 < side:
        raise Refusal(f"{side} px become {grid} at {name!r}, which does not tell the stride: describe it on a larger side.")
    doublings = list(filter(_doubles, fits))
    stride = min(doublings or fits, key=lambda stride: abs(side / grid - stride))
    return Level(name, feature.shape[1], stride, exact=grid == -(-side // stride))


def _doubles(stride: int) -> bool:
    return stride & (stride - 1) == 0


def last_of_each_grid(levels: list[Level]) -> list[Level]:
    """Of levels that share a grid the last: where the grid is about to change."""
    return list({level.stride: level for level in levels}.values())
