"""What the lecture left open about its U-Net: one change at a time to rung 5 of the ladder, the same minutes, on held-out pictures.

    python bench/ablation.py [--minutes 4.9] [--seeds 1 2] [--held 2000]

Each row's difference to rung 5 as it is, in the combined loss and in PSNR, is paired picture by picture and averaged over seeds; its
interval is a bootstrap over pictures.  The spread between seeds stands beside it: a difference below that says little.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import ladder  # bench is a folder of scripts, not a package
import results
import trainings
from ladder import Held
from results import Bar

RUNS = results.ROOT / "build" / "ablation"
CHANGES: dict[str, tuple[str, ...]] = {
    "rung 5 as it is": (),
    "last convolution a thousandth": ("network.start=small",),
    "last convolution hands the picture on": ("network.start=identity",),
    "picture concatenated": ("network.input_skip=concat",),
    "cross-convolution on the picture": ("network.cross_input=true",),
    "no block at the bottom": ("network.middle=0",),
    "four blocks at the bottom": ("network.middle=4",),
    "stem learns from the start": ("fine_tune.stem=learns",),
    "stem stays frozen": ("fine_tune.stem=stays",),
    "half the erasing": ("augment.erase=0.15",),
}


def run(name: str, seed: int, minutes: float) -> Path:
    """The folder of one cell's run."""
    folder = RUNS / f"{name.replace(' ', '-')}-{minutes:g}m-{seed}"
    return trainings.finished(folder, "tiny-superres-cross", f"train.minutes={minutes}", f"train.seed={seed}", *CHANGES[name])


def row(name: str, seeds: list[int], minutes: float, held: Held, base: dict[str, list[ladder.Float]]) -> list[str]:
    """Means, differences to the base with intervals, and the spread of the base between seeds."""
    models = [run(name, seed, minutes) / "last.safetensors" for seed in seeds]
    values = {"combined": [ladder.combined(model, held) for model in models], "psnr": [decibels(model, held) for model in models]}
    if not base:
        base.update(values)
    steps = [json.loads((run(name, seed, minutes) / "run.json").read_text(encoding="utf-8"))["steps"] for seed in seeds]
    found: list[str] = [name, ", ".join(map(str, steps))]
    for metric, numbers in values.items():
        gained = ladder.gained(base[metric], numbers)
        digits = DIGITS[metric]
        mean, low, high = (f"{float(one or 0):+.{digits}f}" for one in (gained.mean, gained.low, gained.high))
        found += [f"{np.mean(numbers):.{digits}f}", f"{mean} ({low} to {high})" if name != next(iter(CHANGES)) else ""]
        found.append(f"{np.ptp([np.mean(one) for one in numbers]):.{digits}f}")
    return found


DIGITS = {"combined": 5, "psnr": 3}
TITLES = ["change", "steps of each seed"]
TITLES += [title for metric in ("combined loss", "PSNR, dB") for title in (metric, "difference, 95 %", "between seeds")]


def decibels(model: Path, held: Held) -> ladder.Float:
    """PSNR of each held-out picture."""
    error = np.square(ladder.repaired(model, held.spoilt).astype(np.float64) - held.good).mean((1, 2, 3)) / ladder.WHITE**2
    return -10 * np.log10(np.maximum(error, 1e-10))


def main() -> None:
    """Train what is missing, print, write bench/results/ablation.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=4.9)  # and a moment more for the last look: within 100 in all
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options.add_argument("--held", type=int, default=2000)
    given = options.parse_args()
    for name in CHANGES:
        for seed in given.seeds:
            run(name, seed, given.minutes)
    held, base = ladder.held_out(given.held), dict[str, list[ladder.Float]]()
    rows = [row(name, given.seeds, given.minutes, held, base) for name in CHANGES]
    runs = [run(name, seed, given.minutes) / "run.json" for name in CHANGES for seed in given.seeds]
    spent = sum(json.loads(facts.read_text(encoding="utf-8"))["minutes"] for facts in runs)
    bar = Bar(what="minutes of training in all", needed="at most 100", measured=round(spent, 1), spread="", holds=spent <= 100)
    says = f"Means over {given.held} pictures and {len(given.seeds)} seeds, {given.minutes:g} minutes each; of the loss less is better."
    results.write("ablation", [bar], table={"titles": TITLES, "rows": rows, "says": says}, protocol=__doc__)


if __name__ == "__main__":
    main()
