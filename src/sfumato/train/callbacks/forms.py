"""Other forms of the network that train in its place: compiled, or in step with other processes.  What is saved is always the bare one."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sfumato.data.batches import Batch
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome
from sfumato.train.ranks import Ranks


class OtherForm(Callback):
    """Run the objective on another form of the network.

    compiled : by torch's inductor.  ranks: gradients are averaged over these processes, and so is what is told of the loss.
    """

    claims = ("forward",)

    def __init__(self, *, compiled: bool, ranks: Ranks):
        self.compiled, self.ranks = compiled, ranks
        self.form: nn.Module
        self.learner: Learner

    def before_fit(self, learner: Learner) -> None:
        """The form shares its weights with the bare network."""
        self.learner = learner
        self.form = self.ranks.parallel(torch.compile(learner.network) if self.compiled else learner.network)  # type: ignore[arg-type]

    def forward_(self, batch: Batch) -> Outcome:
        """As the Learner does it, on the other form; of batches that are gathered into one step, only the last is sent round."""
        learner = self.learner
        if isinstance(self.form, DistributedDataParallel):
            self.form.require_backward_grad_sync = (learner.position + 1) % learner.accumulate == 0
        with learner.main.precision.autocast(learner.device):
            return learner.main.objective(self.form, batch, learner.draw)

    def after_fit(self, learner: Learner) -> None:
        """The form goes before the ties between processes do."""
        self.__dict__.pop("form", None)  # there is none where making it failed

    def after_backward(self, learner: Learner) -> None:
        """The loss and its parts become the means of all processes: every one sees the same numbers, and decides alike."""
        if self.ranks.count == 1:
            return
        outcome = learner.outcome
        totals = self.ranks.sums(outcome.loss.item(), *(value.item() for value in outcome.parts.values()))
        loss, *parts = (torch.tensor(total / self.ranks.count, dtype=torch.float64) for total in totals)
        learner.outcome = replace(outcome, loss=loss, parts=dict(zip(outcome.parts, parts, strict=True)))
