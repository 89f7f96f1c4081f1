"""A U-Net whose way down is a classifier's body, with its weights or without (fast.ai 2018, lesson 7; 2023, lesson 23)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue, encoder_arguments
from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import Attention, Conv, Cross, ResidualBlock, ShuffleUp, Up, activation, initialise, norm, pad_to_multiple
from sfumato.nets.surgery import pyramid
from sfumato.nets.surgery.pyramid import Encoder, Level

SIDE = 256  # px of the picture on which the encoder's grids are told
SMALL = 1e-3  # of what weights usually begin with, where start is "small"
GLOBAL = (  # in the name of a class that looks at the whole picture
    "AdaptiveAvgPool", "Squeeze", "SEModule", "Attention", "Attn", "Cbam", "GatherExcite", "GlobalContext", "GroupNorm", "LayerNorm", "Eca",
    "StdConv",  # or whose weights are standardised as they are used, so that its reach cannot be measured by other weights
)  # fmt: skip


class Merge(nn.Module):
    """What comes from below and a skip.  (B, width, H, W) and (B, skip, H, W) -> (B, width, H, W)

    add : the skip's channels are the width, or a convolution makes them so.  concat: both, then a convolution.
    cross : a residual block and a convolution on the skip first.
    """

    def __init__(self, width: int, skip: int, *, how: str, cross: bool, norm_kind: Norm, act: Activation):
        super().__init__()
        self.how = how
        crossed = width if how == "add" else skip
        plain: nn.Module = Conv(skip, width) if how == "add" and skip != width else nn.Identity()
        self.cross = Cross(skip, crossed, norm_kind=norm_kind, act=act) if cross else plain
        self.join = Conv(width + skip, width, norm_kind=norm_kind) if how == "concat" else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, width, H, W) and (B, skip, H, W) -> (B, width, H, W)"""
        skip = self.cross(skip)
        if x.shape[-2:] != skip.shape[-2:]:  # an encoder whose convolutions have no padding
            x = F.interpolate(x, skip.shape[-2:], mode="nearest")
        joined: Tensor = self.join(torch.cat([x, skip], 1)) if self.how == "concat" else x + skip
        return joined


class Nothing(nn.Module):
    """In place of a merge where there are no skips.  (B, width, H, W) and anything of that grid -> the first"""

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, width, H, W) -> the same, of the skip's height and width"""
        return x if x.shape[-2:] == skip.shape[-2:] else F.interpolate(x, skip.shape[-2:], mode="nearest")


class Convs(nn.Sequential):
    """Two convolutions, each with norm and activation.  (B, C, H, W) -> the same"""

    def __init__(self, width: int, *, norm_kind: Norm, act: Activation):
        layers = [(Conv(width, width, norm_kind=norm_kind), activation(act)) for _ in range(2)]
        super().__init__(*(part for pair in layers for part in pair))


class Decoder(nn.Module):
    """From a pyramid and the picture to what is missing in it, or to what each pixel shows.  All of the U-Net that is no encoder."""

    def __init__(self, levels: Sequence[Level], channels: int, spec: encoder_arguments.EncoderUNet):
        super().__init__()

        def block(width: int) -> nn.Module:
            made: nn.Module
            if spec.block == "residual":
                made = ResidualBlock(width, norm_kind=spec.norm, act=spec.activation)
            else:
                made = Convs(width, norm_kind=spec.norm, act=spec.activation)
            return made

        def grow(wide_in: int, wide_out: int) -> nn.Module:
            return ShuffleUp(wide_in, wide_out, blur=spec.blur) if spec.up == "shuffle" else Up(wide_in, wide_out)

        self.even = nn.ModuleList(norm(spec.skip_norm, level.channels) for level in levels)
        bottom = levels[-1].channels
        self.middle = nn.Sequential(*(block(bottom) for _ in range(spec.middle)))
        self.attention = Attention(bottom) if spec.attention else nn.Identity()
        self.grows, self.merges, self.blocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        merge = partial(Merge, norm_kind=spec.norm, act=spec.activation)
        for fine, coarse in pairwise(levels):
            between = round(log2(coarse.stride / fine.stride))
            widths = [coarse.channels, *[fine.channels] * between]
            self.grows.append(nn.Sequential(*(grow(*pair) for pair in pairwise(widths))))
            width = fine.channels
            self.merges.append(Nothing() if spec.skips == "off" else merge(width, width, how=spec.skips, cross=spec.cross))
            self.blocks.append(block(fine.channels))
        steps = [levels[0].channels, *[spec.width] * max(1, round(log2(levels[0].stride)))]
        made = [Conv(*steps[:2])] if levels[0].stride == 1 else [grow(*pair) for pair in pairwise(steps)]
        self.last = nn.Sequential(*made)
        self.merge_input = None if spec.input_skip == "off" else merge(spec.width, channels, how=spec.input_skip, cross=spec.cross_input)
        self.finish = block(spec.width)
        self.start = "free" if spec.outputs else spec.start
        self.head = nn.Conv2d(spec.width + (channels if self.start == "identity" else 0), spec.outputs or channels, 3, padding=1)
        self._begin(channels)

    def _begin(self, channels: int) -> None:
        """Random weights, and a head that adds nothing, little, or hands the picture on."""
        initialise(self)
        if self.head.weight.is_meta:
            return
        if self.start == "free":
            return
        with torch.no_grad():
            if self.start == "small":
                self.head.weight.mul_(SMALL)
            else:
                self.head.weight.zero_()
            if self.start == "identity":
                nn.init.dirac_(self.head.weight[:, -channels:])
            if self.head.bias is not None:
                self.head.bias.zero_()

    def forward(self, picture: Tensor, features: list[Tensor]) -> Tensor:
        """(B, C, H, W) and its pyramid, fine to coarse -> the repaired picture, of any range; or (B, outputs, H, W)"""
        features = [even(level) for even, level in zip(self.even, features, strict=True)]
        x: Tensor = self.attention(self.middle(features[-1]))
        for index in reversed(range(len(self.grows))):
            x = self.blocks[index](self.merges[index](self.grows[index](x), features[index]))
        x = self.last(x)
        if self.merge_input is not None:
            x = self.merge_input(x, picture)
        elif x.shape[-2:] != picture.shape[-2:]:
            x = F.interpolate(x, picture.shape[-2:], mode="nearest")
        x = self.finish(x)
        if self.start in ("identity", "free"):
            device = "cpu" if x.is_meta else x.device.type  # an outline is no device that computes
            with torch.autocast(device, enabled=False):  # the picture itself goes through it: half precision would be seen
                x = x.to(picture.dtype)
                made: Tensor = self.head(torch.cat([x, picture], 1) if self.start == "identity" else x)
                return made
        missing: Tensor = self.head(x)
        return picture + missing.to(picture.dtype)


class EncoderUNet(nn.Module):
    """Repair a picture: what a classifier sees in it tells what is missing.  (B, C, H, W) in 0..1 -> the same, any H and W.

    The untrained network returns its input exactly, unless it is told to start "small" or "free".  With `outputs` it tells what each
    pixel shows instead: (B, outputs, H, W), of any range.
    """

    def __init__(self, encoder: Encoder, channels: int, spec: encoder_arguments.EncoderUNet):
        super().__init__()
        found, self.lead = pyramid.describe(encoder, channels, SIDE), 0
        if not all(level.exact for level in found):  # its first convolution has no padding: a row and a column make all grids even
            led = pyramid.describe(encoder, channels, SIDE, lead=1)
            found, self.lead = (led, 1) if all(level.exact for level in led) else (found, 0)
        levels = pyramid.last_of_each_grid(found)
        if any(level.stride & (level.stride - 1) for level in levels):
            apart = [level.stride for level in levels]
            raise Refusal(f"The encoder's grids are {apart} px apart, but each must be half as fine as the last.")
        self.encoder = encoder
        self.places = [encoder.names.index(level.name) for level in levels]
        self.decoder = Decoder(levels, channels, spec)
        self.stride = levels[-1].stride
        self.bounded = spec.output == "bounded" and not spec.outputs
        whole = "group" in (spec.norm, spec.skip_norm) or spec.attention or _looks_at_all(encoder)
        self.tiles = not whole and all(level.exact for level in levels)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, or (B, outputs, H, W)"""
        height, width = picture.shape[-2:]
        padded = pad_to_multiple(picture, self.stride)
        seen = self.encoder(F.pad(padded, (self.lead, 0, self.lead, 0), mode="replicate") if self.lead else padded)
        repaired: Tensor = self.decoder(padded, [seen[place] for place in self.places])[..., :height, :width]
        if self.bounded:  # the way there and back leaves the picture as it is, and 0..1 is never left
            inside = picture.clamp(1e-3, 1 - 1e-3).float()
            moved = torch.sigmoid(inside.logit() + 4 * (repaired - picture).float()) - inside
            repaired = (picture.float() + moved).clamp(0, 1).to(picture.dtype)
        return repaired

    def units(self) -> list[nn.Module]:
        """The encoder's stem and stages, and the decoder: what is frozen and slowed down as one."""
        return [*self.encoder.units(), self.decoder]


def _looks_at_all(encoder: nn.Module) -> bool:
    return any(word in type(part).__name__ for part in encoder.modules() for word in GLOBAL)


def build(spec: encoder_arguments.EncoderUNet, channels: int) -> EncoderUNet:
    """The network that a recipe or a model file asks for; the encoder's weights come later (`surgery.borrow`)."""
    classifier = catalogue.build_parts(spec.encoder, channels)
    names = pyramid.names(classifier)
    if not 0 <= spec.levels <= len(names):
        raise Refusal(f"network.levels is {spec.levels}, but the encoder has {len(names)}: {', '.join(names)}.")
    at = names[spec.levels - 1] if spec.levels else names[-1]
    return EncoderUNet(pyramid.cut(classifier, at), channels, spec)


def lend(classifier: nn.Module, network: EncoderUNet) -> None:
    """The classifier's weights and norms' statistics to the encoder of a network that was made for it."""
    lent = pyramid.cut(classifier, network.encoder.names[-1])
    network.encoder.load_state_dict(copy.deepcopy(lent.state_dict()))
