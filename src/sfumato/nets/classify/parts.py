"""The layers classifiers are made of: a convolution with norm and activation after it or before it, and weighed channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.nets.arguments import Activation, Norm
from sfumato.nets.blocks import activation, norm


def rectifier(kind: Activation, *, own: bool) -> nn.Module:
    """An activation; where nobody else needs its input (`own`), it may overwrite that and save a pass over memory."""
    made = activation(kind)
    if own and isinstance(made, nn.ReLU | nn.LeakyReLU):  # their slope can be told from what they gave
        made.inplace = True
    return made


class ConvNormAct(nn.Sequential):
    """Convolution, norm, activation; act None: without the last.  (B, in, H, W) -> (B, out, H / stride, W / stride), rounded up.

    bias None: one where no norm follows, which would undo it.
    """

    def __init__(
        self,
        wide_in: int,
        wide_out: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        norm_kind: Norm = "batch",
        act: Activation | None = "relu",
        bias: bool | None = None,
    ):
        super().__init__()
        has_bias = norm_kind == "none" if bias is None else bias
        self.add_module("conv", nn.Conv2d(wide_in, wide_out, kernel, stride=stride, padding=kernel // 2, bias=has_bias))
        if norm_kind != "none":
            self.add_module("norm", norm(norm_kind, wide_out))
        if act is not None:
            self.add_module("act", rectifier(act, own=True))


class NormAct(nn.Sequential):
    """Norm and activation.  (B, C, H, W) -> the same"""

    def __init__(self, width: int, *, norm_kind: Norm, act: Activation):
        super().__init__()
        if norm_kind != "none":
            self.add_module("norm", norm(norm_kind, width))
        self.add_module("act", rectifier(act, own=norm_kind != "none"))  # without a norm the input is the stream itself


class NormActConv(NormAct):
    """Norm, activation, convolution.  (B, in, H, W) -> (B, out, H / stride, W / stride), rounded up"""

    def __init__(self, wide_in: int, wide_out: int, *, kernel: int = 3, stride: int = 1, norm_kind: Norm, act: Activation):
        super().__init__(wide_in, norm_kind=norm_kind, act=act)
        self.add_module("conv", nn.Conv2d(wide_in, wide_out, kernel, stride=stride, padding=kernel // 2, bias=norm_kind == "none"))


class Squeeze(nn.Module):
    """Weigh channels by what the whole picture shows.  (B, C, H, W) -> the same.  Hu et al. 2018."""

    def __init__(self, width: int, *, ratio: int = 16):
        super().__init__()
        inner = max(8, width // ratio)
        self.narrow = nn.Conv2d(width, inner, 1)
        self.act = nn.ReLU(inplace=True)
        self.widen = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same"""
        weights = torch.sigmoid(self.widen(self.act(self.narrow(x.mean((2, 3), keepdim=True)))))
        return x * weights
