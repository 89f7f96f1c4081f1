"""Scores in words: the one sentence a person came for, and the table behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sfumato.report import words
from sfumato.report.read import Row

FEW = 5  # pictures; below it an interval says little


@dataclass(frozen=True)
class Verdict:
    """The one sentence that a person came for."""

    look: str  # good, bad, open
    sentence: str


def verdict(scores: Row) -> Verdict:
    """Better, worse or not told apart, on how many held-out pictures, and against the best plain filter."""
    rows, gains = _rows(scores), scores.get("gains", {})
    metric = next((name for name in ("psnr_rgb", *gains) if name in gains), None)
    if metric is None or "restored" not in rows:
        return Verdict("open", "There are no scores yet: they are made from held-out pictures when the run is finished.")
    gain, after = gains[metric], rows["restored"][metric]
    start = next(iter(rows))
    pictures = words.several(int(gain["n"]), "held-out picture")
    amounts = f"{words.number(rows[start][metric]['mean'], metric)} to {words.number(after['mean'], metric)} {words.unit(metric).unit}"
    told = f"{words.signed(gain['mean'], metric)} {words.unit(metric).unit} {words.unit(metric).name} on {pictures} ({amounts})"
    if gain["mean"] <= 0:
        return Verdict("bad", f"Worse than what came in: {told}. Train longer, or lower optimiser.rate.")
    if gain.get("low") is not None and gain["low"] <= 0:
        return Verdict("open", f"No clear gain: {told}; its interval holds zero.")
    others = {name: row[metric]["mean"] for name, row in rows.items() if name not in ("restored", start)}
    best = max(others, key=lambda name: others[name], default=None)
    against = f", and {words.signed(after['mean'] - others[best], metric)} against the best plain one, {words.way(best)}" if best else ""
    few = " So few pictures say little about others." if gain["n"] < FEW else ""
    return Verdict("good", f"Better than what came in: {told}{against}.{few}")


@dataclass(frozen=True)
class Cell:
    """A mean with its interval, and what was gained, all in words."""

    mean: str
    interval: str
    gain: str
    gain_interval: str
    best: bool


@dataclass(frozen=True)
class Table:
    """Rows of all pictures together and one by one."""

    metrics: list[str]
    rows: list[tuple[str, bool, list[Cell]]]  # what was done, whether it is ours, a cell a metric
    n: int
    protocols: list[tuple[str, str]]
    pictures: list[tuple[str, list[tuple[str, str, str]]]]  # name, and (before, after, gain) a metric


def table(scores: Row) -> Table | None:
    """The table of scores; None where there are none."""
    rows = _rows(scores)
    if not rows:
        return None
    metrics = [name for name, value in next(iter(rows.values())).items() if isinstance(value, Mapping)]
    first = next(iter(rows.values()))
    return Table(
        metrics=[" ".join(filter(None, (words.unit(name).name, words.unit(name).unit))) for name in metrics],
        rows=[(words.way(name), name == "restored", [_cell(name, metric, rows, scores) for metric in metrics]) for name in rows],
        n=int(first[metrics[0]]["n"]) if metrics else 0,
        protocols=[(words.unit(name).name, str(scores.get("protocols", {}).get(name, ""))) for name in metrics],
        pictures=[(str(row["name"]), [_one(row, metric) for metric in metrics]) for row in scores.get("pictures", [])],
    )


def _rows(scores: Row) -> dict[str, Row]:
    return {str(row["name"]): row for row in scores.get("rows", [])}


def _cell(name: str, metric: str, rows: Mapping[str, Row], scores: Row) -> Cell:
    score, start = rows[name][metric], next(iter(rows))
    gained = scores.get("gains", {}).get(metric, {}) if name == "restored" else {}
    return Cell(
        mean=words.number(score["mean"], metric),
        interval=words.interval(score, metric),
        gain="" if name == start else words.signed(score["mean"] - rows[start][metric]["mean"], metric),
        gain_interval=words.interval(gained, metric, gain=True),
        best=score["mean"] == max(row[metric]["mean"] for row in rows.values()),
    )


def _one(row: Row, metric: str) -> tuple[str, str, str]:
    before, after = next(value for key, value in row.items() if key not in ("name", "restored"))[metric], row["restored"][metric]
    return words.number(before, metric), words.number(after, metric), words.signed(after - before, metric)
