"""The training loop: one turn after the other, with four slots that may be replaced and twelve events that may be watched.

    before_fit; valid, where pictures are held out
    each epoch:      before_epoch
      train:         before_phase, each batch: [batch] before_batch [forward] after_forward [backward] after_backward
                     [update] after_update, after_batch; after_phase
      valid, if due: before_phase, each batch: before_batch, after_forward, after_batch; after_phase
                     after_epoch
    on_stop (interrupted or failed), after_fit (always)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sfumato.core.errors import Interrupted, Refusal
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.core.system import devices
from sfumato.data.batches import Batch, Batches
from sfumato.train.budget import Budget
from sfumato.train.callback import EVENTS, SLOTS, Callback, in_order, overrides, slot_owners
from sfumato.train.objective import Objective, Outcome
from sfumato.train.ranks import Ranks
from sfumato.train.steps.precision import Precision
from sfumato.train.steps.schedules import Schedule


class Held(Protocol):
    """Held-out batches, always the same."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


class Learner:
    """Train `network` on `batches` until `budget` is spent.  See the module's text for the order of events."""

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        objective: Objective,
        *,
        held_out: Held = (),
        optimiser: torch.optim.Optimizer,
        schedule: Schedule,
        budget: Budget,
        seed: Seed,
        device: torch.device,
        precision: Precision,
        clip: float | None = None,
        accumulate: int = 1,
        valid_due: Callable[[Learner], bool] = lambda learner: True,
        ranks: Ranks = Ranks(),
        callbacks: Sequence[Callback] = (),
    ):
        self.network, self.batches, self.objective, self.held_out = network, batches, objective, held_out
        self.optimiser, self.schedule, self.budget, self.seed = optimiser, schedule, budget, seed
        self.device, self.precision, self.clip, self.accumulate = device, precision, clip, accumulate
        self.valid_due, self.ranks = valid_due, ranks
        self.callbacks = in_order(callbacks)
        self.slots = slot_owners(self.callbacks)
        self._listeners = {event: [m for c in self.callbacks if (m := overrides(c, event))] for event in EVENTS}
        self._does: dict[str, Callable[..., Any]] = {
            slot: getattr(self.slots[slot], f"{slot}_") if slot in self.slots else getattr(self, f"{slot}_") for slot in SLOTS
        }
        self._base_rates = [group["lr"] for group in optimiser.param_groups]
        self._parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self.shown: nn.Module = network  # what is validated and saved: an average takes this place
        self.player = "network"
        self.phase = "train"
        self.step = self.epoch = self.position = 0  # updates done; epoch; batches of this epoch done
        self.pieces = 1  # parts a batch is cut into, after a device ran out of memory
        self.progress = 0.0
        self.judged = 0.0  # progress at the last validation
        self.spent = 0.0  # seconds
        self.batch: Batch
        self.outcome: Outcome
        self.skip: str | None = None  # why this update is left out
        self.gradient_norm = 0.0  # of the whole step, before clipping
        self.stopping: str | None = None  # set from outside: stop after this step
        self.stopped: str | None = None
        self.draw = torch.Generator(device)
        self._draws = f"draw/{ranks.rank}" if ranks.rank else "draw"  # processes that train together draw unlike noise
        self.resumed: dict[str, Any] | None = None

    # the loop ---------------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train to the end of the budget; `Interrupted` when asked to stop before."""
        self._before = time.monotonic()
        try:
            self.fire("before_fit")
            if self.resumed is not None:
                self._load(self.resumed)
            elif len(self.held_out) or self.ranks.count > 1:
                self.validate()  # row 0: what a training that only hurts falls back to
            self._clock()
            while self.judged < 1:  # not progress: a run that was killed after its last step has a validation left to do, and no step
                self._run_epoch()
        except BaseException as error:
            self.stopped = str(error) or type(error).__name__
            self.fire("on_stop")
            raise
        finally:
            with ExitStack() as everyone:  # nobody is left out for an error of one before: terminals and signals are put in order there
                for method in reversed(self._watching("after_fit")):
                    everyone.callback(method, self)

    def _run_epoch(self) -> None:
        self.fire("before_epoch")
        self.phase = "train"
        self.network.train()
        self.fire("before_phase")
        stream = self._stream()
        for _ in range(self.position, self.batches.per_epoch):
            if self.progress >= 1:
                break
            self._train_batch(next(stream))
            self._clock()
            if self.stopping and self.position % self.accumulate == 0:
                raise Interrupted(self.stopping)
        self.fire("after_phase")
        if self.progress >= 1 or self.valid_due(self):
            self.validate()
        self.fire("after_epoch")
        if self.position >= self.batches.per_epoch:
            self.epoch, self.position = self.epoch + 1, 0

    def _stream(self) -> Any:
        """One endless stream for the whole run, so that the next epoch is being read while this one is judged."""
        if not hasattr(self, "_batches_now"):
            self._batches_now = self.batches.stream(self.epoch, self.position)
        return self._batches_now

    def _train_batch(self, batch: Batch) -> None:
        self.skip = None
        self.batch = self._does["batch"](batch)
        self.fire("before_batch")
        try:
            self._turn()
        except RuntimeError as error:
            if not devices.is_out_of_memory(error) or self.pieces >= len(self.batch.items):
                raise
            self._halve(error)
        self.position += 1
        if self.position % self.accumulate == 0:
            self._clip_gradients()
            self.fire("after_backward")
            if self.skip is None:
                self._does["update"]()
            if self.skip is None:
                self.fire("after_update")
            self.optimiser.zero_grad(set_to_none=True)
            self.step += 1
        self.fire("after_batch")

    def _turn(self) -> None:
        pieces = [self.batch] if self.pieces == 1 else self.batch.pieces(self.pieces)
        for piece in pieces:
            self.draw.manual_seed(self.seed.number(self._draws, self.epoch, self.position))
            self.outcome = self._does["forward"](piece)
            self.fire("after_forward")
            share = len(piece.items) / len(self.batch.items) / self.accumulate
            self._does["backward"](self.outcome.loss * share if share != 1 else self.outcome.loss)

    def _halve(self, error: RuntimeError) -> None:
        """The device ran out of memory: cut the batch in more parts and do this one again."""
        if self.ranks.count > 1:  # the others wait for this one's gradients, which are half sent
            raise Refusal(
                f"Process {self.ranks.rank} ran out of memory with {len(self.batch.items)} pictures at once. "
                "Lower train.batch, and raise train.accumulate by as much."
            ) from error
        self.pieces *= 2
        self.optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        say(f"out of memory: each batch of {len(self.batch.items)} is now done in {self.pieces} parts")
        self._turn()

    def validate(self) -> None:
        """The phase `valid`: the shown network on all held-out batches, without gradients; of several processes the first does it."""
        if self.ranks.writes:
            self._validate()
        self._clock()
        self.judged = self.progress

    def _validate(self) -> None:
        self.phase = "valid"
        was_training = self.shown.training
        self.shown.eval()
        self.fire("before_phase")
        with torch.no_grad():
            for index, batch in enumerate(self.held_out):
                self.batch = batch.to(self.device)
                self.fire("before_batch")
                self.draw.manual_seed(self.seed.number("draw-valid", 0, index))
                with self.precision.autocast(self.device):
                    self.outcome = self.objective(self.shown, self.batch, self.draw)
                self.fire("after_forward")
                self.fire("after_batch")
        self.fire("after_phase")
        self.shown.train(was_training)
        self.phase = "train"

    # the four slots ---------------------------------------------------------------------------------------------------

    def batch_(self, batch: Batch) -> Batch:
        """To the device."""
        return batch.to(self.device)

    def forward_(self, batch: Batch) -> Outcome:
        """Objective under autocast."""
        with self.precision.autocast(self.device):
            return self.objective(self.network, batch, self.draw)

    def backward_(self, loss: Tensor) -> None:
        """Gradients of the loss, scaled where half precision needs it."""
        self.precision.scaled(loss).backward()  # type: ignore[no-untyped-call]

    def update_(self) -> None:
        """Set the rate and change the weights; gradients are unscaled and clipped by now."""
        share = self.schedule(self.progress)
        for group, base in zip(self.optimiser.param_groups, self._base_rates, strict=True):
            group["lr"] = base * share
        self.precision.step(self.optimiser)

    def _clip_gradients(self) -> None:
        """Unscale and clip; the norm before clipping stays in `gradient_norm`."""
        self.precision.unscale(self.optimiser)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))).item()
        if self.clip is not None and norm > self.clip:  # not where it is no number: such an update is left out
            torch._foreach_mul_(gradients, self.clip / norm)
        self.gradient_norm = norm

    # order, time, state -----------------------------------------------------------------------------------------------

    def fire(self, event: str) -> None:
        """Call everyone who watches `event`, in order."""
        for method in self._watching(event):
            method(self)

    def _watching(self, event: str) -> list[Callable[[Learner], None]]:
        """Methods of those who watch `event` in this player's turn."""
        listed = [(method, method.__self__.players) for method in self._listeners[event]]  # type: ignore[attr-defined]
        return [method for method, players in listed if not players or self.player in players]

    def _clock(self) -> None:
        now = time.monotonic()
        self.spent += max(now - self._before, 0.0)
        self._before = now
        if self.ranks.count > 1:
            self._agree()
        self.progress = self.budget.progress(self.step, self.spent)

    def _agree(self) -> None:
        """Several processes go by the clock of the first, and stop when any of them is asked to."""
        self.spent, stopping = self.ranks.sums(self.spent if self.ranks.writes else 0.0, float(self.stopping is not None))
        if stopping and self.stopping is None:
            self.stopping = "interrupted: another process of this run was asked to stop"

    def plan(self) -> str:
        """Who acts when, from the one list that the loop itself uses."""
        rows = [f"{slot:<15}slot: {type(owner).__name__}, instead of the default" for slot, owner in self.slots.items()]
        for event, methods in self._listeners.items():
            if methods:
                rows.append(f"{event:<15}" + ", ".join(type(m.__self__).__name__ for m in methods))  # type: ignore[attr-defined]
        return "\n".join(rows)

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on: tensors and JSON values only."""
        return {
            "learner": {name: getattr(self, name) for name in ("step", "epoch", "position", "judged", "spent", "pieces")},
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "precision": self.precision.state(),
            "callbacks": {type(c).__name__: state for c in self.callbacks if (state := c.state())},
        }

    @property
    def begins_at(self) -> int:
        """The step that a resumed fit goes on after; 0 for one that begins."""
        return int(self.resumed["learner"]["step"]) if self.resumed is not None else 0

    def _load(self, state: dict[str, Any]) -> None:
        """Take up a saved state; called after `before_fit`."""
        for name, value in state["learner"].items():
            setattr(self, name, value)
        self.network.load_state_dict(state["network"])
        optimiser = state["optimiser"]
        optimiser["state"] = {int(index): values for index, values in optimiser["state"].items()}
        self.optimiser.load_state_dict(optimiser)
        _lay_out(self.optimiser)
        self.precision.load_state(state["precision"])
        for callback in self.callbacks:
            if type(callback).__name__ in state["callbacks"]:
                callback.load_state(state["callbacks"][type(callback).__name__])


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """What the optimiser remembers of each weight takes that weight's layout in memory: one kernel goes through both as they lie."""
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
