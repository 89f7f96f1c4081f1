"""How far a network looks: measured by gradients, not computed from its code, so that it holds for any network."""

from __future__ import annotations

import copy

import torch
from torch import nn

_LIMIT = 4096  # px; a network that looks farther is treated as one that looks at everything


def reach(network: nn.Module, channels: int = 3) -> int:
    """Theoretical reach in px of the input: outputs here depend on nothing farther away, in any direction.

    Every weight of a copy is made positive, so no path cancels another, and the gradient of an output is then
    non-zero exactly where the output can see.  A strip is enough, for kernels are square.
    """
    probe = copy.deepcopy(network).cpu().double().eval()
    stride: int = getattr(probe, "stride", 1)
    enlarges: int = getattr(probe, "enlarges", 1)
    with torch.no_grad():
        for part in probe.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                part.weight.fill_(1 / part.weight[0].numel())
            if getattr(part, "bias", None) is not None:
                part.bias.zero_()  # type: ignore[operator]
            if isinstance(part, nn.BatchNorm2d | nn.GroupNorm):
                part.weight.fill_(1)
    length = 64 * stride
    while length <= _LIMIT:
        found = _extent(probe, channels, stride, enlarges, length)
        if found < length // 2 - stride:
            return found
        length *= 2
    return _LIMIT


def _extent(probe: nn.Module, channels: int, stride: int, enlarges: int, length: int) -> int:
    """The farthest dependence of one whole period of outputs in the middle of a strip."""
    middle = length // 2 // stride * stride
    phases = torch.arange(stride)
    strip = torch.ones(stride, channels, stride, length, dtype=torch.float64, requires_grad=True)
    output = probe(strip)
    picked = output[phases, :, :, (middle + phases) * enlarges]
    (gradient,) = torch.autograd.grad(picked.sum(), strip)
    seen = gradient.abs().sum((1, 2)) > 0
    positions = torch.arange(length)
    distances = (positions[None] - (middle + phases)[:, None]).abs()
    return int((distances * seen).max())
