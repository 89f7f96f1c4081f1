"""What classifiers reach from scratch on two cores: digits, clothes, small photographs.

    python bench/classifiers.py [--only mnist-resnet fashion-evaluator ...] [--seeds 3]

Each part trains a built-in recipe by `sfumato train`, as a person does, in build/classifiers (a run that is there is not made again, one
that was stopped goes on), and scores its last averaged weights, which the held-out set did not choose, once a picture.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar

RUNS = results.ROOT / "build" / "classifiers"
SEEDS = (1, 2, 3)


def trained(recipe: str, *changes: str, label: str = "", seed: int = 1) -> Path:
    """The folder of a finished run."""
    return trainings.finished(RUNS / f"{label or recipe}-{seed}", recipe, f"train.seed={seed}", *changes)


def reached(folder: Path) -> dict[str, Any]:
    """Scores and facts of a finished run."""
    scores, facts = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("scores.json", "run.json"))
    return {**scores["rows"][0], "minutes": facts["wall_minutes"], "parameters": facts["parameters"]}


def bar(
    recipe: str, needed: float, what: str, *, seeds: int = 1, minutes: float | None = None, most: float = math.inf
) -> list[Bar]:
    """Accuracy in percent, the median over seeds, of at most so many parameters; and the longest of the trainings, where it has a limit."""
    runs = [reached(trained(recipe, seed=seed)) for seed in SEEDS[:seeds]]
    shares = sorted(100 * run["accuracy"]["mean"] for run in runs)
    middle, one = statistics.median(shares), runs[0]["accuracy"]
    interval = [round(100 * one["low"], 2), round(100 * one["high"], 2)] if seeds == 1 else [round(shares[0], 2), round(shares[-1], 2)]
    called = f"{recipe}: {what}, {runs[0]['parameters']:,} parameters, {one['n']:,} pictures, {seeds} seed{'s' if seeds > 1 else ''}"
    holds = middle >= needed and runs[0]["parameters"] <= most
    bars = [Bar(what=called, needed=f"at least {needed:g} %", measured=round(middle, 3), spread=interval, holds=holds)]
    if minutes is not None:
        longest = max(run["minutes"] for run in runs)
        times = [round(run["minutes"], 2) for run in runs]
        bars.append(
            Bar(
                what=f"{recipe}: minutes of a training, with choosing, loading and scoring",
                needed=f"at most {minutes:g}",
                measured=round(longest, 2),
                spread=times,
                holds=longest <= minutes,
            )
        )
    return bars


def tiny() -> list[Bar]:
    """The first 20 classes of Tiny ImageNet, with augmentation and without."""
    bars = bar("tiny-20", 74, "the first 20 classes of Tiny ImageNet, top-1", minutes=20)
    bare = reached(trained("tiny-20", 'augment.chain=""', label="tiny-20-bare"))["accuracy"]["mean"]
    ahead = bars[0].measured - 100 * bare if isinstance(bars[0].measured, float) else 0.0
    what = f"tiny-20: percent above the same network without augmentation ({100 * bare:.2f})"
    return [*bars, Bar(what=what, needed="above 0", measured=round(ahead, 2), spread="", holds=ahead > 0)]


PARTS: dict[str, Callable[[], list[Bar]]] = {
    "mnist-cnn": lambda: bar("mnist-cnn", 98.9, "MNIST, 3 epochs", seeds=3),
    "mnist-resnet": lambda: bar("mnist-resnet", 99.54, "MNIST, 12 epochs", seeds=3, minutes=5),
    "mnist-best": lambda: bar("mnist-best", 99.65, "MNIST, 12 epochs, at most 100,000 parameters", seeds=3, most=1e5),
    "fashion-evaluator": lambda: bar("fashion-evaluator", 94.3, "Fashion-MNIST", minutes=45),
    "fashion-best": lambda: bar("fashion-best", 94.9, "Fashion-MNIST, at most 1.5 million parameters", minutes=60, most=1.5e6),
    "tiny-20": tiny,
}


def main() -> None:
    """Print and write bench/results/classifiers.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=list(PARTS), nargs="+", help="these parts; of the others what was measured before is kept")
    given = options.parse_args()
    path = results.RESULTS / "classifiers.json"
    parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["parts"] if given.only and path.is_file() else {}
    for name in given.only or PARTS:
        parts[name] = [asdict(one) for one in PARTS[name]()]
    bars = [Bar(**one) for name in PARTS for one in parts.get(name, [])]
    results.write("classifiers", bars, parts=parts)


if __name__ == "__main__":
    main()
