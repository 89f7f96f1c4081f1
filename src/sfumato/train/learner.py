"""The training loop: one turn after the other, with four slots that may be replaced and twelve events that may be watched.

    before_fit; valid, where pictures are held out
    each epoch:      before_epoch; then, once or, where a validation is due within the epoch, in turns
      train:         before_phase, each batch: [batch] before_batch, each turn: [forward] after_forward [backward] after_backward
                     [update] after_update; after_batch; after_phase
      valid, if due: before_phase, each batch: before_batch, after_forward, after_batch; after_phase
    and at its end:  after_epoch
    on_stop (interrupted or failed), after_fit (always)

A training has one player and one turn a batch; a game has opponents, and its rule says who plays on the batch at hand.
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
from sfumato.train.objective import Objective, Outcome, Pass
from sfumato.train.player import Gathered, Player, Turns, alone
from sfumato.train.ranks import Ranks
from sfumato.train.steps.precision import Precision
from sfumato.train.steps.schedules import Schedule

KEPT = ("step", "epoch", "position", "judged", "looked", "look", "spent", "began", "pieces")  # of the learner, in a state
WORTH = 5  # times as long as a validation took is trained before one is worth it within an epoch


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
        valid_due: Callable[[Learner], bool] = lambda learner: learner.at_epochs_end,
        ranks: Ranks = Ranks(),
        callbacks: Sequence[Callback] = (),
        name: str = "network",
        opponents: Sequence[Player] = (),
        turns: Turns = alone,
    ):
        self.main = Player(name, network, objective, optimiser, schedule, precision, clip)
        self.players = {player.name: player for player in (self.main, *opponents)}
        self.turns = turns
        self.now = self.main  # whose turn it is
        self.batches, self.held_out, self.budget, self.seed = batches, held_out, budget, seed
        self.device, self.accumulate, self.valid_due, self.ranks = device, batches.accumulate, valid_due, ranks
        self.callbacks = in_order(callbacks)
        self.slots = slot_owners(self.callbacks)
        self._listeners = {event: [m for c in self.callbacks if (m := overrides(c, event))] for event in EVENTS}
        self._does: dict[str, Callable[..., Any]] = {
            slot: getattr(self.slots[slot], f"{slot}_") if slot in self.slots else getattr(self, f"{slot}_") for slot in SLOTS
        }
        self.shown: nn.Module = network  # what is validated and saved: an average takes this place
        self.phase = "train"
        self.step = self.epoch = self.position = 0  # updates done; epoch; batches of this epoch done
        self.pieces = 1  # parts a batch is cut into, after a device ran out of memory
        self.progress = 0.0
        self.judged = 0.0  # progress at the last validation
        self.looked = self.look = 0.0  # seconds spent when it ended, and on it
        self.spent = 0.0  # seconds
        self.began = 0.0  # seconds that were spent before the first step, as on teaching a critic
        self.batch: Batch
        self.outcome: Outcome
        self.skip: str | None = None  # why this update is left out
        self.stopping: str | None = None  # set from outside: stop after this step
        self.stopped: str | None = None
        self.finished: str | None = None  # why the training ends before its budget does
        self.draw = torch.Generator(device)
        self._draws = f"draw/{ranks.rank}" if ranks.rank else "draw"  # processes that train together draw unlike noise
        self.resumed: dict[str, Any] | None = None

    @property
    def network(self) -> nn.Module:
        """What is trained: the bare module, of the first player."""
        return self.main.network

    @property
    def at_epochs_end(self) -> bool:
        """Whether all batches of this epoch are done."""
        return self.position >= self.batches.per_epoch

    @property
    def between_steps(self) -> bool:
        """Whether all batches that make up a step are done."""
        return self.position % self.accumulate == 0

    @property
    def look_pays(self) -> bool:
        """Whether the last validation took a small part of the time since; where steps are counted, time decides nothing."""
        return self.budget.seconds is None or self.spent - self.looked >= WORTH * self.look

    @property
    def player(self) -> str:
        """Whose turn it is."""
        return self.now.name

    # the loop ---------------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train to the end of the budget; `Interrupted` when asked to stop before."""
        self._before = time.monotonic()
        for player in self.players.values():
            player.forget()  # whoever measured something before left gradients
        try:
            self.fire("before_fit")
            if self.resumed is not None:
                self._load(self.resumed)
                self._before = time.monotonic()  # what is read again is no part of the budget
            else:
                self._begin()
            self._clock()
            while self.judged < 1:  # not progress: a run that was killed after its last step has a validation left to do, and no step
                self._run_epoch()
            if self.stopping:  # while that validation went on
                raise Interrupted(self.stopping)
        except BaseException as error:
            self.stopped = str(error) or type(error).__name__
            self.fire("on_stop")
            raise
        finally:
            with ExitStack() as everyone:  # nobody is left out for an error of one before: terminals and signals are put in order there
                everyone.callback(self._end_stream)
                for method in reversed(self._watching("after_fit")):
                    everyone.callback(method, self)

    def _begin(self) -> None:
        """Row 0, what a training that only hurts falls back to; the schedule begins after it."""
        looks = len(self.held_out) > 0 or self.ranks.count > 1
        if looks:
            self.validate()
        self._clock()
        self.began = self.spent
        self._clock()
        if looks:
            self.judged = self.progress
        if self.budget.seconds and self.progress >= 1:
            say(f"what comes before the first step took all of the {self.budget.seconds:g} s there are: give more minutes")

    def _run_epoch(self) -> None:
        self.fire("before_epoch")
        stream, over = self._stream(), False
        while not over:
            self._train_phase(stream)
            if self.progress >= 1 or self.valid_due(self):
                self.validate()
            over = self.progress >= 1 or self.at_epochs_end
        self.fire("after_epoch")
        if self.at_epochs_end:
            self.epoch, self.position = self.epoch + 1, 0

    def _train_phase(self, stream: Iterator[Batch]) -> None:
        """To the epoch's end, or to where a validation is due within it; a run that goes on may stand there already."""
        self.phase = "train"
        for player in self.players.values():
            player.network.train()
        self.fire("before_phase")
        while not (self.progress >= 1 or self.at_epochs_end or self.valid_due(self)):
            self._train_batch(next(stream))
            self._clock()
            if self.stopping and self.between_steps:
                raise Interrupted(self.stopping)
        self.fire("after_phase")

    def _stream(self) -> Any:
        """One endless stream for the whole run, so that the next epoch is being read while this one is judged."""
        if not hasattr(self, "_batches_now"):
            self._batches_now = self.batches.stream(self.epoch, self.position)
        return self._batches_now

    def _end_stream(self) -> None:
        """Workers go, and what they have read ahead."""
        if (stream := self.__dict__.pop("_batches_now", None)) is not None:
            stream.close()

    def _train_batch(self, batch: Batch) -> None:
        self.batch = self._does["batch"](batch)
        self.fire("before_batch")
        for name in self.turns(self):
            self.now = self.players[name]
            self._play()
        self.position += 1
        if self.between_steps:
            self.step += 1
        self.fire("after_batch")
        self.now = self.main

    def _play(self) -> None:
        """One player's turn on the batch at hand."""
        self.skip = None
        again = self.position % self.accumulate and self.ranks.count == 1  # several processes give up instead
        earlier = self.now.gathered() if again else None  # from the batches of this step that went before
        while self._runs_out_of_memory():
            self._halve(earlier)
        if (self.position + 1) % self.accumulate == 0:
            self.outcome = self.now.told(self.outcome)
            self.now.clip_gradients()
            self.fire("after_backward")
            if self.skip is None:
                self._does["update"]()
            if self.skip is None:
                self.fire("after_update")
            self.now.forget()

    def _runs_out_of_memory(self) -> bool:
        """One turn; the error, whose traceback holds what filled the memory, is gone when this returns."""
        try:
            self._turn()
        except RuntimeError as error:
            if not devices.is_out_of_memory(error) or self.pieces >= len(self.batch.items):
                raise
            if self.ranks.count > 1:  # the others wait for this one's gradients, which are half sent
                raise Refusal(
                    f"Process {self.ranks.rank} ran out of memory with {len(self.batch.items)} pictures at once. "
                    "Lower train.batch, and raise train.accumulate by as much."
                ) from error
            return True
        return False

    def _turn(self) -> None:
        pieces = [self.batch] if self.pieces == 1 else self.batch.pieces(self.pieces)
        self.draw.manual_seed(self.seed.number(self._draws, self.epoch, self.position))
        torch.manual_seed(self.seed.number(f"dropout/{self._draws}", self.epoch, self.position))  # layers draw from torch's own generator
        for piece in pieces:
            self.outcome = self._does["forward"](piece)
            self.fire("after_forward")
            self.now.passes.append(Pass(piece.items, self.outcome.loss.detach(), self.outcome.parts))
            share = len(piece.items) / len(self.batch.items) / self.accumulate
            self._does["backward"](self.outcome.loss * share if share != 1 else self.outcome.loss)

    def _halve(self, earlier: Gathered | None) -> None:
        """The device ran out of memory: from here on batches are cut in twice as many parts."""
        pictures = len(self.batch.items)
        if pictures < 4 * self.pieces and any(player.takes_statistics for player in self.players.values()):
            raise Refusal(
                f"Out of memory with {-(-pictures // self.pieces)} pictures at once. Halves of that would leave one alone with batch norm, "
                "which goes by the statistics of what it sees together. Lower data.crop, or set network.norm = 'group' (or 'none')."
            )
        self.pieces *= 2
        self.__dict__.pop("outcome", None)  # of a turn that failed half way: it holds what filled the memory
        self.now.forget()
        if earlier is not None:
            self.now.take_back(earlier)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        say(f"out of memory: each batch of {pictures} is now done in {self.pieces} parts")

    def validate(self) -> None:
        """The phase `valid`: the shown network on all held-out batches, without gradients; of several processes the first does it."""
        begun = self.spent
        if self.ranks.writes:
            self._validate()
        self._clock()
        self.judged, self.looked, self.look = self.progress, self.spent, self.spent - begun

    def _validate(self) -> None:
        self.phase = "valid"
        networks = [self.shown, *(player.network for player in self.players.values())]  # a critic looks on
        modes = [network.training for network in networks]
        for network in networks:
            network.eval()
        self.fire("before_phase")
        with torch.no_grad():
            for index, batch in enumerate(self.held_out):
                self.batch = batch.to(self.device)
                self.fire("before_batch")
                self.draw.manual_seed(self.seed.number("draw-valid", 0, index))
                with self.main.precision.autocast(self.device):
                    self.outcome = self.main.objective(self.shown, self.batch, self.draw)
                self.fire("after_forward")
                self.fire("after_batch")
        self.fire("after_phase")
        for network, mode in zip(networks, modes, strict=True):
            network.train(mode)
        self.phase = "train"

    # the four slots ---------------------------------------------------------------------------------------------------

    def batch_(self, batch: Batch) -> Batch:
        """To the device."""
        return batch.to(self.device)

    def forward_(self, batch: Batch) -> Outcome:
        """The player's objective under autocast."""
        with self.now.precision.autocast(self.device):
            return self.now.objective(self.now.network, batch, self.draw)

    def backward_(self, loss: Tensor) -> None:
        """Gradients of the loss, scaled where half precision needs it."""
        self.now.precision.scaled(loss).backward()  # type: ignore[no-untyped-call]

    def update_(self) -> None:
        """Set the rate and change the player's weights."""
        self.now.update(self.progress)

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
        self.progress = 1.0 if self.finished else self.budget.progress(self.step, self.spent, self.began)

    def _agree(self) -> None:
        """Several processes go by the clock of the first, and stop when any of them is asked to."""
        self.spent, stopping = self.ranks.sums(self.spent if self.ranks.writes else 0.0, float(self.stopping is not None))
        if stopping and self.stopping is None:
            self.stopping = "interrupted: another process of this run was asked to stop"

    def finish(self, reason: str) -> None:
        """Enough is learnt: the training ends as if its budget were spent."""
        self.finished = reason
        say(f"finished early: {reason}")

    def plan(self) -> str:
        """Who acts when, from the one list that the loop itself uses."""
        rows = [f"{slot:<15}slot: {type(owner).__name__}, instead of the default" for slot, owner in self.slots.items()]
        for event, methods in self._listeners.items():
            if methods:
                rows.append(f"{event:<15}" + ", ".join(type(m.__self__).__name__ for m in methods))  # type: ignore[attr-defined]
        return "\n".join(rows)

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on: tensors and JSON values only."""
        opponents = {name: player.state() for name, player in self.players.items() if player is not self.main}
        return {
            "learner": {name: getattr(self, name) for name in KEPT},
            **self.main.state(),
            **({"opponents": opponents} if opponents else {}),
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
        self.main.load_state(state)
        for name, player in state.get("opponents", {}).items():
            self.players[name].load_state(player)
        for callback in self.callbacks:
            if type(callback).__name__ in state["callbacks"]:
                callback.load_state(state["callbacks"][type(callback).__name__])
