"""Dense networks (Huang et al. 2017, DenseNet-BC): every layer sees all that came before it in its stage."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import initialise
from sfumato.nets.classify.parts import NormAct, NormActConv
from sfumato.nets.classify.whole import Body, Classifier, Head
from sfumato.nets.classify_arguments import Dense


class Layer(nn.Module):
    """Add channels beside those there are.  (B, C, H, W) -> (B, C + growth, H, W)"""

    def __init__(self, width: int, growth: int, *, bottleneck: int, norm_kind: Norm, act: Activation):
        super().__init__()
        inner = growth * bottleneck
        self.narrow = NormActConv(width, inner, kernel=1, norm_kind=norm_kind, act=act) if bottleneck else nn.Identity()
        self.grow = NormActConv(inner or width, growth, norm_kind=norm_kind, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + growth, H, W)"""
        return torch.cat([x, self.grow(self.narrow(x))], dim=1)


class Transition(nn.Sequential):
    """Fewer channels, half the grid.  (B, in, H, W) -> (B, out, H / 2, W / 2), rounded up"""

    def __init__(self, wide_in: int, wide_out: int, *, norm_kind: Norm, act: Activation):
        super().__init__()
        self.add_module("narrow", NormActConv(wide_in, wide_out, kernel=1, norm_kind=norm_kind, act=act))
        self.add_module("pool", nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False))


def build(spec: Dense, channels: int) -> Classifier:
    """The network that a recipe or a model file asks for.  A transition opens a stage, so a stage gives all its layers made."""
    width = spec.stem_width or 2 * spec.growth
    stem = nn.Conv2d(channels, width, spec.stem_kernel, stride=spec.stem_stride, padding=spec.stem_kernel // 2, bias=spec.norm == "none")
    stages = []
    for number, layers in enumerate(spec.layers):
        stage = nn.Sequential()
        if number:
            narrow = max(1, int(width * spec.compression))
            stage.add_module("transition", Transition(width, narrow, norm_kind=spec.norm, act=spec.activation))
            width = narrow
        for index in range(layers):
            layer = Layer(width, spec.growth, bottleneck=spec.bottleneck, norm_kind=spec.norm, act=spec.activation)
            stage.add_module(f"layer{index + 1}", layer)
            width += spec.growth
        stages.append(stage)
    stages[-1].add_module("after", NormAct(width, norm_kind=spec.norm, act=spec.activation))
    body = Body(stem, stages)
    initialise(body)
    return Classifier(body, Head(width, spec.classes, dropout=spec.dropout), spec, channels)
