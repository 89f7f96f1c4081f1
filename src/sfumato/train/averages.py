"""Slow copies of the weights, which are what is validated, shown and saved."""

from __future__ import annotations

from typing import Any

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.nonfinite import SkipNonFinite


class WeightAverage(Callback):
    """Keep an exponential average of the weights; an old weight counts for half after `half_life` updates.  Buffers are copied."""

    follows = (SkipNonFinite,)  # an update that was skipped must not count

    def __init__(self, *, half_life: float):
        self.rule = get_ema_multi_avg_fn(0.5 ** (1 / half_life))  # type: ignore[no-untyped-call]
        self.average: AveragedModel

    def before_fit(self, learner: Learner) -> None:
        """A resumed run calls `load_state` after this."""
        self.average = AveragedModel(learner.network, multi_avg_fn=self.rule)
        learner.shown = self.average.module

    def after_update(self, learner: Learner) -> None:
        """One step of the average."""
        self.average.update_parameters(learner.network)

    def state(self) -> dict[str, Any]:
        """The average and how many updates it holds."""
        return self.average.state_dict()

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.average.load_state_dict(state)
