"""The small parts networks are made of: convolutions with a norm and an activation, residual blocks, changes of grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets.arguments import Activation, Norm

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "leaky": nn.LeakyReLU, "gelu": nn.GELU, "silu": nn.SiLU}


def activation(kind: Activation) -> nn.Module:
    """A fresh module of that kind."""
    return _ACTIVATIONS[kind]()


def norm(kind: Norm, width: int) -> nn.Module:
    """A norm over `width` channels; group: one group per 16 channels or the whole (Wu and He 2018)."""
    match kind:
        case "batch":
            return nn.BatchNorm2d(width)
        case "group":
            return nn.GroupNorm(width // 16 if width % 16 == 0 else 1, width)
        case "none":
            return nn.Identity()


class Conv(nn.Sequential):
    """3x3 convolution and norm.  (B, in, H, W) -> (B, out, H, W).  No bias before a norm, which would undo it."""

    def __init__(self, wide_in: int, wide_out: int, *, norm_kind: Norm = "none", kernel: int = 3):
        super().__init__(
            nn.Conv2d(wide_in, wide_out, kernel, padding=kernel // 2, bias=norm_kind == "none"),
            norm(norm_kind, wide_out),
        )


class ResidualBlock(nn.Module):
    """x + conv(act(conv(x))).  (B, C, H, W) -> the same.  Starts as the identity: the second branch ends in zeros."""

    def __init__(self, width: int, *, norm_kind: Norm = "none", act: Activation = "relu"):
        super().__init__()
        self.first = Conv(width, width, norm_kind=norm_kind)
        self.act = activation(act)
        self.second = Conv(width, width, norm_kind=norm_kind)
        zero_(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        added: Tensor = self.second(self.act(self.first(x)))
        return x + added


class Down(nn.Sequential):
    """Halve the grid: 2x2 convolution of stride 2.  (B, in, 2H, 2W) -> (B, out, H, W)"""

    def __init__(self, wide_in: int, wide_out: int):
        super().__init__(nn.Conv2d(wide_in, wide_out, 2, stride=2))


class Up(nn.Module):
    """Double the grid: 1x1 convolution, then nearest.  (B, in, H, W) -> (B, out, 2H, 2W)

    A 1x1 convolution and nearest enlargement commute, so the convolution runs where it costs a quarter.
    """

    def __init__(self, wide_in: int, wide_out: int):
        super().__init__()
        self.conv = nn.Conv2d(wide_in, wide_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2H, 2W)"""
        return F.interpolate(self.conv(x), scale_factor=2, mode="nearest")


class Cross(nn.Sequential):
    """A residual block and a convolution on a skip.  (B, C, H, W) -> (B, out, H, W)"""

    def __init__(self, wide_in: int, wide_out: int, *, norm_kind: Norm, act: Activation):
        super().__init__(ResidualBlock(wide_in, norm_kind=norm_kind, act=act), Conv(wide_in, wide_out, norm_kind=norm_kind))


class ShuffleUp(nn.Module):
    """Double the grid by pixel-shuffle, begun as nearest (ICNR, Aitken et al. 2017).  (B, in, H, W) -> (B, out, 2H, 2W)

    blur : a mean of 2x2 after it, which takes what is left of a checkerboard (Sugawara et al. 2018).
    """

    def __init__(self, wide_in: int, wide_out: int, *, blur: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(wide_in, 4 * wide_out, 1)
        self.blur = blur
        self.begin()

    def begin(self) -> None:
        """Fresh weights: the four px that one becomes are equal."""
        if self.conv.weight.is_meta:
            return
        with torch.no_grad():
            one = nn.init.kaiming_normal_(torch.empty_like(self.conv.weight[::4]), nonlinearity="linear")
            self.conv.weight.copy_(one.repeat_interleave(4, dim=0))
            if self.conv.bias is not None:
                self.conv.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, 2H, 2W)"""
        grown = F.pixel_shuffle(self.conv(x), 2)
        return F.avg_pool2d(F.pad(grown, (1, 0, 1, 0), mode="replicate"), 2, stride=1) if self.blur else grown


class Attention(nn.Module):
    """What lies anywhere, weighed by likeness and added (Zhang et al. 2019).  (B, C, H, W) -> the same; starts as the identity."""

    def __init__(self, width: int):
        super().__init__()
        inner = max(1, width // 8)
        self.asks = nn.Conv2d(width, inner, 1, bias=False)
        self.answers = nn.Conv2d(width, inner, 1, bias=False)
        self.says = nn.Conv2d(width, width, 1, bias=False)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same"""
        ask, answer, say = (part(x).flatten(2).mT for part in (self.asks, self.answers, self.says))
        found = F.scaled_dot_product_attention(ask, answer, say)
        return x + self.share * found.mT.reshape(x.shape)


def zero_(module: nn.Module) -> None:
    """Make the last layer of a branch give zeros: its norm's scale where it has one, else its convolution."""
    scaled = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d | nn.GroupNorm)]
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    last = scaled[-1] if scaled else convolutions[-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def initialise(network: nn.Module) -> None:
    """He et al. 2015 for every convolution, without touching what `zero_` made zero."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d) and not part.weight.is_meta and part.weight.any():
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    for part in network.modules():
        if isinstance(part, ShuffleUp):
            part.begin()


def pad_to_multiple(x: Tensor, stride: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of `stride`.  (B, C, H, W) -> (B, C, H', W')"""
    below, right = -x.shape[-2] % stride, -x.shape[-1] % stride
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x
