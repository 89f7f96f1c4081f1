"""Scores of who tells classes apart, of pictures or of pixels, in words: how often right, class by class, what is taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfumato.report import words
from sfumato.report.read import Row
from sfumato.report.scores import Verdict

FEW, FEW_SCENES = 100, 10  # pictures that are named, or whose pixels are; below it an interval says little
SHOWN = 20  # classes and confusions that are shown at once


@dataclass(frozen=True)
class _Kind:
    """How one task's scores are told."""

    metric: str  # the one that is told in words
    figures: tuple[str, ...]  # the large numbers
    columns: tuple[str, ...]  # of each class
    counted: str  # what a class has so many of
    of: str  # before "held-out pictures"


KINDS = {
    "classify": _Kind("accuracy", ("accuracy", "balanced_accuracy", "calibration_error"), ("precision", "recall", "f1"), "pictures", ""),
    "segment": _Kind("pixel_accuracy", ("pixel_accuracy", "mean_iou"), ("iou", "precision", "recall"), "pixels", "the pixels of "),
}


def knows_classes(scores: Row) -> bool:
    """Whether these are scores of classes."""
    return scores.get("task") in KINDS


def _kind(scores: Row) -> _Kind:
    return KINDS[str(scores["task"])]


def verdict(scores: Row) -> Verdict:
    """On how many pictures it is right, how often it is wrong, and what guessing would give."""
    kind = _kind(scores)
    score = _first(scores).get(kind.metric)
    if not score:
        return Verdict("open", "There are no scores: no picture was held out.")
    share, n = float(score["mean"]), int(score["n"])
    interval = words.interval(score, kind.metric)
    told = f"{words.number(share, kind.metric)} % of {kind.of}{words.several(n, 'held-out picture')}" + f" ({interval} %)" * bool(interval)
    wrong = f"; one in {words.amount(max(2, round(1 / (1 - share))))} is wrong" if 0.5 <= share < 1 else ""
    few = " So few pictures say little about others." if n < (FEW_SCENES if kind.of else FEW) else ""
    guess = _guess(scores)
    if guess is None:
        return Verdict("open", f"Right on {told}{wrong}.{few}")
    guessed = f"the most frequent class each time would be right on {words.number(guess, kind.metric)} %"
    if share <= guess:
        return Verdict("bad", f"No better than a guess: right on {told}, and naming {guessed}. Train longer, or lower optimiser.rate.")
    if score.get("low") is not None and score["low"] <= guess:
        return Verdict("open", f"Hardly better than a guess: right on {told}, and naming {guessed}.{few}")
    return Verdict("good", f"Right on {told}{wrong}. Naming {guessed}.{few}")


def _first(scores: Row) -> Row:
    """The row that is told in words: the network alone."""
    rows: Sequence[Row] = scores.get("rows", [])
    return rows[0] if rows else {}


def _guess(scores: Row) -> float | None:
    """The share of the most frequent class; None where that is not told."""
    counts = [int(row.get("n", 0)) for row in scores.get("classes", [])]
    return max(counts) / sum(counts) if sum(counts) else None


def figures(scores: Row) -> list[tuple[str, str]]:
    """The large numbers: (value, of what)."""
    first = _first(scores)
    names = [name for name in _kind(scores).figures if name in first]
    return [(f"{words.number(first[name]['mean'], name)} {words.unit(name).unit}", words.unit(name).name) for name in names]


@dataclass(frozen=True)
class Table:
    """Scores of each way, of each class, and what was confused; all in words."""

    metrics: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]  # way; mean and interval a metric
    pictures: str  # on which they were taken
    protocols: list[tuple[str, str]]
    columns: list[str]  # of each class
    classes: list[tuple[str, list[str]]]  # name and numbers; the least known first
    confused: list[tuple[str, str, str]]  # is, seen as, how often

    @property
    def worst(self) -> list[tuple[str, list[str]]]:
        """The classes that are shown at once."""
        return self.classes[:SHOWN]

    @property
    def most(self) -> list[tuple[str, str, str]]:
        """The confusions that are shown at once."""
        return self.confused[:SHOWN]


def table(scores: Row) -> Table | None:
    """The tables of scores; None where there are none."""
    rows: Sequence[Row] = scores.get("rows", [])
    if not rows:
        return None
    metrics = [name for name, value in rows[0].items() if isinstance(value, dict)]
    kind = _kind(scores)
    known_by = "iou" if "iou" in kind.columns else "f1"
    classes = sorted(scores.get("classes", []), key=lambda row: float(row[known_by]))
    return Table(
        metrics=["\N{NO-BREAK SPACE}".join(filter(None, (words.unit(name).name, words.unit(name).unit))) for name in metrics],
        rows=[
            (words.way(str(row["name"])), [(words.number(row[name]["mean"], name), words.interval(row[name], name)) for name in metrics])
            for row in rows
        ],
        pictures=words.several(int(rows[0][metrics[0]]["n"]) if metrics else 0, "held-out picture"),
        protocols=[(words.unit(name).name, str(scores.get("protocols", {}).get(name, ""))) for name in metrics],
        columns=[f"{words.unit(name).name}\N{NO-BREAK SPACE}%" for name in kind.columns] + [kind.counted],
        classes=[(str(row["name"]), _numbers(row, kind)) for row in classes],
        confused=[(str(row["is"]), str(row["seen_as"]), words.amount(row["count"])) for row in scores.get("confused", [])],
    )


def _numbers(row: Row, kind: _Kind) -> list[str]:
    return [*(words.number(float(row[name]), name) for name in kind.columns), words.amount(row["n"])]
