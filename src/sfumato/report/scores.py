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


def verdict(scores: Row, *, finished: bool) -> Verdict:
    """Better, worse or not told apart, on how many held-out pictures, and against the best plain filter."""
    rows, gained = _rows(scores), gains(scores)
    metric = next((name for name in ("psnr_rgb", "delta1", *gained) if name in gained), None)
    if metric is None:
        why = "no picture was held out" if finished else "they are made from held-out pictures when the run is finished"
        return Verdict("open", f"There are no scores: {why}.")
    start, gain = next(iter(rows)), gained[metric]
    what = "what came in" if start == "input" else words.way(start)
    told = _told(metric, gain, rows[start][metric], rows[_ours(rows)][metric])
    if gain["mean"] <= 0:
        return Verdict("bad", f"Worse than {what}: {told}. Train longer, or lower optimiser.rate.")
    if gain.get("low") is not None and gain["low"] <= 0:
        return Verdict("open", f"No clear gain: {told}; its interval holds zero.")
    few = " So few pictures say little about others." if gain["n"] < FEW else ""
    lead, against = _against_filters(metric, rows, start)
    return Verdict("good" if lead > 0 else "open", f"Better than {what}: {told}{against}.{few}")


def _told(metric: str, gain: Row, before: Row, after: Row) -> str:
    unit = words.unit(metric)
    change = " ".join(filter(None, (words.signed(gain["mean"], metric), unit.unit, unit.name)))
    from_to = " ".join(filter(None, (words.number(before["mean"], metric), "to", words.number(after["mean"], metric), unit.unit)))
    return f"{change} on {words.several(int(gain['n']), 'held-out picture')} ({from_to})"


def _against_filters(metric: str, rows: Mapping[str, Row], start: str) -> tuple[float, str]:
    """How far ahead of the best plain filter, and in words; nothing is in words where there is no filter."""
    ours = _ours(rows)
    others = {name: row[metric]["mean"] for name, row in rows.items() if name not in (ours, start)}
    if not others:
        return float("inf"), ""
    best = max(others, key=lambda name: _gained(0.0, others[name], metric))
    lead = _gained(others[best], rows[ours][metric]["mean"], metric)
    if lead > 0:
        return lead, f", and {words.signed(lead, metric)} against the best plain one, {words.way(best)}"
    return lead, f", but a plain {words.way(best)} does as well or better ({words.signed(-lead, metric)})"


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
    """Scores of all pictures together and one by one."""

    metrics: list[str]
    lower: str  # those of which less is better
    rows: list[tuple[str, bool, list[Cell]]]  # what was done, whether it is ours, a cell a metric
    n: int
    protocols: list[tuple[str, str]]
    pictures: list[tuple[str, list[tuple[str, str, str]]]]  # name, and (before, after, gain) a metric


def table(scores: Row) -> Table | None:
    """The table of scores; None where there are none."""
    rows = _rows(scores)
    if not rows:
        return None
    metrics = words.in_order(name for name, value in next(iter(rows.values())).items() if isinstance(value, Mapping))
    first = next(iter(rows.values()))
    return Table(
        metrics=[" ".join(filter(None, (words.unit(name).name, words.unit(name).unit))) for name in metrics],
        lower=" and ".join(words.unit(name).name for name in metrics if words.unit(name).lower),
        rows=[(words.way(name), name == _ours(rows), [_cell(name, metric, rows, scores) for metric in metrics]) for name in rows],
        n=int(first[metrics[0]]["n"]) if metrics else 0,
        protocols=[(words.unit(name).name, str(scores.get("protocols", {}).get(name, ""))) for name in metrics],
        pictures=[(str(row["name"]), [_one(row, metric, _ours(rows)) for metric in metrics]) for row in scores.get("pictures", [])],
    )


def figures(scores: Row) -> list[tuple[str, str]]:
    """The large numbers: (what was gained, of what)."""
    return [
        (f"{words.signed(one['mean'], name)} {words.unit(name).unit}", f"{words.unit(name).name} gained")
        for name, one in gains(scores).items()
        if not words.unit(name).lower
    ]


def gains(scores: Row) -> dict[str, Row]:
    """What was gained by each metric: picture by picture with an interval where the run says it, else between the means."""
    rows = _rows(scores)
    if scores.get("gains") or len(rows) < 2:
        return dict(scores.get("gains", {}))
    start, ours = next(iter(rows.values())), rows[_ours(rows)]
    shared = [name for name, value in ours.items() if isinstance(value, Mapping) and name in start]
    return {name: {"mean": _gained(start[name]["mean"], ours[name]["mean"], name), "n": start[name]["n"]} for name in shared}


def _gained(before: float, after: float, metric: str) -> float:
    """Above zero is better."""
    return before - after if words.unit(metric).lower else after - before


def _rows(scores: Row) -> dict[str, Row]:
    return {str(row["name"]): row for row in scores.get("rows", [])}


def _ours(rows: Mapping[str, Row]) -> str:
    """The row of what was trained, which comes last."""
    return list(rows)[-1]


def _cell(name: str, metric: str, rows: Mapping[str, Row], scores: Row) -> Cell:
    score, start = rows[name][metric], next(iter(rows))
    gained = gains(scores).get(metric, {}) if name == _ours(rows) else {}
    means = [row[metric]["mean"] for row in rows.values()]
    return Cell(
        mean=words.number(score["mean"], metric),
        interval=words.interval(score, metric),
        gain="" if name == start else words.signed(_gained(rows[start][metric]["mean"], score["mean"], metric), metric),
        gain_interval=words.interval(gained, metric, gain=True),
        best=score["mean"] == (min(means) if words.unit(metric).lower else max(means)),
    )


def _one(row: Row, metric: str, ours: str) -> tuple[str, str, str]:
    before, after = next(value for key, value in row.items() if key not in ("name", ours))[metric], row[ours][metric]
    return words.number(before, metric), words.number(after, metric), words.signed(_gained(before, after, metric), metric)
