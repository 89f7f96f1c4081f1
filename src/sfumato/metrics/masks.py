"""How well masks agree with true ones: from how often each class was taken for each, pixel by pixel, without what nobody knows.

A matrix is int64 (K, K): rows are true classes, columns what was seen.  An interval is a bootstrap over pictures, for pixels of one
picture are wrong together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.core.levels import VOID
from sfumato.core.seed import Seed
from sfumato.metrics import classes
from sfumato.metrics.score import LEVEL, RESAMPLES, Score

Whole = NDArray[np.int64]
Float = NDArray[np.float64]

PIECES = 20  # of the resampled matrices, which are large where there are many classes

_OUTER = f"{LEVEL:.0%} interval by bootstrap over pictures"
_VOID = "pixels without a class left out"

PROTOCOLS: dict[str, str] = {
    "pixel_accuracy": f"Share of all pixels whose most probable class is the true one, {_VOID}; {_OUTER}.",
    "mean_iou": "Mean over the classes that occur of intersection over union, each counted over the pixels of all pictures,"
    f" {_VOID}; {_OUTER}.",
    "mean_accuracy": f"Mean over the classes that occur of the share of their pixels that are right, {_VOID}; {_OUTER}.",
}


def confusion(seen: NDArray[Any], truth: NDArray[Any], count: int) -> Whole:
    """How often each of `count` classes was seen as each, of one picture.  Two (H, W) of labels, the second with `VOID` -> int64 (K, K)"""
    if seen.shape != truth.shape:
        raise Refusal(f"Masks are compared pixel by pixel, but these have the shapes {seen.shape} and {truth.shape}.")
    known = truth != VOID
    return classes.confusion(seen[known].astype(np.int64), truth[known].astype(np.int64), count)


def pixel_accuracy(matrix: Whole) -> float:
    """int64 (..., K, K) -> 0..1; nan where there is no pixel"""
    return float(_accuracies(matrix))


def mean_iou(matrix: Whole) -> float:
    """int64 (K, K) -> 0..1; nan where there is no pixel"""
    return float(_mean(ious(matrix), matrix))


def mean_accuracy(matrix: Whole) -> float:
    """int64 (K, K) -> 0..1; nan where there is no pixel"""
    return float(_recalls(matrix))


def ious(matrix: Whole) -> Float:
    """Intersection over union of each class; nan for one that neither is there nor was seen.  int64 (..., K, K) -> (..., K)"""
    both = np.diagonal(matrix, axis1=-2, axis2=-1)
    either = matrix.sum(-1) + matrix.sum(-2) - both
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(both / either, np.float64)


def _accuracies(matrices: Whole) -> Float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.trace(matrices, axis1=-2, axis2=-1) / matrices.sum((-2, -1)), np.float64)


def _recalls(matrices: Whole) -> Float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return _mean(np.diagonal(matrices, axis1=-2, axis2=-1) / matrices.sum(-1), matrices)


def _mean(values: Float, matrices: Whole) -> Float:
    """Over the classes that occur among the true ones."""
    there = matrices.sum(-1) > 0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, values, 0.0).sum(-1) / there.sum(-1), np.float64)


MEASURES: dict[str, Callable[[Whole], Float]] = {
    "pixel_accuracy": _accuracies,
    "mean_iou": lambda matrices: _mean(ious(matrices), matrices),
    "mean_accuracy": _recalls,
}


def scores(matrices: Sequence[Whole], *, seed: int) -> dict[str, Score]:
    """All scores of a set of pictures, a matrix each.  seed: of the bootstrap.  Refuses none, and pictures without a known pixel."""
    stacked = np.stack(matrices) if len(matrices) else np.zeros((0, 1, 1), np.int64)
    whole = stacked.sum(0)
    if not whole.sum():
        raise Refusal("There is no pixel to score: no picture, or masks that know no class.")
    drawn = Seed(seed).at("bootstrap").multinomial(len(stacked), np.full(len(stacked), 1 / len(stacked)), size=RESAMPLES)
    counts = stacked.astype(np.float64)  # exact so far, and multiplied many times faster than whole numbers
    pieces = np.array_split(drawn.astype(np.float64), PIECES)
    parts = (np.tensordot(piece, counts, axes=1).astype(np.int64) for piece in pieces)
    rows = [{name: measure(part) for name, measure in MEASURES.items()} for part in parts]
    found = {}
    for name, measure in MEASURES.items():
        values = np.concatenate([row[name] for row in rows])
        low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist() if len(stacked) > 1 else (None, None)
        mean = float(measure(whole))
        found[name] = Score(protocol=PROTOCOLS[name], n=len(stacked), seed=seed, mean=mean, low=low, high=high)
    return found


def judged(matrices: Sequence[Whole], names: Sequence[str], *, seed: int) -> dict[str, Any]:
    """What scores.json of a segmenter holds: one row of scores, classes by their intersection over union, what is taken for what."""
    whole = np.sum(matrices, axis=0)
    told = classes.per_class(whole)
    shares = np.nan_to_num(ious(whole))
    rows = zip(names, shares.tolist(), *(column.tolist() for column in (told.precision, told.recall, told.f1, told.support)), strict=True)
    return {
        "task": "segment",
        "protocols": PROTOCOLS,
        "rows": [{"name": "network", **{name: one.row() for name, one in scores(matrices, seed=seed).items()}}],
        "classes": [dict(zip(("name", "iou", "precision", "recall", "f1", "n"), row, strict=True)) for row in rows],
        "confused": [pair.row() for pair in classes.most_confused(whole, names)],
        "pictures": [],
    }
