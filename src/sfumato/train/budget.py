"""How long a run is: in steps, or in seconds of wall time."""

from __future__ import annotations

from dataclasses import dataclass

from sfumato.core.errors import Refusal


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Exactly one of the two.  Seconds count training and validation, not the time between two starts of a run."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise Refusal("A budget is either steps or minutes: give exactly one of train.steps, train.epochs, train.minutes.")
        if (self.steps or 0) < 0 or (self.seconds or 0) < 0:
            raise Refusal(f"A budget cannot be negative, but it is {self.steps if self.seconds is None else self.seconds}.")

    def progress(self, step: int, spent: float, began: float = 0.0) -> float:
        """Share that is used up after `step` updates and `spent` seconds, of which `began` were before the first step, 0..1.

        Those are part of the budget, but not of a schedule: rates that rise at first would otherwise begin high.
        """
        if self.steps is not None:
            return min(step / self.steps, 1.0) if self.steps else 1.0
        assert self.seconds is not None
        left = self.seconds - began
        return min((spent - began) / left, 1.0) if left > 0 else 1.0
