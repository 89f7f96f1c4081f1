"""The small network of the lectures (fast.ai 2018, lesson 7): convolutions of stride 2 down to one px, with or without blocks between."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sfumato.nets.arguments import Activation
from sfumato.nets.blocks import initialise
from sfumato.nets.classify.parts import ConvNormAct
from sfumato.nets.classify.whole import Body, Classifier, GlobalMean
from sfumato.nets.classify_arguments import Plain


class Merged(nn.Module):
    """Two convolutions, added to what went in or set beside it.  (B, C, H, W) -> (B, C or 2C, H, W)"""

    def __init__(self, width: int, *, way: Literal["residual", "dense"], act: Activation, bias: bool):
        super().__init__()
        self.way = way
        self.first = ConvNormAct(width, width, act=act, bias=bias)
        self.second = ConvNormAct(width, width, act=act, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C or 2C, H, W)"""
        new: Tensor = self.second(self.first(x))
        return x + new if self.way == "residual" else torch.cat([x, new], dim=1)


class Head(nn.Sequential):
    """One more convolution of stride 2 whose channels are the classes; no activation.  (B, width, H, W) -> (B, classes)

    On the grid of 2 px that 28 px leave for it, the mean is that of a single px: the lecture's flatten.
    """

    def __init__(self, width: int, classes: int, *, bias: bool):
        super().__init__()
        self.add_module("last", ConvNormAct(width, classes, stride=2, act=None, bias=bias))
        self.add_module("gather", GlobalMean())


def build(spec: Plain, channels: int) -> Classifier:
    """The network that a recipe or a model file asks for."""
    stages, width = [], channels
    for wide in spec.widths:
        stage = nn.Sequential(ConvNormAct(width, wide, stride=2, act=spec.activation, bias=spec.bias))
        if spec.block != "none":
            stage.append(Merged(wide, way=spec.block, act=spec.activation, bias=spec.bias))
        stages.append(stage)
        width = 2 * wide if spec.block == "dense" else wide
    network = Classifier(Body(stages[0], stages[1:]), Head(width, spec.classes, bias=spec.bias), spec, channels)
    initialise(network)
    return network
