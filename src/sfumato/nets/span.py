"""SPAN (Wan et al. 2024): convolutions that are wide while they learn and one 3 x 3 when they work; attention without numbers of its own.

A wide convolution (1 x 1, 3 x 3, 1 x 1 and a 1 x 1 beside them, nothing in between) is linear, so it equals one 3 x 3.  It is folded into
that in every pass, in training too: the same function and the same gradients for the price of a single convolution.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets import arguments
from sfumato.nets.blocks import zero_


class Wide(nn.Module):
    """A 3 x 3 convolution that is `gain` times wider inside while it learns.  (B, in, H, W) -> (B, out, H, W)"""

    def __init__(self, wide_in: int, wide_out: int, gain: int):
        super().__init__()
        self.enter = nn.Conv2d(wide_in, wide_in * gain, 1)
        self.look = nn.Conv2d(wide_in * gain, wide_out * gain, 3)
        self.leave = nn.Conv2d(wide_out * gain, wide_out, 1)
        self.beside = nn.Conv2d(wide_in, wide_out, 1)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight (out, in, 3, 3) and bias (out,) of the convolution that this is."""
        enter, leave, beside = (part.weight[:, :, 0, 0] for part in (self.enter, self.leave, self.beside))
        first, second, third, fourth = (_bias(part) for part in (self.enter, self.look, self.leave, self.beside))
        weight = torch.einsum("om,mnyx,ni->oiyx", leave, self.look.weight, enter)
        weight = weight + F.pad(beside[:, :, None, None], (1, 1, 1, 1))
        return weight, leave @ (self.look.weight.sum((2, 3)) @ first + second) + third + fourth

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)"""
        weight, bias = self.folded()
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), padding=1)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def _convolution(wide_in: int, wide_out: int, spec: arguments.Span) -> nn.Module:
    return nn.Conv2d(wide_in, wide_out, 3, padding=1) if spec.folded else Wide(wide_in, wide_out, spec.gain)


class Block(nn.Module):
    """Three convolutions; what they find weighs itself.  (B, C, H, W) -> the same"""

    def __init__(self, width: int, spec: arguments.Span):
        super().__init__()
        self.first, self.second, self.third = (_convolution(width, width, spec) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same"""
        found: Tensor = self.third(F.silu(self.second(F.silu(self.first(x)))))
        return (x + found) * (found.sigmoid() - 0.5)


class Span(nn.Module):
    """Repair a picture, or enlarge it.  (B, C, H, W) in 0..1 -> (B, C, eH, eW), any H and W.

    The untrained network returns its input, enlarged by nearest.
    """

    def __init__(self, channels: int, spec: arguments.Span):
        super().__init__()
        self.enlarges, self.stride, self.tiles = spec.enlarges, 1, True
        width = spec.width
        self.stem = _convolution(channels, width, spec)
        self.blocks = nn.ModuleList(Block(width, spec) for _ in range(spec.blocks))
        self.end = _convolution(width, width, spec)
        self.join = nn.Conv2d(4 * width, width, 1)
        self.head = nn.Conv2d(width, channels * spec.enlarges**2, 3, padding=1)
        zero_(self.head)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, eH, eW)"""
        stem = self.stem(picture)
        x, seen = stem, []
        for block in self.blocks:
            x = block(x)
            seen.append(x)
        x = self.join(torch.cat([stem, self.end(x), seen[0], seen[-2]], dim=1))
        missing = F.pixel_shuffle(self.head(x), self.enlarges)
        base = F.interpolate(picture, scale_factor=self.enlarges, mode="nearest") if self.enlarges > 1 else picture
        return base + missing.to(base.dtype)

    def working(self) -> dict[str, Tensor]:
        """See `catalogue.working`: every wide convolution as the one that it is."""
        state = dict(self.state_dict())
        for name, part in self.named_modules():
            if isinstance(part, Wide):
                state = {key: tensor for key, tensor in state.items() if not key.startswith(f"{name}.")}
                with torch.no_grad():
                    state[f"{name}.weight"], state[f"{name}.bias"] = copy.deepcopy(part).double().folded()
        return {name: tensor.float() for name, tensor in state.items()}


def build(spec: arguments.Span, channels: int) -> Span:
    """The network that a recipe or a model file asks for."""
    return Span(channels, spec)
