"""Weights of one network in another, by name or by stage, with a report that keeps nothing back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets.surgery.groups import units


@dataclass(frozen=True)
class Unlike:
    """A tensor both have, of another shape in each."""

    name: str
    source: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """What became of every tensor, by its name in the target (`left`: in the source)."""

    copied: tuple[str, ...]
    missing: tuple[str, ...]  # the target has it, the source has not: it stays as it was
    unlike: tuple[Unlike, ...]  # both have it, of other shapes: it stays as it was
    left: tuple[str, ...]  # the source has it, the target has no place for it


def copy_weights(source: nn.Module, target: nn.Module, *, by: Literal["name", "stage"] = "name", strict: bool = True) -> Report:
    """Copy weights and norms' statistics from `source` into `target`.

    name : tensors of equal names.  strict: every tensor of both has its counterpart.
    stage : stem to stem, first stage to first stage and so on, as far as both reach; heads to each other where both have one.
        strict: stages that have a counterpart are equal, tensor for tensor; whole stages of one side only are reported.
    Refused, when strict, with the first layer that differs and both shapes; then nothing has been copied.
    """
    if by == "name":
        pairs = [(_Side("", source), _Side("", target))]
        alone: tuple[list[_Side], list[_Side]] = ([], [])
    else:
        pairs, alone = _by_stage(source, target)
    reports = [_compare(ours, theirs) for ours, theirs in pairs]
    if strict:
        for report in reports:
            _refuse(report)
    for ours, theirs in pairs:
        _copy(ours, theirs)
    return Report(
        tuple(name for report in reports for name in report.copied),
        (*(name for report in reports for name in report.missing), *(name for side in alone[1] for name in side.state(full=True))),
        tuple(each for report in reports for each in report.unlike),
        (*(name for report in reports for name in report.left), *(name for side in alone[0] for name in side.state(full=True))),
    )


@dataclass(frozen=True)
class _Side:
    """A module, and what its names begin with in the network it belongs to."""

    before: str
    module: nn.Module

    def state(self, *, full: bool = False) -> dict[str, Tensor]:
        return {(self.before if full else "") + name: tensor for name, tensor in self.module.state_dict().items()}


def _by_stage(source: nn.Module, target: nn.Module) -> tuple[list[tuple[_Side, _Side]], tuple[list[_Side], list[_Side]]]:
    """Stages that belong together, and those of one side only."""
    (seeing, naming), (seeing_too, naming_too) = _split(source), _split(target)
    both = min(len(seeing), len(seeing_too))
    pairs = list(zip(seeing, seeing_too))
    alone = (seeing[both:], seeing_too[both:])
    if naming and naming_too:
        pairs += zip(naming, naming_too)
    else:
        alone = (alone[0] + naming, alone[1] + naming_too)
    return pairs, alone


def _split(network: nn.Module) -> tuple[list[_Side], list[_Side]]:
    """Stem and stages; the head, where there is one."""
    called = {id(module): name for name, module in network.named_modules()}
    sides = [_Side(called[id(unit)] + ".", unit) for unit in units(network)]
    has_head = hasattr(network, "classes")
    return (sides[:-1], sides[-1:]) if has_head else (sides, [])


def _compare(source: _Side, target: _Side) -> Report:
    ours, theirs = source.state(), target.state()
    shared = [name for name in theirs if name in ours]
    fits = {name for name in shared if ours[name].shape == theirs[name].shape}
    return Report(
        tuple(target.before + name for name in shared if name in fits),
        tuple(target.before + name for name in theirs if name not in ours),
        tuple(Unlike(target.before + name, tuple(ours[name].shape), tuple(theirs[name].shape)) for name in shared if name not in fits),
        tuple(source.before + name for name in ours if name not in theirs),
    )


def _copy(source: _Side, target: _Side) -> None:
    ours, theirs = source.state(), target.state()
    with torch.no_grad():
        for name, tensor in theirs.items():  # the state shares its memory with the module
            if name in ours and ours[name].shape == tensor.shape:
                tensor.copy_(ours[name])


def _refuse(report: Report) -> None:
    if report.unlike:
        first = report.unlike[0]
        raise Refusal(
            f"The networks differ at {first.name!r}: the source holds {first.source}, the target {first.target}. "
            "Nothing was copied; copy from a network of the same make, cut it before that layer, or do not ask for strictness."
        )
    for names, has, lacks in ((report.missing, "target", "source"), (report.left, "source", "target")):
        if names:
            raise Refusal(f"The networks differ at {names[0]!r}: the {has} has it, the {lacks} has not. Nothing was copied.")
