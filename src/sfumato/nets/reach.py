"""How far a network looks: measured, not computed from its code, so that it holds for any network.

In theory: by gradients, how far it can look.  In effect: on pictures, how far what it sees changes what it makes by a quarter of a level.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from sfumato.core.levels import TOP

Meant = Callable[[Tensor], Tensor]
Outputs = TypeVar("Outputs")  # a tensor, or rows of it as an array

LIMIT = 4096  # px; a network that looks farther is treated as one that looks at everything


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
            if getattr(part, "running_mean", None) is not None:
                part.reset_running_stats()  # type: ignore[operator]  # else what it subtracts could end a path at an activation
        for part in list(probe.modules()):
            if hasattr(part, "bounded"):
                part.bounded = False  # type: ignore[assignment]  # at the edge of the range nothing has a slope
            for name, inner in part.named_children():
                if isinstance(inner, nn.MaxPool2d):  # whose slope is that of one px of its window: the mean's is that of all
                    setattr(part, name, nn.AvgPool2d(inner.kernel_size, inner.stride, inner.padding, ceil_mode=inner.ceil_mode))
    length = 64 * stride
    while length <= LIMIT:
        found = _extent(probe, channels, stride, enlarges, length)
        if found is None:  # no output has a slope, as behind an activation at its end: then what its kernels allow
            return farthest(network)
        if found < length // 2 - stride:
            return found
        length *= 2
    return LIMIT


def farthest(network: nn.Module) -> int:
    """px that no theoretical reach exceeds, from the sizes of the kernels alone: at once, and without weights.

    A kernel of k px looks at most (k - 1) * dilation px of its own grid away, whose px are at most `stride` px; as much again for
    the grid itself.
    """
    stride: int = getattr(network, "stride", 1)
    kernels = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    pools = [_width(part.kernel_size) for part in network.modules() if isinstance(part, nn.MaxPool2d | nn.AvgPool2d)]
    steps = sum(pools) + sum(1 + max((size - 1) * apart for size, apart in zip(part.kernel_size, part.dilation)) for part in kernels)
    return min(LIMIT, stride * steps)


def _width(kernel: int | tuple[int, ...]) -> int:
    return kernel if isinstance(kernel, int) else max(kernel)


def as_it_is(outputs: Outputs) -> Outputs:
    """What a network gives, unchanged."""
    return outputs


def effective(network: nn.Module, probes: Sequence[Tensor], reach: int, meant: Meant = as_it_is, tolerance: float = 0.25 / TOP) -> int:
    """The smallest margin, a multiple of the stride, with which a piece of a probe comes out as in the whole, up to `tolerance`.

    Probes are (1, C, H, W) in 0..1.  Each is cut on all four sides, and the change that a cut makes is followed inwards.
    meant : what outputs go through before they are compared.
    Never more than the theoretical `reach`, which is the answer where a probe is too small to tell.
    """
    stride: int = getattr(network, "stride", 1)
    enlarges: int = getattr(network, "enlarges", 1)
    seen = 0
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for probe in probes:
            whole = meant(network(probe))
            for turns in range(4):  # so that the side that is cut off lies to the left
                turned = torch.rot90(probe, turns, (2, 3))
                cut = turned.shape[3] // 4 // stride * stride
                piece = torch.rot90(meant(network(torch.rot90(turned[..., cut:], -turns, (2, 3)))), turns, (2, 3))
                changed = (piece - torch.rot90(whole, turns, (2, 3))[..., cut * enlarges :]).abs().amax((0, 1, 2))
                struck = torch.nonzero(changed > tolerance)
                last = int(struck.max()) if len(struck) else -1
                if last == len(changed) - 1:  # the change runs through all of the piece, and perhaps farther
                    last = reach * enlarges
                seen = max(seen, -(-(last + 1) // enlarges))
    network.train(was_training)
    return min(reach, -(-seen // stride) * stride)


def _extent(probe: nn.Module, channels: int, stride: int, enlarges: int, length: int) -> int | None:
    """The farthest dependence of one whole period of outputs in the middle of a strip; None where one depends on nothing.

    What an output sees begins and ends no farther left than what the next one to its right sees: between two that begin and end at the
    same places nobody needs to be looked at, and of those the left one looks farthest right, and the right one farthest left.
    """
    middle = length // 2 // stride * stride

    @cache
    def view(phase: int) -> tuple[int, int]:
        """The first and the last column that an output depends on."""
        strip = torch.ones(1, channels, stride, length, dtype=torch.float64, requires_grad=True)
        begins = (middle + phase) * enlarges  # of all that one px becomes: the last may see farther to the right than the first
        picked = probe(strip)[0, :, :, begins : begins + enlarges]
        (gradient,) = torch.autograd.grad(picked.sum(), strip)
        seen = gradient.abs().sum((0, 1, 2)).nonzero()
        return (int(seen[0]), int(seen[-1])) if len(seen) else (-1, -1)

    def farthest_of(low: int, high: int) -> int:
        if view(low) != view(high) and high - low > 1:
            between = (low + high) // 2
            return max(farthest_of(low, between), farthest_of(between, high))
        return max(abs(column - middle - phase) for phase in (low, high) for column in view(phase))

    found = farthest_of(0, stride - 1)
    return None if (-1, -1) in (view(0), view(stride - 1)) else found
