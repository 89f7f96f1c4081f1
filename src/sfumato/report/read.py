"""What a run folder says of itself, as plain values.  A run may be young, killed or broken: whatever is missing is empty, not an error."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal

Row = Mapping[str, Any]
Points = tuple[tuple[float, float], ...]  # (step, value), finite, in order of steps

_PREVIEW = re.compile(r"(input|target|\d+)-(\d+)\.png")


@dataclass(frozen=True)
class Preview:
    """One held-out picture: as it was spoilt, as it should be, and as it was repaired at some steps."""

    index: int
    spoilt: Path | None
    good: Path | None
    repaired: tuple[tuple[int, Path], ...]  # (step, picture), in order of steps


@dataclass(frozen=True)
class RunFiles:
    """Everything a report is made from."""

    folder: Path
    recipe: str  # TOML
    plan: str
    facts: Row  # run.json
    steps: tuple[Row, ...]  # lines of stats.jsonl of kind "step"
    validations: tuple[Row, ...]  # ... of kind "valid"
    games: tuple[Row, ...]  # ... of kind "game": how a game of two stood at each look
    shares: tuple[Row, ...]  # ... of kind "shares": which part of the loss pulls how strongly
    skipped: int  # updates that were left out, for their gradient was no number
    unread: int  # lines of stats.jsonl that are no JSON: a kill cuts at most the last
    scores: Row  # scores.json
    previews: tuple[Preview, ...]
    instruments: Mapping[str, Path]  # pictures of the folder of that name, by their names without .png
    summary: str  # the network layer by layer

    @property
    def step(self) -> int:
        """The last step that was written down."""
        return max((int(row.get("step", 0)) for row in (*self.steps, *self.validations)), default=0)

    @property
    def seconds(self) -> float:
        """Time in training that was written down."""
        return max((float(row.get("seconds", 0)) for row in (*self.steps, *self.validations)), default=0.0)

    @property
    def reached(self) -> tuple[int, float]:
        """Steps, and minutes in training, as far as either the facts or what was written down go: a run that was killed told no facts."""
        return max(int(self.facts.get("steps") or 0), self.step), max(float(self.facts.get("minutes") or 0), self.seconds / 60)


def read_run(folder: Path) -> RunFiles:
    """Read a run folder; refused when it holds no recipe, for then it is none."""
    folder = Path(folder)
    if not (folder / "recipe.toml").is_file():
        raise Refusal(f"{folder} is not a run folder: it has no recipe.toml. See: sfumato runs {folder.parent}")
    rows = list(_lines(folder / "stats.jsonl"))
    good = [row for row in rows if row is not None]
    return RunFiles(
        folder=folder,
        recipe=_text(folder / "recipe.toml"),
        plan=_text(folder / "plan.txt"),
        facts=_table(folder / "run.json"),
        steps=tuple(row for row in good if row.get("kind") == "step"),
        validations=tuple(row for row in good if row.get("kind") == "valid"),
        games=tuple(row for row in good if row.get("kind") == "game"),
        shares=tuple(row for row in good if row.get("kind") == "shares"),
        skipped=sum(row.get("kind") == "skipped" for row in good),
        unread=len(rows) - len(good),
        scores=_table(folder / "scores.json"),
        previews=tuple(_previews(folder / "previews")),
        instruments={path.stem: path for path in sorted((folder / "instruments").glob("*.png"))},
        summary=_text(folder / "instruments" / "summary.txt"),
    )


def series(rows: Sequence[Row], *path: str) -> Points:
    """One value of each row against its step, such as series(rows, "scores", "psnr_rgb"); rows without a finite one are left out."""
    points = []
    for row in rows:
        value: Any = row
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, int | float) and math.isfinite(value):
            points.append((float(row.get("step", 0)), float(value)))
    return tuple(sorted(points))


def thinned(points: Points, most: int) -> Points:
    """Means of neighbours, so that at most `most` points are left: a curve on a page needs no more than it has pixels."""
    if len(points) <= most:
        return points
    cuts = [round(number * len(points) / most) for number in range(most + 1)]
    bins = [points[low:high] for low, high in pairwise(cuts)]
    return tuple((sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in bins)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _table(path: Path) -> Row:
    if not path.is_file():
        return {}
    try:
        table = json.loads(_text(path))
    except ValueError as error:
        raise Refusal(f"{path} is damaged ({error}). Delete it, and make the report again without it.") from error
    return table if isinstance(table, dict) else {}


def _lines(path: Path) -> Iterator[Row | None]:
    for line in _text(path).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        yield row if isinstance(row, dict) else None


def _previews(folder: Path) -> Iterator[Preview]:
    found: dict[int, dict[str, Path]] = {}
    for path in sorted(folder.glob("*.png")) if folder.is_dir() else []:
        if match := _PREVIEW.fullmatch(path.name):
            found.setdefault(int(match[2]), {})[match[1]] = path
    for index, stages in sorted(found.items()):
        repaired = sorted((int(stage), path) for stage, path in stages.items() if stage.isdigit())
        yield Preview(index, stages.get("input"), stages.get("target"), tuple(repaired))
