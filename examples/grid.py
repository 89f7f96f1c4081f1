"""What the experiments share: a recipe with changes, trained with several seeds by `sfumato train`, and a table with intervals.

Runs are kept in build/experiments: one that is there is not made again, one that was stopped goes on.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import results  # noqa: E402  # bench is a folder of scripts, not a package

RUNS = ROOT / "build" / "experiments"
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57}  # two-sided 95 % of Student's t by degrees of freedom


@dataclass(frozen=True)
class Cell:
    """One way to train: words for the table, and what it changes in the recipe."""

    words: tuple[str, ...]
    changes: tuple[str, ...]


def trained(experiment: str, recipe: str, cell: Cell, seed: int) -> dict[str, Any]:
    """Scores of one run: the row of its scores.json, and its last loss in training."""
    folder = RUNS / experiment / ("_".join(cell.words).replace(" ", "-").replace("|", "+") + f"-{seed}")
    if not (folder / "scores.json").is_file():
        words = ["train", recipe, "--out", str(folder), "--set", f"train.seed={seed}"]
        words += [word for change in cell.changes for word in ("--set", change)]
        words = ["resume", str(folder)] if (folder / "recipe.toml").is_file() else words
        print("sfumato", *words, flush=True)
        subprocess.run([sys.executable, "-m", "sfumato", "-q", *words], check=True)
    row: dict[str, Any] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["rows"][0]
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["parts"]["cross_entropy"] for line in lines if line["kind"] == "step"]
    held = {name: row[name]["mean"] for name in ("accuracy", "cross_entropy")}
    return {**held, "accuracy": 100 * held["accuracy"], "training": statistics.mean(losses[-20:])}


def run(experiment: str, recipe: str, cells: Sequence[Cell], seeds: Sequence[int]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Scores of every cell, one for each seed."""
    return {cell.words: [trained(experiment, recipe, cell, seed) for seed in seeds] for cell in cells}


def mean(values: Sequence[float]) -> str:
    """A mean with its 95 % interval over seeds, in words."""
    half = T95[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):.2f} ± {half:.2f}"


def table(found: dict[tuple[str, ...], list[dict[str, Any]]]) -> list[list[str]]:
    """A row a cell: its words, accuracy in percent, cross-entropy held out and in training."""
    rows = []
    for words, runs in found.items():
        losses = [statistics.mean([run[name] for run in runs]) for name in ("cross_entropy", "training")]
        rows.append([*words, mean([run["accuracy"] for run in runs]), *(f"{loss:.3f}" for loss in losses)])
    return rows


def difference(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> str:
    """Percent by which one is ahead of another, seed by seed, with the interval."""
    return mean([a["accuracy"] - b["accuracy"] for a, b in zip(one, other, strict=True)])


def write(experiment: str, titles: Sequence[str], rows: Sequence[Sequence[str]], says: str) -> None:
    """Print the table, and keep it in bench/results for the documentation."""
    for row in [titles, *rows]:
        print(" | ".join(row))
    results.write(experiment, [], table={"titles": list(titles), "rows": [list(row) for row in rows], "says": says})
