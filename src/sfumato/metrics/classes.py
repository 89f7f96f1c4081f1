"""How well a classifier knows its classes: from the probabilities it gave and the labels that are true.

Probabilities are (N, K), one row a picture that sums to one; labels int64 (N,), each in 0..K-1.  All arithmetic is float64.
Where two classes are equally probable, the first one counts as the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.metrics.score import LEVEL, RESAMPLES, Score, over_pictures, share

Float = NDArray[np.float64]
Whole = NDArray[np.int64]
Numbers = Tensor | ArrayLike

BINS = 15  # of the calibration error, as in Guo et al. 2017
FLOOR = 1e-12  # a probability of zero counts as this much: an infinite cross-entropy has no mean
SUM = 1e-2  # by how much a row of probabilities may miss one: half precision does

_OUTER = f"{LEVEL:.0%} interval"

PROTOCOLS: dict[str, str] = {
    "accuracy": f"Share of pictures whose most probable class is the true one, each seen once; {_OUTER} of Wilson 1927.",
    "top_5": f"Share of pictures whose true class is among the five most probable, each seen once; {_OUTER} of Wilson 1927.",
    "balanced_accuracy": "Mean over classes of the share of their pictures whose most probable class is the true one;"
    f" {_OUTER} by bootstrap within classes.",
    "cross_entropy": "Mean of -ln p of the true class, in nats, a probability of zero counted as"
    f" {FLOOR:g}; {_OUTER} by bootstrap over pictures.",
    "calibration_error": f"Expected calibration error (Guo et al. 2017): {BINS} bins of equal width of the highest probability,"
    " mean over pictures of |accuracy - confidence| of their bin; without an interval, for resampling alone makes it larger.",
}


def accuracy(probabilities: Numbers, labels: Numbers) -> float:
    """Share of pictures whose most probable class is the true one.  (N, K), (N,) -> 0..1"""
    return float(_hits(*_checked(probabilities, labels)).mean())


def balanced_accuracy(probabilities: Numbers, labels: Numbers) -> float:
    """Mean over the classes that occur among the labels of the share of their pictures that are right.  (N, K), (N,) -> 0..1"""
    hits, counts = _by_class(*_checked(probabilities, labels))
    return float(np.mean(hits / counts))


def cross_entropy(probabilities: Numbers, labels: Numbers) -> float:
    """Mean of -ln p of the true class, in nats.  (N, K), (N,) -> 0 and up"""
    return float(_surprises(*_checked(probabilities, labels)).mean())


@dataclass(frozen=True)
class Bin:
    """Pictures whose highest probability lies above `low` and up to `high`: how sure the network was, and how often it was right."""

    low: float
    high: float
    count: int
    confidence: float  # mean; 0 where there is no picture
    accuracy: float  # likewise


def calibration(probabilities: Numbers, labels: Numbers, bins: int = BINS) -> tuple[float, list[Bin]]:
    """Expected calibration error, and the rows of a reliability diagram.  (N, K), (N,) -> 0..1, one row a bin.  Guo et al. 2017."""
    values, truth = _checked(probabilities, labels)
    sure, right = values.max(axis=1), _hits(values, truth)
    which = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    per_bin = np.maximum(counts, 1)
    confidences = np.bincount(which, sure, bins) / per_bin
    accuracies = np.bincount(which, right, bins) / per_bin
    error = float(np.sum(counts * np.abs(accuracies - confidences)) / len(truth))
    rows = zip(counts.tolist(), confidences.tolist(), accuracies.tolist(), strict=True)
    return error, [Bin(index / bins, (index + 1) / bins, *row) for index, row in enumerate(rows)]


def confusion(predicted: Numbers, labels: Numbers, classes: int) -> Whole:
    """How often each class (row) was seen as each (column).  (N,), (N,) -> int64 (K, K)"""
    seen, truth = _whole(predicted), _whole(labels)
    if seen.shape != truth.shape or seen.ndim != 1:
        raise Refusal(f"A confusion matrix wants one prediction a label, but these have the shapes {seen.shape} and {truth.shape}.")
    for what, given in (("A prediction", seen), ("A label", truth)):
        if given.size and not 0 <= given.min() <= given.max() < classes:
            raise Refusal(f"{what} is outside 0..{classes - 1}: they run from {given.min()} to {given.max()}.")
    return np.bincount(truth * classes + seen, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


class PerClass(NamedTuple):
    """One number a class; precision is 0 for a class that was never seen, recall for one that never was."""

    precision: Float
    recall: Float
    f1: Float
    support: Whole  # pictures


def per_class(matrix: Whole) -> PerClass:
    """Precision, recall, F1 and support of each class.  int64 (K, K) -> four (K,)"""
    right, seen, support = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return PerClass(
        precision=right / np.maximum(seen, 1),
        recall=right / np.maximum(support, 1),
        f1=2 * right / np.maximum(seen + support, 1),
        support=support.astype(np.int64),
    )


@dataclass(frozen=True)
class Confused:
    """So many pictures of one class were seen as another."""

    truth: str
    seen_as: str
    count: int

    def row(self) -> dict[str, Any]:
        """For JSON: is, seen_as, count."""
        return {"is": self.truth, "seen_as": self.seen_as, "count": self.count}


def most_confused(matrix: Whole, names: Sequence[str], least: int = 2) -> list[Confused]:
    """Pairs of classes that were confused at least so often, most often first; equals in the order of classes.  int64 (K, K)"""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong >= max(least, 1))
    order = np.argsort(-wrong[rows, columns], kind="stable")
    return [Confused(names[row], names[column], int(wrong[row, column])) for row, column in zip(rows[order], columns[order], strict=True)]


def scores(probabilities: Numbers, labels: Numbers, *, seed: int) -> dict[str, Score]:
    """All scores with their protocols and intervals; `top_5` only where there are more than ten classes.  seed: of the bootstrap."""
    values, truth = _checked(probabilities, labels)
    count = len(truth)
    found = {"accuracy": share(int(_hits(values, truth).sum()), count, protocol=PROTOCOLS["accuracy"], seed=seed)}
    if values.shape[1] > 10:
        found["top_5"] = share(int(_among(values, truth, 5).sum()), count, protocol=PROTOCOLS["top_5"], seed=seed)
    low, high = _balanced_interval(*_by_class(values, truth), seed=seed)
    balanced, error = balanced_accuracy(values, truth), calibration(values, truth)[0]
    found["balanced_accuracy"] = Score(protocol=PROTOCOLS["balanced_accuracy"], n=count, seed=seed, mean=balanced, low=low, high=high)
    found["cross_entropy"] = over_pictures(_surprises(values, truth).tolist(), protocol=PROTOCOLS["cross_entropy"], seed=seed)
    found["calibration_error"] = Score(protocol=PROTOCOLS["calibration_error"], n=count, seed=seed, mean=error, low=None, high=None)
    return found


def judged(probabilities: Numbers, labels: Numbers, names: Sequence[str], *, seed: int) -> dict[str, Any]:
    """What scores.json of a classifier holds, from the probabilities (N, K) it gave: one row of scores, classes, what is taken for what."""
    matrix = confusion(_numbers(probabilities).argmax(axis=1), labels, len(names))
    found = scores(probabilities, labels, seed=seed)
    table = zip(names, *(column.tolist() for column in per_class(matrix)), strict=True)
    return {
        "task": "classify",
        "protocols": {name: PROTOCOLS[name] for name in found},
        "rows": [{"name": "network", **{name: one.row() for name, one in found.items()}}],
        "classes": [dict(zip(("name", "precision", "recall", "f1", "n"), row, strict=True)) for row in table],
        "confused": [pair.row() for pair in most_confused(matrix, names)],
        "pictures": [],
    }


def _checked(probabilities: Numbers, labels: Numbers) -> tuple[Float, Whole]:
    values, truth = _numbers(probabilities), _whole(labels)
    if values.ndim != 2 or truth.shape != values.shape[:1]:
        raise Refusal(f"Scored are probabilities (N, K) against labels (N,), but these have the shapes {values.shape} and {truth.shape}.")
    if not truth.size:
        raise Refusal("There is no picture to score.")
    if not np.isfinite(values).all() or values.min() < 0 or np.abs(values.sum(axis=1) - 1).max() > SUM:
        raise Refusal("Each row of probabilities must be finite, not negative and sum to one. Are these logits? Take their softmax first.")
    if not 0 <= truth.min() <= truth.max() < values.shape[1]:
        raise Refusal(f"A label is outside 0..{values.shape[1] - 1}: they run from {truth.min()} to {truth.max()}.")
    return values, truth


def _numbers(values: Numbers) -> Float:
    return np.asarray(values.detach().double().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)


def _whole(values: Numbers) -> Whole:
    given = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise Refusal(f"Labels are whole numbers, one a picture, but these are {given.dtype} {given.shape}.")
    return given.astype(np.int64)


def _hits(values: Float, truth: Whole) -> NDArray[np.bool_]:
    return np.asarray(values.argmax(axis=1) == truth)


def _among(values: Float, truth: Whole, k: int) -> NDArray[np.bool_]:
    """Fewer than k classes come before the true one; of equals, those with a lower number do."""
    own = values[np.arange(len(truth)), truth][:, None]
    earlier = np.arange(values.shape[1]) < truth[:, None]
    before = (values > own) | ((values == own) & earlier)
    return np.asarray(before.sum(axis=1) < k)


def _by_class(values: Float, truth: Whole) -> tuple[Whole, Whole]:
    """Right ones and all of each class that occurs."""
    counts = np.bincount(truth)
    hits = np.bincount(truth[_hits(values, truth)], minlength=len(counts))
    return hits[counts > 0], counts[counts > 0]


def _surprises(values: Float, truth: Whole) -> Float:
    return np.asarray(-np.log(np.maximum(values[np.arange(len(truth)), truth], FLOOR)))


def _balanced_interval(hits: Whole, counts: Whole, *, seed: int) -> tuple[float | None, float | None]:
    """Drawing a class's pictures with replacement gives a binomial number of right ones."""
    if counts.sum() < 2:
        return None, None
    drawn = Seed(seed).at("bootstrap").binomial(counts, hits / counts, size=(RESAMPLES, len(counts))) / counts
    low, high = np.quantile(drawn.mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
