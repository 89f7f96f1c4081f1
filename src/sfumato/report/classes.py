"""A classifier's scores in words: how often it is right, class by class, and what it takes for what."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfumato.report import words
from sfumato.report.read import Row
from sfumato.report.scores import Verdict

FEW = 100  # pictures; below it an interval says little
SHOWN = 20  # classes and confusions that are shown at once

WAYS = {"network": "the network"}


def is_classifier(scores: Row) -> bool:
    """Whether these are a classifier's scores."""
    return scores.get("task") == "classify"


def verdict(scores: Row) -> Verdict:
    """On how many pictures it is right, how often it is wrong, and what guessing would give."""
    score = _first(scores).get("accuracy")
    if not score:
        return Verdict("open", "There are no scores: no picture was held out.")
    share, n = float(score["mean"]), int(score["n"])
    interval = words.interval(score, "accuracy")
    told = f"{words.number(share, 'accuracy')} % of {words.several(n, 'held-out picture')}{f' ({interval} %)' if interval else ''}"
    wrong = f"; one in {words.amount(max(2, round(1 / (1 - share))))} is wrong" if 0.5 <= share < 1 else ""
    few = " So few pictures say little about others." if n < FEW else ""
    guess = _guess(scores)
    if guess is None:
        return Verdict("open", f"Right on {told}{wrong}.{few}")
    guessed = f"the most frequent class each time would be right on {words.number(guess, 'accuracy')} %"
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
    names = [name for name in ("accuracy", "balanced_accuracy", "calibration_error") if name in first]
    return [(f"{words.number(first[name]['mean'], name)} {words.unit(name).unit}", words.unit(name).name) for name in names]


@dataclass(frozen=True)
class Table:
    """Scores of each way, of each class, and what was confused; all in words."""

    metrics: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]  # way; mean and interval a metric
    pictures: str  # on which they were taken
    protocols: list[tuple[str, str]]
    classes: list[tuple[str, list[str]]]  # name; precision, recall, F1, pictures; the lowest F1 first
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
    classes = sorted(scores.get("classes", []), key=lambda row: float(row["f1"]))
    return Table(
        metrics=["\N{NO-BREAK SPACE}".join(filter(None, (words.unit(name).name, words.unit(name).unit))) for name in metrics],
        rows=[
            (way(str(row["name"])), [(words.number(row[name]["mean"], name), words.interval(row[name], name)) for name in metrics])
            for row in rows
        ],
        pictures=words.several(int(rows[0][metrics[0]]["n"]) if metrics else 0, "held-out picture"),
        protocols=[(words.unit(name).name, str(scores.get("protocols", {}).get(name, ""))) for name in metrics],
        classes=[(str(row["name"]), _numbers(row)) for row in classes],
        confused=[(str(row["is"]), str(row["seen_as"]), words.amount(row["count"])) for row in scores.get("confused", [])],
    )


def way(name: str) -> str:
    """A row of scores: how the answers were got."""
    return WAYS.get(name, name)


def _numbers(row: Row) -> list[str]:
    return [*(words.number(float(row[name]), name) for name in ("precision", "recall", "f1")), words.amount(row["n"])]
