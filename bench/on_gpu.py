"""What a GPU is asked for, in one go: rungs of the ladder against the lecture's figures, and super-resolution trained on bsds alone.

    python bench/on_gpu.py [--minutes 6] [--superres 8] [--rates 1000]

All trainings of a part run side by side, for each of these networks leaves most of a GPU idle.  The ladder's optimiser is chosen first,
among a few, by the loss on the training part over the last tenth of so many steps; then its rungs learn for the same minutes each and are
judged on held-out pictures as in bench/ladder.py.  Super-resolution is left in build/superres, to be scored by `bench/superres.py --gpu`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import ladder  # bench is a folder of scripts, not a package
import results
import superres
import trainings
from results import Bar

RUNS = results.ROOT / "build" / "on-gpu"
BATCH = ("train.batch=64",)
PLAIN = ("train.tune=false", "train.valid_every=1000")
RUNGS = ("ae", "unet", "feature", "borrowed", "cross")
COMPARED = ("unet", "feature", "cross")
WAYS = (
    ("optimiser.kind=adamw", "optimiser.rate=0.0003"),
    ("optimiser.kind=adamw", "optimiser.rate=0.001"),
    ("optimiser.kind=muon", "optimiser.rate=0.005"),
    ("optimiser.kind=muon", "optimiser.rate=0.015"),
    ("optimiser.kind=muon", "optimiser.rate=0.03"),
)
LECTURE = {"ae": 0.207, "unet": 0.073}  # MSE in normalised units on held-out pictures
RATIOS = (("feature", "borrowed", 0.198 / 0.303), ("borrowed", "cross", 0.189 / 0.198))  # of combined losses


def learnt(folder: Path) -> float:
    """Mean loss on the training part over the last tenth of the steps; infinite where the training did not end well."""
    if json.loads((folder / "run.json").read_text(encoding="utf-8")).get("status") != "done":
        return float("inf")
    rows = [json.loads(line) for line in (folder / "stats.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [row["loss"] for row in rows if row["kind"] == "step"]
    return float(np.mean(found[-max(1, len(found) // 10) :]))


def tried(rung: str, way: tuple[str, ...], steps: int) -> float:
    """What a way to change weights makes of a rung's loss."""
    folder = RUNS / "-".join(["rates", rung, str(steps), *(word.partition("=")[2] for word in way)])
    try:
        changes = (*way, *PLAIN, f"train.steps={steps}", "train.minutes=off", "train.workers=1")
        return learnt(trainings.finished(folder, f"tiny-superres-{rung}", *changes))
    except trainings.Stale:
        raise
    except SystemExit:  # it diverged, and says so
        return float("inf")


def best(steps: int, pool: ThreadPoolExecutor) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """The way whose losses, each as a share of the rung's lowest, are lowest together; and all of them."""
    asked = {(rung, way): pool.submit(tried, rung, way, steps) for rung in COMPARED for way in WAYS}
    losses = {key: future.result() for key, future in asked.items()}
    least = {rung: min(losses[rung, way] for way in WAYS) for rung in COMPARED}
    rows = [{"way": " ".join(way), **{rung: losses[rung, way] for rung in COMPARED}} for way in WAYS]
    return min(WAYS, key=lambda way: sum(losses[rung, way] / least[rung] for rung in COMPARED)), rows


def rung(name: str, way: Sequence[str], minutes: float) -> Path:
    """A rung's model, after so many minutes."""
    changes = (*way, *BATCH, *PLAIN, f"train.minutes={minutes}", "train.seed=1", "train.workers=2")
    return trainings.finished(RUNS / f"{name}-{minutes:g}m", f"tiny-superres-{name}", *changes) / "last.safetensors"


def bars(models: dict[str, Path]) -> tuple[list[Bar], list[dict[str, Any]]]:
    """The lecture's figures beside ours, and what they are made of."""
    held = ladder.held_out(2000)
    mse, combined = {}, {}
    for name, model in models.items():
        error = np.square(ladder.repaired(model, held.spoilt).astype(np.float64) - held.good).mean() / ladder.WHITE**2
        mse[name] = float(error / ladder.SPREAD**2)
        combined[name] = float(np.mean(ladder.combined(model, held)))
    rows = []
    for name, model in models.items():
        facts = json.loads((model.parent / "run.json").read_text(encoding="utf-8"))
        told = {key: facts[key] for key in ("steps", "minutes", "parameters")}
        rows.append({"rung": name, "normalised mse": round(mse[name], 4), "combined": round(combined[name], 5), **told})
    made = []
    for name, most in LECTURE.items():
        what, found = f"{name}: MSE in normalised units", mse[name]
        made.append(Bar(what=what, needed=f"below {most}", measured=round(found, 4), spread="", holds=found < most))
    for before, after, most in RATIOS:
        ratio = combined[after] / combined[before]
        what = f"combined loss, {after} over {before}"
        made.append(Bar(what=what, needed=f"below {most:.3f}", measured=round(ratio, 4), spread="", holds=ratio < most))
    return made, rows


def main() -> None:
    """Train, judge, print and write bench/results/ladder_gpu.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=6)
    options.add_argument("--superres", type=float, default=8, help="minutes; 0: none")
    options.add_argument("--rates", type=int, default=1000, help="steps of a comparison")
    given = options.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1"}  # two dozen processes side by side
    with ThreadPoolExecutor(32) as pool:
        enlarged: list[Future[Path]] = []
        if given.superres:
            enlarged = [pool.submit(superres.run, times, given.superres, 1, superres.ON_GPU) for times in superres.NEEDED]
        way, rows = best(given.rates, pool)
        print(json.dumps(rows, indent=1), "taken:", way, flush=True)
        asked = {name: pool.submit(rung, name, way, given.minutes) for name in RUNGS}
        made, rungs = bars({name: future.result() for name, future in asked.items()})
        results.write("ladder_gpu", made, rungs=rungs, ways=rows, taken=" ".join(way), protocol=__doc__)
        for future in enlarged:
            print(future.result(), flush=True)


if __name__ == "__main__":
    main()
