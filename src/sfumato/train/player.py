"""Who learns in a training: a network with its optimiser, its rates over time, its clipping and its objective.

A training has one player; a game has more, who take turns on the batches of one Learner (Goodfellow et al. 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sfumato.train.objective import Objective, Outcome, Pass
from sfumato.train.steps.precision import Precision
from sfumato.train.steps.schedules import Schedule

if TYPE_CHECKING:
    from sfumato.train.learner import Learner

Turns = Callable[["Learner"], Sequence[str]]  # names of those who play on the batch at hand, in order


Gathered = tuple[list[Tensor | None], list[Pass]]  # gradients, and the passes that they came from


@dataclass(eq=False)
class Player:
    """One of those who learn."""

    name: str
    network: nn.Module
    objective: Objective
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    precision: Precision
    clip: float | None = None
    gradient_norm: float = 0.0  # of the whole turn, before clipping
    base_rates: list[float] = field(init=False)
    parameters: list[Tensor] = field(init=False)
    passes: list[Pass] = field(init=False, default_factory=list)  # whose gradients there are

    def __post_init__(self) -> None:
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]

    @property
    def takes_statistics(self) -> bool:
        """Whether pictures that are seen together change what becomes of each when it learns: batch norm, unless it is frozen."""
        return any(isinstance(part, _BatchNorm) and "train" not in part.__dict__ for part in self.network.modules())  # see groups.freeze

    def clip_gradients(self) -> None:
        """Unscale and clip; the norm before clipping stays in `gradient_norm`."""
        self.precision.unscale(self.optimiser)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))).item()
        if self.clip is not None and norm > self.clip:  # not where it is no number: such an update is left out
            torch._foreach_mul_(gradients, self.clip / norm)
        self.gradient_norm = norm

    def update(self, progress: float) -> None:
        """Set the rate and change the weights; gradients are unscaled and clipped by now."""
        share = self.schedule(progress)
        for group, base in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = base * share
        self.precision.step(self.optimiser)

    def forget(self) -> None:
        """Gradients go, and what is kept of the passes that they came from."""
        self.optimiser.zero_grad(set_to_none=True)
        self.passes.clear()

    def gathered(self) -> Gathered:
        """A copy of what `forget` throws away."""
        return [None if one.grad is None else one.grad.clone() for one in self.parameters], list(self.passes)

    def take_back(self, gathered: Gathered) -> None:
        """What was gathered before, in place of what is there."""
        gradients, passes = gathered
        for one, gradient in zip(self.parameters, gradients, strict=True):
            one.grad = None if gradient is None else gradient.clone()
        self.passes[:] = passes

    def told(self, last: Outcome) -> Outcome:
        """What all passes of a turn lost, each by its items: they make one step.  last : what came of the last one."""
        if len(self.passes) == 1:
            return last
        items = sum(len(one.items) for one in self.passes)

        def mean(values: Iterable[Tensor]) -> Tensor:
            return torch.stack([value.float() * (len(one.items) / items) for value, one in zip(values, self.passes, strict=True)]).sum()

        parts = {name: mean(one.parts[name] for one in self.passes) for name in last.parts}
        return replace(last, loss=mean(one.loss for one in self.passes), parts=parts)

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on."""
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "precision": self.precision.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.network.load_state_dict(state["network"])
        optimiser = state["optimiser"]
        optimiser["state"] = {int(index): values for index, values in optimiser["state"].items()}
        self.optimiser.load_state_dict(optimiser)
        _lay_out(self.optimiser)
        self.precision.load_state(state["precision"])


def alone(learner: Learner) -> Sequence[str]:
    """The turns of a training with one player."""
    return (learner.main.name,)


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """What the optimiser remembers of each weight takes that weight's layout in memory: one kernel goes through both as they lie."""
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
