"""A network in groups from stem to head: frozen, thawed one by one, and each taught at its own rate."""

from __future__ import annotations

from collections.abc import Iterable
from types import MethodType
from typing import Any, cast

from torch import nn

from sfumato.core.errors import Refusal


def units(network: nn.Module) -> list[nn.Module]:
    """Stem, stages and, where there is one, head."""
    if not hasattr(network, "units"):
        raise Refusal(f"A {type(network).__name__} has no stages: give a classifier, or an encoder that was cut from one.")
    found: list[nn.Module] = cast(Any, network).units()
    return found


def freeze(modules: Iterable[nn.Module]) -> None:
    """Nothing moves any more, not by a bit: neither weights nor the statistics of norms, whoever calls `train()` on the network.

    A copy of a frozen network is frozen.  Norms keep working with the statistics they have.
    """
    for module in modules:
        for parameter in module.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None  # one left from the last step would still be used
        for part in _norms(module):
            part.train(False)
            part.train = MethodType(_stay, part)  # type: ignore[method-assign]  # of this one; a deep copy binds its own


def unfreeze(modules: Iterable[nn.Module]) -> None:
    """Everything may move again; norms follow their network's next `train()`."""
    for module in modules:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
        for part in _norms(module):
            part.__dict__.pop("train", None)


def rates(network: nn.Module, highest: float, factor: float) -> list[dict[str, Any]]:
    """Groups of parameters for an optimiser, one a stage, stem to head: the head learns at `highest`, each before it `factor` times slower.

    Howard and Ruder 2018, who took 2.6.  Frozen parameters are in them too, for they may thaw; what stands in no stage goes with the stem.
    """
    if not (highest > 0 and factor >= 1):
        raise Refusal(f"Rates need a highest above 0 and a factor of at least 1, but they are {highest:g} and {factor:g}.")
    found = [list(part.parameters()) for part in units(network)]
    placed = {id(parameter) for group in found for parameter in group}
    found[0] = [parameter for parameter in network.parameters() if id(parameter) not in placed] + found[0]
    return [{"params": group, "lr": highest / factor ** (len(found) - 1 - index)} for index, group in enumerate(found)]


def _norms(module: nn.Module) -> list[nn.Module]:
    """Parts that keep statistics of what they saw."""
    return [part for part in module.modules() if getattr(part, "running_mean", None) is not None]


def _stay(norm: nn.Module, mode: bool = True) -> nn.Module:
    """In place of `train` of a frozen norm: whatever is asked, it stays in evaluation mode."""
    return nn.Module.train(norm, False)
