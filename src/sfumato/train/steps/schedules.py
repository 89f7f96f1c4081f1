"""Learning rates as pure functions of progress: 0..1 of the budget -> a share of the highest rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from sfumato.core.errors import unknown

Schedule = Callable[[float], float]


def cosine(low: float, high: float, share: float) -> float:
    """From `low` at 0 to `high` at 1 along half a cosine."""
    return low + (high - low) * (1 - math.cos(math.pi * share)) / 2


def make(kind: str, *, warm: float, start: float, end: float) -> Schedule:
    """A schedule by name.  `warm`: share of the budget in which the rate rises from `start`; `end`: what is left at the last step."""
    shapes: dict[str, Schedule] = {
        "one-cycle": lambda rest: cosine(1, end, rest),  # Smith 2018, with cosine on both sides
        "cosine": lambda rest: cosine(1, end, rest),
        "flat-cosine": lambda rest: 1.0 if rest < 0.5 else cosine(1, end, (rest - 0.5) / 0.5),
        "linear": lambda rest: 1 + (end - 1) * rest,
        "constant": lambda rest: 1.0,
    }
    if kind not in shapes:
        raise unknown("schedule", kind, shapes)
    fall = shapes[kind]

    def at(progress: float) -> float:
        progress = min(max(progress, 0.0), 1.0)
        if progress < warm:
            return cosine(start, 1, progress / warm)
        return fall((progress - warm) / (1 - warm))

    return at
