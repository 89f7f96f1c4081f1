"""A start measured on data: every layer gives outputs of unit spread (LSUV, Mishkin and Matas 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal

_MOST = 10  # passes; a network settles in one or two, for each layer is set before the next one sees its output


def lsuv_(
    network: nn.Module,
    batch: Tensor,
    *,
    generator: torch.Generator,
    tolerance: float = 0.02,
    start: Literal["orthonormal", "kaiming", "given"] = "orthonormal",
) -> dict[str, float]:
    """Set every convolution and linear layer so that its output on `batch` has mean 0, where it has a bias, and standard deviation 1.

    batch : what the network takes, (B, C, H, W) or (B, features).    tolerance : how far a deviation may be from 1.
    start : what weights are drawn anew from; `given` keeps the direction of those there are.
    Gives the factor each layer's weights were divided by, by name.  Layers that begin as zeros on purpose no longer do.
    Norms' statistics stay; all hooks come off, whatever happens.  Refused where a layer's output has no spread.
    """
    layers = {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)}
    if start != "given":
        for layer in layers.values():
            _draw(layer, start, generator)
    divided = dict.fromkeys(layers, 1.0)
    with torch.no_grad(), _as_in_training(network):
        for _ in range(_MOST):
            worst = _pass(network, batch, layers, divided)
            if worst <= tolerance:
                return divided
    raise Refusal(f"After {_MOST} passes a layer's outputs still spread {worst:.3g} away from 1: give a larger batch or tolerance.")


def _pass(network: nn.Module, batch: Tensor, layers: dict[str, Any], divided: dict[str, float]) -> float:
    """Set every layer once, in the order in which they work; the largest distance of a spread from 1 before that."""
    seen: dict[str, float] = {}

    def hook(name: str) -> Any:
        def unit(layer: Any, inputs: Any, output: Tensor) -> Tensor:
            centre, spread = output.float().mean(), output.float().std()
            if not (torch.isfinite(spread) and spread > 0):
                raise Refusal(f"The layer {name!r} gives outputs without spread on this batch ({spread.item():g}): its input is dead.")
            seen.setdefault(name, abs(spread.item() - 1))  # a layer used twice is judged, and set, where it works first
            if name in set_already:
                return output
            set_already.add(name)
            layer.weight.div_(spread)
            divided[name] *= spread.item()
            if layer.bias is None:
                return output / spread
            layer.bias.sub_(centre).div_(spread)
            return (output - centre) / spread  # what it would give now: linear, so no second run is needed

        return unit

    set_already: set[str] = set()
    hooks = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        network(batch)
    finally:
        for each in hooks:
            each.remove()
    return max(seen.values(), default=0.0)


def _draw(layer: Any, start: Literal["orthonormal", "kaiming"], generator: torch.Generator) -> None:
    """New weights, drawn where the generator lives."""
    fresh = torch.empty(layer.weight.shape, device=generator.device)
    if start == "orthonormal":
        nn.init.orthogonal_(fresh, generator=generator)
    else:
        nn.init.kaiming_normal_(fresh, nonlinearity="relu", generator=generator)
    with torch.no_grad():
        layer.weight.copy_(fresh)
        if layer.bias is not None:
            layer.bias.zero_()


@contextmanager
def _as_in_training(network: nn.Module) -> Iterator[None]:
    """Norms measure the batch, as they will in training, but keep nothing of it; nothing is dropped."""
    modes = {part: part.training for part in network.modules()}
    kept = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    for part in network.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()
    try:
        yield
    finally:
        for name, buffer in network.named_buffers():
            buffer.copy_(kept[name])
        for part, mode in modes.items():
            part.training = mode
