"""What may watch or replace a part of the training loop: twelve events, four slots, one order."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, ClassVar

from sfumato.core.errors import Refusal

if TYPE_CHECKING:
    from sfumato.train.learner import Learner

EVENTS = [
    "before_fit",
    "before_epoch",
    "before_phase",
    "before_batch",
    "after_forward",
    "after_backward",
    "after_update",
    "after_batch",
    "after_phase",
    "after_epoch",
    "after_fit",
    "on_stop",
]
SLOTS = ("batch", "forward", "backward", "update")


class Callback:
    """One small thing that says what it follows, which slot it claims and what it must remember."""

    follows: ClassVar[tuple[type[Callback], ...]] = ()  # callbacks whose methods run before this one's
    claims: ClassVar[tuple[str, ...]] = ()  # slots it replaces: a method of the slot's name and a trailing underscore, e.g. forward_
    players: tuple[str, ...] = ()  # whose turns it watches; empty: everyone's

    def before_fit(self, learner: Learner) -> None:
        """Once, before anything; a resumed run calls `load_state` after this."""

    def before_epoch(self, learner: Learner) -> None:
        """An epoch begins (again, where a run resumes in its middle)."""

    def before_phase(self, learner: Learner) -> None:
        """The phase `learner.phase` ("train" or "valid") begins."""

    def before_batch(self, learner: Learner) -> None:
        """`learner.batch` is there, on the device."""

    def after_forward(self, learner: Learner) -> None:
        """`learner.outcome` is there."""

    def after_backward(self, learner: Learner) -> None:
        """Gradients are there; setting `learner.skip` to a reason leaves the update out."""

    def after_update(self, learner: Learner) -> None:
        """Weights have changed; not called for a skipped update."""

    def after_batch(self, learner: Learner) -> None:
        """The batch is done; `learner.step` counts it."""

    def after_phase(self, learner: Learner) -> None:
        """The phase is done."""

    def after_epoch(self, learner: Learner) -> None:
        """The epoch is done."""

    def after_fit(self, learner: Learner) -> None:
        """Always comes, last."""

    def on_stop(self, learner: Learner) -> None:
        """The run was interrupted or failed; `learner.stopped` is the reason."""

    def state(self) -> dict[str, Any]:
        """What must be remembered: tensors and JSON values only."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""


def in_order(callbacks: Sequence[Callback]) -> list[Callback]:
    """Callbacks so that each comes after those it follows; otherwise as they were given."""
    graph: dict[int, list[int]] = {}
    for index, callback in enumerate(callbacks):
        _check_names(callback)
        graph[index] = [other for other, one in enumerate(callbacks) if other != index and isinstance(one, callback.follows)]
    try:
        sorter = TopologicalSorter(graph)
        sorter.prepare()
    except CycleError as error:
        names = [type(callbacks[index]).__name__ for index in error.args[1]]
        raise Refusal(f"Callbacks follow each other in a circle: {' -> '.join(names)}. Take one `follows` away.") from error
    order: list[int] = []
    while sorter.is_active():
        for index in sorted(sorter.get_ready()):
            order.append(index)
            sorter.done(index)
    return [callbacks[index] for index in order]


def slot_owners(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Who replaces which slot; two claims on one are refused."""
    owners: dict[str, Callback] = {}
    for callback in callbacks:
        for slot in callback.claims:
            if slot not in SLOTS:
                raise Refusal(f"{type(callback).__name__} claims {slot!r}, but the slots are: {', '.join(SLOTS)}.")
            if slot in owners:
                raise Refusal(
                    f"{type(owners[slot]).__name__} and {type(callback).__name__} both claim the slot {slot!r}. Leave one of them out."
                )
            owners[slot] = callback
    return owners


def overrides(callback: Callback, event: str) -> Callable[[Learner], None] | None:
    """The callback's own method for an event, or nothing where it has none."""
    method = getattr(type(callback), event)
    return getattr(callback, event) if method is not getattr(Callback, event) else None


def _check_names(callback: Callback) -> None:
    """A method that looks like an event and is none would never be called: refuse it."""
    for name, _ in inspect.getmembers(type(callback), inspect.isfunction):
        looks_like_one = name.startswith(("before_", "after_", "on_"))
        if looks_like_one and name not in EVENTS:
            near = difflib.get_close_matches(name, EVENTS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Events are: {', '.join(EVENTS)}."
            raise Refusal(f"There is no event called '{type(callback).__name__}.{name}'. {hint}")
