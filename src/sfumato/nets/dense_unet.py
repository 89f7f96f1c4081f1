"""A U-Net of dense blocks (Jégou et al. 2017): every layer sees all that came before it at its size; up goes only what is new."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.nets import segment_arguments
from sfumato.nets.blocks import ShuffleUp, initialise, pad_to_multiple
from sfumato.nets.classify.parts import NormActConv


class Block(nn.Module):
    """Dense layers.  (B, C, H, W) -> (B, layers * growth, H, W), what is new; `width` channels with what came in."""

    def __init__(self, width: int, layers: int, spec: segment_arguments.DenseUNet):
        super().__init__()
        self.layers = nn.ModuleList(
            NormActConv(width + index * spec.growth, spec.growth, norm_kind=spec.norm, act=spec.activation) for index in range(layers)
        )
        self.drop = nn.Dropout2d(spec.dropout) if spec.dropout else nn.Identity()
        self.given = width

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, layers * growth, H, W)"""
        for layer in self.layers:
            x = torch.cat([x, self.drop(layer(x))], dim=1)
        return x[:, self.given :]


class DenseUNet(nn.Module):
    """What each pixel shows.  (B, C, H, W) in 0..1 -> (B, outputs, H, W), any H and W"""

    def __init__(self, channels: int, spec: segment_arguments.DenseUNet):
        super().__init__()
        self.stride, self.tiles = 2 ** len(spec.layers), True
        self.stem = nn.Conv2d(channels, spec.stem, 3, padding=1)
        width, kept = spec.stem, []
        self.downs, self.shrinks = nn.ModuleList(), nn.ModuleList()
        for layers in spec.layers:
            self.downs.append(Block(width, layers, spec))
            width += layers * spec.growth
            kept.append(width)
            self.shrinks.append(
                nn.Sequential(NormActConv(width, width, kernel=1, norm_kind=spec.norm, act=spec.activation), nn.MaxPool2d(2))
            )
        self.middle = Block(width, spec.middle, spec)
        new = spec.middle * spec.growth
        self.grows, self.ups = nn.ModuleList(), nn.ModuleList()
        for layers, skip in zip(reversed(spec.layers), reversed(kept), strict=True):
            self.grows.append(ShuffleUp(new, new))
            self.ups.append(Block(new + skip, layers, spec))
            width, new = new + skip, layers * spec.growth
        self.head = NormActConv(width + new, spec.outputs or channels, kernel=1, norm_kind=spec.norm, act=spec.activation)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, H, W)"""
        height, width = picture.shape[-2:]
        x: Tensor = self.stem(pad_to_multiple(picture, self.stride))
        skips = []
        for down, shrink in zip(self.downs, self.shrinks, strict=True):
            x = torch.cat([x, down(x)], dim=1)
            skips.append(x)
            x = shrink(x)
        x = self.middle(x)
        for grow, up in zip(self.grows, self.ups, strict=True):
            seen = torch.cat([grow(x), skips.pop()], dim=1)
            x = up(seen)
        told: Tensor = self.head(torch.cat([seen, x], dim=1))
        return told[..., :height, :width]


def build(spec: segment_arguments.DenseUNet, channels: int) -> DenseUNet:
    """The network that a recipe or a model file asks for."""
    return DenseUNet(channels, spec)
