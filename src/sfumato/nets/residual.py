"""A small residual restorer of one resolution, for super-resolution and denoising (after EDSR: Lim et al. 2017, without its size)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import arguments
from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import Conv, ResidualBlock, initialise, pad_to_multiple, zero_


class Residual(nn.Module):
    """Repair a picture, or enlarge it.  (B, C, H, W) in 0..1 -> (B, C, eH, eW), any H and W.

    The last convolution starts at zero, so the untrained network returns its input, enlarged by nearest.
    """

    def __init__(self, *, channels: int, width: int, blocks: int, half: bool, enlarges: int, norm_kind: Norm, act: Activation):
        super().__init__()
        self.fold = 2 if half else 1
        self.enlarges = enlarges
        self.stride = self.fold
        self.tiles = norm_kind != "group"
        self.stem = Conv(channels * self.fold**2, width)
        self.body = nn.Sequential(*(ResidualBlock(width, norm_kind=norm_kind, act=act) for _ in range(blocks)))
        self.head = nn.Conv2d(width, channels * (self.fold * enlarges) ** 2, 3, padding=1)
        zero_(self.head)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, eH, eW)"""
        height, width = (side * self.enlarges for side in picture.shape[-2:])
        padded = pad_to_multiple(picture, self.stride)
        x = self.stem(F.pixel_unshuffle(padded, self.fold))
        x = self.head(x + self.body(x))
        missing = F.pixel_shuffle(x, self.fold * self.enlarges)[..., :height, :width]
        base = F.interpolate(picture, scale_factor=self.enlarges, mode="nearest") if self.enlarges > 1 else picture
        return base + missing.to(base.dtype)


def build(spec: arguments.Residual, channels: int) -> Residual:
    """The network that a recipe or a model file asks for."""
    return Residual(
        channels=channels,
        width=spec.width,
        blocks=spec.blocks,
        half=spec.stem == "half",
        enlarges=spec.enlarges,
        norm_kind=spec.norm,
        act=spec.activation,
    )
