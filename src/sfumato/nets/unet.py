"""The U-Net of the lectures made right (fast.ai 2023, lesson 23): added skips, the input as first skip, exact identity at the start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import arguments
from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import Conv, Cross, Down, ResidualBlock, Up, initialise, pad_to_multiple, zero_


class UNet(nn.Module):
    """Repair a picture: what is missing is added to it.  (B, C, H, W) in 0..1 -> the same, any H and W.

    The last convolution starts at zero, so the untrained network returns its input exactly.
    With `half` the picture is first folded by pixel-unshuffle, and all work is done at half resolution.
    """

    def __init__(
        self,
        *,
        channels: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        blocks_up: Sequence[int],
        half: bool,
        cross: bool,
        norm_kind: Norm,
        act: Activation,
    ):
        super().__init__()
        fold = 2 if half else 1
        folded = channels * fold * fold
        self.fold = fold
        self.stride = fold * 2 ** (len(widths) - 1)
        self.tiles = norm_kind != "group"  # a group norm looks at the whole picture, so tiles would differ

        def level(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(width, norm_kind=norm_kind, act=act) for _ in range(count)))

        self.stem = Conv(folded, widths[0])
        self.downs = nn.ModuleList(level(width, count) for width, count in zip(widths, blocks, strict=True))
        self.shrinks = nn.ModuleList(Down(fine, coarse) for fine, coarse in pairwise(widths))
        self.grows = nn.ModuleList(Up(coarse, fine) for fine, coarse in pairwise(widths))
        self.ups = nn.ModuleList(level(width, count) for width, count in zip(widths[:-1], blocks_up, strict=True))
        self.crosses = nn.ModuleList(
            Cross(width, width, norm_kind=norm_kind, act=act) if cross else nn.Identity() for width in widths[:-1]
        )
        self.cross_input = Cross(folded, widths[0], norm_kind=norm_kind, act=act) if cross else None
        self.head = nn.Conv2d(widths[0], folded, 3, padding=1)
        zero_(self.head)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> the same"""
        height, width = picture.shape[-2:]
        padded = pad_to_multiple(picture, self.stride)
        folded = F.pixel_unshuffle(padded, self.fold) if self.fold > 1 else padded
        missing = self.head(self._features(folded))
        missing = F.pixel_shuffle(missing, self.fold) if self.fold > 1 else missing
        return picture + missing[..., :height, :width].to(picture.dtype)

    def _features(self, folded: Tensor) -> Tensor:
        x: Tensor = self.stem(folded)
        skips = []
        for down, shrink in zip(self.downs[:-1], self.shrinks, strict=True):
            x = down(x)
            skips.append(x)
            x = shrink(x)
        x = self.downs[-1](x)
        for index in reversed(range(len(skips))):
            x = self.grows[index](x) + self.crosses[index](skips[index])
            if index == 0 and self.cross_input is not None:
                x = x + self.cross_input(folded)
            x = self.ups[index](x)
        return x


def build(spec: arguments.UNet, channels: int) -> UNet:
    """The network that a recipe or a model file asks for."""
    return UNet(
        channels=channels,
        widths=spec.widths,
        blocks=spec.blocks,
        blocks_up=spec.blocks_up,
        half=spec.stem == "half",
        cross=spec.cross,
        norm_kind=spec.norm,
        act=spec.activation,
    )
