"""What a classifier knows and mistakes, as pictures: confusions, how far to trust it, its worst answers, every class by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sfumato.core.levels import Levels
from sfumato.show.plots import framed, rendered
from sfumato.show.sheets import gallery

NAMED, COUNTED = 40, 20  # classes: with up to so many each is named, each cell has its number
BARS = 40  # classes with a bar of their own
LONG = 18  # letters of a name that there is room for


class Bin(Protocol):
    """A row of a reliability diagram: sfumato.metrics.classes.Bin."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def count(self) -> int: ...
    @property
    def accuracy(self) -> float: ...


def confusion(matrix: NDArray[np.int64], names: Sequence[str]) -> bytes:
    """Each row a class as it is, each column as what it was seen, as shares of the row.  int64 (K, K) -> a PNG

    Many classes are left without names and numbers: what can be seen then is where the mistakes lie.
    """
    count = len(names)
    side = min(9.0, max(4.2, 2.2 + 0.36 * count)) if count <= NAMED else 8.0
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")  # the root: one in a hundred is to be seen
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the class")
    bar.set_ticks([np.sqrt(share) for share in (0, 0.01, 0.05, 0.2, 0.5, 1)], labels=["0", "1 %", "5 %", "20 %", "50 %", "100 %"])
    axes.set_xlabel("seen as")
    axes.set_ylabel("is")
    if count <= NAMED:
        short = [_short(name) for name in names]
        axes.set_yticks(range(count), short, fontsize=9)
        axes.set_xticks(range(count), short, fontsize=9, rotation=90 if max(map(len, short), default=0) > 2 else 0)
    if count <= COUNTED:
        size = 9 if count <= 12 else 7
        for row, column in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if np.sqrt(shares[row, column]) > 0.6 else "black"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=size)
    return rendered(figure)


def reliability(rows: Sequence[Bin], error: float) -> bytes:
    """How often the network was right against how sure it was, and below it how often it was so sure.  A PNG"""
    figure = Figure(figsize=(5.4, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    used = [row for row in rows if row.count]
    middles, widths = [(row.low + row.high) / 2 for row in used], [0.94 * (row.high - row.low) for row in used]
    upper.bar(middles, [row.accuracy for row in used], widths, color="C0", alpha=0.75)
    upper.plot([0, 1], [0, 1], "--", color="C3", linewidth=1.4)  # as often right as it says
    upper.set_ylabel("share that is right")
    upper.set_ylim(0, 1.02)
    upper.set_title(f"calibration error {error:.2%}", fontsize=10, loc="left")
    lower.bar(middles, [row.count for row in used], widths, color="0.6")
    lower.set_yscale("log")
    lower.set_ylabel("pictures")
    lower.set_xlabel("confidence: probability of the answer")
    lower.set_xlim(0, 1)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return rendered(figure)


def top_losses(pictures: Sequence[Levels], truths: Sequence[str], answers: Sequence[str], shares: Sequence[float]) -> Levels:
    """Pictures with what they are, as what they were seen, and how surely.  uint8 (H, W, 1 or 3) each -> (H', W', 3)

    shares : probability of each answer, 0..1.
    """
    words = [f"is {truth}, seen as {answer} ({share:.2f})" for truth, answer, share in zip(truths, answers, shares, strict=True)]
    return gallery(pictures, words)


def bars(names: Sequence[str], values: Sequence[float], *, what: str) -> bytes:
    """One bar a class, the lowest first; of many classes only the lowest.  what: is drawn, such as "F1", in 0..1.  A PNG"""
    order = sorted(range(len(names)), key=lambda index: values[index])[:BARS]
    title = what if len(order) == len(names) else f"{what}, the {len(order)} lowest of {len(names)} classes"
    figure, axes = framed((7, 0.9 + 0.22 * max(len(order), 4)), title, "")
    places = range(len(order))
    axes.barh(places, [values[index] for index in order], color="C0", alpha=0.8, height=0.72)
    for place, index in zip(places, order):
        axes.text(values[index] + 0.008, place, f"{values[index]:.3f}", va="center", fontsize=8)
    axes.set_yticks(places, [_short(names[index]) for index in order], fontsize=9)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1.08)
    axes.grid(visible=False, axis="y")
    return rendered(figure)


def _short(name: str) -> str:
    return name if len(name) <= LONG else name[: LONG - 1] + "…"
