"""One page that tells a run: what came out, how it came to be, and from what.  It stands alone: no network, no other file."""

import time
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sfumato.core import recipe
from sfumato.core.files import write_text
from sfumato.report import classes, embed, scores, words
from sfumato.report.curves import Line, chart
from sfumato.report.instruments import instruments
from sfumato.report.read import Points, Preview, RunFiles, read_run, series, thinned

NAME = "report.html"
GAME = {  # what is drawn of a game, by its name in stats.jsonl
    "distance": "Distance from good pictures, by which the best snapshot is chosen",
    "drift": "Drift of colours (1 is black to white)",
    "accuracy": "Critic: share told rightly",
}
STAGES = 6  # pictures of one preview over time, at most


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder from the other files there, finished or not; returns its path.  Refuses other folders."""
    path = Path(run) / NAME
    write_text(path, render(read_run(run)))
    return path


def render(run: RunFiles) -> str:
    """The page as HTML."""
    classified = classes.knows_classes(run.scores)
    finished = run.facts.get("status") == "done"
    return environment().get_template("page.html.jinja").render(
        name=run.facts.get("name") or run.folder.name,
        task=run.facts.get("task", ""),
        status=status(run),
        verdict=classes.verdict(run.scores) if classified else scores.verdict(run.scores, finished=finished),
        figures=figures(run),
        comparisons=[_comparison(preview, run) for preview in run.previews if preview.spoilt and preview.repaired],
        chain=_chain(run),
        sides=_sides(run),
        table=None if classified else scores.table(run.scores),
        classes=classes.table(run.scores) if classified else None,
        answers=instruments(run.instruments, answers=True),
        inside=instruments(run.instruments, answers=False),
        summary=run.summary.rstrip(),
        curves=curves(run),
        histories=[_history(preview, run) for preview in run.previews if preview.repaired],
        difference=str(run.facts.get("difference", "")).strip(),
        recipe=run.recipe.strip(),
        plan=run.plan.strip(),
        facts=facts(run),
        folder=str(run.folder),
        written=time.strftime("%Y-%m-%d %H:%M"),
    )


def environment() -> Environment:
    """Where the pages' templates are read from."""
    return Environment(
        loader=PackageLoader("sfumato.report", package_path=""),
        autoescape=True,  # names of pictures and recipes come from strangers
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True)
class Status:
    """How far the run is: a word, what it is to the eye, and a sentence."""

    word: str
    look: str  # good, busy, bad
    sentence: str


def status(run: RunFiles) -> Status:
    """Whether the run is done, and if not, how far it came and what to do."""
    said = str(run.facts.get("status", "")) or "running"
    steps, minutes = run.reached
    reached = f"{words.several(steps, 'step')} in {words.duration(minutes)}"
    if said == "done":
        return Status("finished", "good", f"{reached}.")
    go_on = f"To go on: sfumato resume {run.folder}"
    if said == "running":
        return Status(
            "not finished", "busy", f"{reached} so far, when this page was written. If it is not running any more, it was killed. {go_on}"
        )
    word, _, reason = said.partition(": ")
    return Status(word, "bad", f"{reached}{f', then: {reason}' if reason else ''}. {go_on}")


def figures(run: RunFiles) -> list[tuple[str, str]]:
    """The few large numbers: (value, what it is)."""
    known = run.facts
    shown = classes.figures(run.scores) if classes.knows_classes(run.scores) else scores.figures(run.scores)
    _, minutes = run.reached
    shown += [(words.duration(minutes), "in training")] if minutes else []
    shown += [(words.amount(known["parameters"]), "parameters")] if known.get("parameters") else []
    shown += [(words.size(known["peak_memory"]), "memory at most")] if known.get("peak_memory") else []
    return shown


@dataclass(frozen=True)
class Comparison:
    """A held-out picture for the slider, and beside it what it should be."""

    name: str
    spoilt: str  # data addresses
    repaired: str
    good: str
    width: int  # px
    height: int
    step: int
    before: str  # scores of what is shown, in words; empty where there are none
    after: str


@dataclass(frozen=True)
class Sides:
    """What the two pictures under the slider, the one beside them, each set of them, and their history are called."""

    before: str
    after: str
    good: str
    each: str = "held-out picture"
    history: str = "How the repair came about"


REPAIRED, SEEN = Sides("spoilt", "repaired", "good"), Sides("picture", "seen", "true", history="How it came to see")
DREAMT = Sides("", "made", "", each="pictures from the same noise, sheet", history="How it came to make pictures")


def _sides(run: RunFiles) -> Sides:
    return {"segment": SEEN, "depth": SEEN, "generate": DREAMT}.get(str(run.facts.get("task")), REPAIRED)


def _comparison(preview: Preview, run: RunFiles) -> Comparison:
    step, last = preview.repaired[-1]
    width, height = embed.size(last)
    spoilt, seen = preview.spoilt or last, _sides(run) is SEEN
    return Comparison(
        name=_picture_name(preview, run),
        spoilt=embed.whole(spoilt),
        repaired=embed.whole(last),
        good=embed.whole(preview.good) if preview.good else "",
        width=width,
        height=height,
        step=step,
        before="" if seen else _decibels(spoilt, preview.good),
        after="" if seen else _decibels(last, preview.good),
    )


def _chain(run: RunFiles) -> str:
    """How pictures were spoilt, if the recipe says it where the task `restore` does."""
    spoil = recipe.read_table(run.recipe).get("spoil") if run.recipe.strip() else None
    return str(spoil.get("chain", "")) if isinstance(spoil, dict) else ""


def _decibels(path: Path, truth: Path | None) -> str:
    value = embed.psnr(path, truth) if truth else None
    return "" if value is None else f"{words.number(value, 'psnr_rgb')} dB"


def _picture_name(preview: Preview, run: RunFiles) -> str:
    named = [] if _sides(run) is SEEN else run.scores.get("pictures", [])  # of which the worst are told, not the first
    return str(named[preview.index]["name"]) if preview.index < len(named) else f"{_sides(run).each} {preview.index + 1}"


def _history(preview: Preview, run: RunFiles) -> tuple[str, list[tuple[str, str]]]:
    """The name, and small pictures with their labels: as it came, some steps, as it should be."""
    stages, sides = preview.repaired, _sides(run)
    chosen = sorted({round(number * (len(stages) - 1) / max(1, STAGES - 1)) for number in range(STAGES)})
    shown = [(sides.before, preview.spoilt)] if preview.spoilt else []
    shown += [(f"step {words.amount(stages[index][0])}", stages[index][1]) for index in chosen]
    shown += [(sides.good, preview.good)] if preview.good else []
    return _picture_name(preview, run), [(label, embed.thumb(path)) for label, path in shown]


def curves(run: RunFiles) -> list[tuple[str, Markup, str]]:
    """Curves over steps: (title, drawing, last value in words); those without a point are left out."""
    loss = series(run.steps, "loss")
    drawn = []
    if loss:
        smooth = thinned(loss, 30)
        falls = max(y for _, y in loss) > 8 * min(y for _, y in loss)  # then a plain axis would show a corner and a floor
        lines = [Line(points=thinned(loss, 300), look="faint"), Line(points=smooth)]
        drawn.append(("Loss", chart(lines, until=run.step, says="Loss over steps", log=falls), f"{smooth[-1][1]:.4g}"))
    for metric in dict.fromkeys(name for row in run.validations for name in row.get("scores", {})):
        drawn += [_scored(metric, points, run.step)] if (points := series(run.validations, "scores", metric)) else []
    for name, title in GAME.items():
        if points := series(run.games, name):
            drawing = chart([Line(points=points)], until=run.step, says=f"{title} over steps")
            drawn.append((title, drawing, f"{points[-1][1]:.3g}"))
    for part in dict.fromkeys(name for row in run.shares for name in row.get("shares", {})):
        if points := tuple((step, 100 * share) for step, share in series(run.shares, "shares", part)):
            drawing = chart([Line(points=thinned(points, 300))], until=run.step, says=f"Share of {part} in the gradient over steps, in %")
            drawn.append((f"Share of {part} in the gradient", drawing, f"{points[-1][1]:.0f} %"))
    for name, title in (("rate", "Learning rate"), ("momentum", "Momentum")):
        if points := thinned(series(run.steps, name), 300):
            drawing = chart([Line(points=points, look="second")], until=run.step, says=f"{title} over steps")
            drawn.append((title, drawing, f"{points[-1][1]:.2g}"))
    return drawn


def _scored(metric: str, points: Points, until: int) -> tuple[str, Markup, str]:
    called = words.unit(metric)
    told = tuple((step, value * called.times) for step, value in points)
    drawing = chart(
        [Line(points=told)],
        until=until,
        says=f"{called.name} of held-out pictures over steps",
        write=lambda value: f"{value:.{called.digits}f}",
    )
    return f"{called.name[0].upper()}{called.name[1:]}, held out", drawing, f"{words.number(points[-1][1], metric)} {called.unit}".strip()


def facts(run: RunFiles) -> list[tuple[str, str]]:
    """What else is known: (what, value)."""
    known = run.facts
    shown = [("device", str(known.get("device", "")))]
    shown += [("whole time, with loading and scoring", words.duration(float(known["wall_minutes"])))] if known.get("wall_minutes") else []
    shown += [(name, str(version)) for name, version in dict(known.get("versions", {})).items()]
    shown += [(f"fault at step {words.amount(row['step'])}", " ".join(row["faults"])) for row in run.games if row.get("faults")]
    shown += [("updates left out, for their gradient was no number", str(run.skipped))] if run.skipped else []
    shown += [("lines of stats.jsonl that could not be read", str(run.unread))] if run.unread else []
    return [(what, value) for what, value in shown if value]
