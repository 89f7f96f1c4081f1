"""Slow copies of the weights, which are what is validated, shown and saved."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.train.callback import Callback
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.learner import Learner

MOST = 60  # updates after which an old weight counts for half, and the part of all updates that this is before
_WEIGHTS = "module."  # before the names of weights in a state, as torch's AveragedModel has it


class WeightAverage(Callback):
    """Keep an exponential average of the weights; an old weight counts for half after `half_life` updates.  Buffers are copied.

    half_life : None: a 60th of the updates so far, at least 1 and at most 60, so that a training of any length forgets how it began.
    The average begins with the weights after the first update.  torch's AveragedModel does the same in twenty times the time, for it
    goes through all modules at every step.
    """

    follows = (SkipNonFinite,)  # an update that was skipped must not count

    def __init__(self, *, half_life: float | None, player: str = ""):
        self.players = (player,) if player else ()  # in a game, whose average it is
        self.half_life = half_life
        self.count = 0
        self.average: nn.Module

    def before_fit(self, learner: Learner) -> None:
        """A resumed run calls `load_state` after this."""
        self.average = copy.deepcopy(learner.network)
        self.slow, self.fast = ([parameter.detach() for parameter in one.parameters()] for one in (self.average, learner.network))
        self.copies, self.buffers = (list(one.buffers()) for one in (self.average, learner.network))
        learner.shown = self.average

    @torch.no_grad()
    def after_update(self, learner: Learner) -> None:
        """One step of the average."""
        self.count += 1
        if self.count == 1:
            torch._foreach_copy_(self.slow, self.fast)
        else:
            half_life = self.half_life or max(1.0, min(MOST, self.count / MOST))
            torch._foreach_lerp_(self.slow, self.fast, 1 - 0.5 ** (1 / half_life))
        if self.buffers:
            torch._foreach_copy_(self.copies, self.buffers)

    def state(self) -> dict[str, Any]:
        """The average and how many updates it holds."""
        return {"n_averaged": self.count, **{_WEIGHTS + name: value for name, value in self.average.state_dict().items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        weights: dict[str, Tensor] = {name.removeprefix(_WEIGHTS): value for name, value in state.items() if name.startswith(_WEIGHTS)}
        self.count = int(state["n_averaged"])
        self.average.load_state_dict(weights)
