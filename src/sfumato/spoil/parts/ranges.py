"""Ranges, how they are drawn, and a generator that writes down what was drawn."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

Range = tuple[float, float]  # drawn evenly, both ends included; whole numbers if both ends are whole (`int`)


class Noting(np.random.Generator):
    """A generator that draws as the one whose bits it takes, and keeps what the steps say they drew."""

    def __init__(self, bits: np.random.BitGenerator):
        super().__init__(bits)
        self.notes: list[tuple[str, dict[str, Any]]] = []

    def begin(self, step: str) -> None:
        """What is noted from now on belongs to this step."""
        self.notes.append((step, {}))

    def note(self, name: str, value: Any) -> None:
        """Keep one drawn value."""
        if self.notes:
            self.notes[-1][1][name] = value


def note(rng: np.random.Generator, name: str, value: Any) -> None:
    """Tell whoever listens what was drawn; nobody does unless `rng` is Noting."""
    if isinstance(rng, Noting):
        rng.note(name, value)


def draw(rng: np.random.Generator, span: Range, name: str = "") -> float:
    """One number from a range, noted if it has a name.  A range of one number draws nothing."""
    low, high = span
    value: float
    if low == high:
        value = low
    elif isinstance(low, int) and isinstance(high, int):
        value = low + int(rng.random() * (high - low + 1))  # a third of the time of rng.integers; its bias is below 2**-40
    else:
        value = low + rng.random() * (high - low)
    if name:
        note(rng, name, value)
    return value


def pick(rng: np.random.Generator, choices: Sequence[T], name: str = "") -> T:
    """One of several, all alike, noted if it has a name.  A single choice draws nothing."""
    value = choices[int(rng.random() * len(choices))] if len(choices) > 1 else choices[0]
    if name:
        note(rng, name, value)
    return value
