"""The network of Johnson et al. 2016: one mirrored border, then convolutions without padding, so that no border is made up inside."""

from __future__ import annotations

from math import ceil, log2

import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import arguments
from sfumato.nets.blocks import ShuffleUp, initialise

FAR = 4  # px that the first and the last convolution look to each side


class Valid(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), nothing after the sum.  (B, C, H, W) -> (B, C, H - 4, W - 4)"""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3), nn.Conv2d(width, width, 3)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H - 4, W - 4)"""
        added: Tensor = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        return x[..., 2:-2, 2:-2] + added


class Grow(nn.Module):
    """Double the grid, in one of five ways, then norm and activation.  (B, C, H, W) -> (B, C, 2H - 2, 2W - 2)"""

    def __init__(self, width: int, how: str):
        super().__init__()
        self.how = how
        if how.startswith("transposed"):
            kernel = int(how[-1])
            self.conv: nn.Module = nn.ConvTranspose2d(width, width, kernel, stride=2, padding=1, output_padding=kernel % 2)
        elif how == "shuffle":
            self.conv = ShuffleUp(width, width)
        else:
            self.conv = nn.Conv2d(width, width, 3)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 2H - 2, 2W - 2)"""
        if self.how in ("nearest", "bilinear"):
            smooth = {"align_corners": False} if self.how == "bilinear" else {}
            grown = self.conv(F.interpolate(x, scale_factor=2, mode=self.how, **smooth))
        else:
            grown = self.conv(x)[..., 1:-1, 1:-1]
        shown: Tensor = F.relu(self.norm(grown))
        return shown


class Johnson(nn.Module):
    """Make a picture that looks right to a classifier.  (B, C, H, W) in 0..1 -> (B, C, eH, eW) in 0..1, any H and W"""

    def __init__(self, channels: int, spec: arguments.Johnson):
        super().__init__()
        self.enlarges, self.stride, self.tiles = spec.enlarges, 1, True
        self.bounded = True  # by the last activation
        self.stem = nn.Conv2d(channels, spec.width, 2 * FAR + 1)
        self.norm = nn.BatchNorm2d(spec.width)
        self.body = nn.Sequential(*(Valid(spec.width) for _ in range(spec.blocks)))
        doublings = round(log2(spec.enlarges))
        self.grow = nn.Sequential(*(Grow(spec.width, spec.up) for _ in range(doublings)))
        self.head = nn.Conv2d(spec.width, channels, 2 * FAR + 1)
        lost = 0.0  # px on each side, counted in px of the input
        for number in range(doublings):
            lost += 1 / 2 ** (number + 1)
        self.pad = FAR + 2 * spec.blocks + ceil(lost + FAR / spec.enlarges)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, eH, eW)"""
        height, width = (side * self.enlarges for side in picture.shape[-2:])
        small = min(picture.shape[-2:]) <= self.pad  # nothing to mirror: the border is repeated
        x = F.pad(picture, (self.pad,) * 4, mode="replicate" if small else "reflect")
        x = self.head(self.grow(self.body(F.relu(self.norm(self.stem(x))))))
        top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
        shown: Tensor = x[..., top : top + height, left : left + width].float()
        return (shown.tanh() + 1) / 2 if self.bounded else shown


def build(spec: arguments.Johnson, channels: int) -> Johnson:
    """The network that a recipe or a model file asks for."""
    return Johnson(channels, spec)
