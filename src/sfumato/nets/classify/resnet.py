"""Residual networks by stage (He et al. 2016), post- or pre-activation, added, dense or plain."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import initialise, zero_
from sfumato.nets.classify.parts import ConvNormAct, NormAct, NormActConv, Squeeze, rectifier
from sfumato.nets.classify.whole import Body, Classifier, Head
from sfumato.nets.classify_arguments import ResNet


@dataclass(frozen=True, kw_only=True)
class Style:
    """What all blocks of a network have in common."""

    order: Literal["post", "pre"]
    merge: Literal["add", "dense", "none"]
    shortcut: Literal["pool", "conv", "pad"]
    squeeze: bool
    zero_last: bool
    norm: Norm
    act: Activation


class Pad(nn.Module):
    """Every second px, and channels of zeros: a shortcut without weights.  (B, in, H, W) -> (B, out, H / stride, W / stride), rounded up"""

    def __init__(self, missing: int, stride: int):
        super().__init__()
        self.missing = missing
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)"""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))


class Block(nn.Module):
    """Two convolutions and a shortcut.  (B, in, H, W) -> (B, out, H / stride, W / stride), rounded up

    `strides` are those of its two convolutions.  A first block starts neither with a norm nor with an activation.
    """

    def __init__(self, wide_in: int, wide_out: int, *, strides: tuple[int, int], style: Style, first: bool = False):
        super().__init__()
        made = wide_out - wide_in if style.merge == "dense" else wide_out
        self.merge = style.merge
        if style.order == "post":
            self.first: nn.Module = ConvNormAct(wide_in, made, stride=strides[0], norm_kind=style.norm, act=style.act)
            self.second: nn.Module = ConvNormAct(made, made, stride=strides[1], norm_kind=style.norm, act=None)
            self.act = rectifier(style.act, own=True)
        else:
            if first:
                bias = style.norm == "none"
                self.first = ConvNormAct(wide_in, made, stride=strides[0], norm_kind="none", act=None, bias=bias)
            else:
                self.first = NormActConv(wide_in, made, stride=strides[0], norm_kind=style.norm, act=style.act)
            self.second = NormActConv(made, made, stride=strides[1], norm_kind=style.norm, act=style.act)
            self.act = nn.Identity()
        self.squeeze = Squeeze(made) if style.squeeze else nn.Identity()
        self.shortcut = _shortcut(wide_in, wide_out, strides[0] * strides[1], style)
        if style.zero_last:
            zero_(_last(self.second, style))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)"""
        new: Tensor = self.squeeze(self.second(self.first(x)))
        if self.merge == "add":
            new = new.add_(self.shortcut(x))  # it was made by a norm, a convolution or a product: none needs what it gave
        elif self.merge == "dense":
            new = torch.cat([self.shortcut(x), new], dim=1)
        merged: Tensor = self.act(new)
        return merged


def _shortcut(wide_in: int, wide_out: int, stride: int, style: Style) -> nn.Module:
    """The way around a block: the input itself where nothing changes."""
    if style.merge == "none":
        return nn.Identity()
    pool = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)  # ceil: an odd side gives the grid a convolution gives
    if style.merge == "dense":
        return pool if stride == 2 else nn.Identity()
    if wide_in == wide_out and stride == 1:
        return nn.Identity()
    if style.shortcut == "pad" and wide_out >= wide_in:
        return Pad(wide_out - wide_in, stride)
    parts = nn.Sequential()
    if stride == 2 and style.shortcut == "pool":
        parts.add_module("pool", pool)
        stride = 1
    if wide_in != wide_out or stride == 2:
        norm_kind: Norm = style.norm if style.order == "post" else "none"
        parts.add_module("project", ConvNormAct(wide_in, wide_out, kernel=1, stride=stride, norm_kind=norm_kind, act=None, bias=False))
    return parts


def _last(branch: nn.Module, style: Style) -> nn.Module:
    """What makes a branch zero if it is.  Not a norm before a rectifier: at zero that has no slope, so nothing would be learnt."""
    return branch.get_submodule("norm" if style.order == "post" and style.norm != "none" else "conv")


def _stage(wide_in: int, wide_out: int, blocks: int, stride: int, spec: ResNet, style: Style, *, first: bool) -> nn.Sequential:
    """Blocks of one grid; the first or the last convolution has the stride."""
    if style.merge == "dense":
        widths = [wide_in + (wide_out - wide_in) * index // blocks for index in range(blocks + 1)]
    else:
        widths = [wide_in] + [wide_out] * blocks
    stage = nn.Sequential()
    for index, (now, then) in enumerate(pairwise(widths)):
        early = stride if spec.stride_in == "first" and index == 0 else 1
        late = stride if spec.stride_in == "last" and index == blocks - 1 else 1
        stage.append(Block(now, then, strides=(early, late), style=style, first=first and index == 0))
    return stage


def build(spec: ResNet, channels: int) -> Classifier:
    """The network that a recipe or a model file asks for."""
    style = Style(
        order=spec.order,
        merge=spec.merge,
        shortcut=spec.shortcut,
        squeeze=spec.squeeze,
        zero_last=spec.zero_last,
        norm=spec.norm,
        act=spec.activation,
    )
    strides = spec.strides or (2,) * len(spec.widths)
    widths = (spec.stem_width or spec.widths[0], *spec.widths)
    stem = ConvNormAct(channels, widths[0], kernel=spec.stem_kernel, stride=spec.stem_stride, norm_kind=spec.norm, act=spec.activation)
    stages = [
        _stage(now, then, spec.blocks[index], strides[index], spec, style, first=index == 0)
        for index, (now, then) in enumerate(pairwise(widths))
    ]
    if spec.order == "pre":  # what leaves the last stage has passed neither
        stages[-1].add_module("after", NormAct(widths[-1], norm_kind=spec.norm, act=spec.activation))
    head = Head(widths[-1], spec.classes, grid=_grid(spec, strides) if spec.head == "flatten" else 0, dropout=spec.dropout)
    body = Body(stem, stages)
    initialise(body)
    return Classifier(body, head, spec, channels)


def _grid(spec: ResNet, strides: tuple[int, ...]) -> int:
    """px a side of the coarsest features of a picture of the side it is made for."""
    if spec.side == 0:
        raise Refusal('network.head = "flatten" needs network.side: the px a side of the pictures it is made for.')
    grid = spec.side
    for stride in (spec.stem_stride, *strides):
        grid = -(-grid // stride)
    return grid
