"""The demo, three seeds: gains on the two held-out photographs inside and outside the text, beside median, bilateral and non-local means.

    python bench/demo_bars.py [--seeds 3] [--out build/bench/demo]

A finished run that is there already is taken; delete its folder to train again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import results  # bench is a folder of scripts, not a package
import score_reference
import spoil_reference
from results import Bar
from score_reference import Gains
from sfumato.core.levels import Levels
from sfumato.tasks import catalogue
from spoil_reference import Pair

NEEDED = {"all": 5.8, "inside": 12.0, "outside": 0.3}  # dB
MINUTES = 3.0  # of training, at most


def filters(pair: Pair) -> dict[str, Levels]:
    """What can be had without learning, each at the strength that does best on these very pictures (which favours them)."""
    spoilt = pair.spoilt
    made = {f"median {size}": cv2.medianBlur(spoilt, size) for size in (3, 5, 7)}
    made |= {f"bilateral {spread}": cv2.bilateralFilter(spoilt, 7, spread, 3) for spread in (15, 30, 60)}
    made |= {f"non-local means {h}": cv2.fastNlMeansDenoisingColored(spoilt, None, h, h, 7, 21) for h in (3, 6, 10)}
    return {name: np.asarray(picture, np.uint8) for name, picture in made.items()}


def filtered(pairs: list[Pair]) -> dict[str, float]:
    """Gain over all pixels of each filter, mean of the pictures."""
    made = {pair.name: filters(pair) for pair in pairs}
    names = list(made[pairs[0].name])
    return {
        name: float(np.mean(score_reference.gains(pairs, lambda pair, name=name: made[pair.name][name])["all"])) for name in names
    }  # fmt: skip


def trained(seed: int, out: Path) -> tuple[Gains, dict[str, Any]]:
    """Train with a seed and score its last averaged weights; gains, and the run's facts."""
    run = out / f"seed-{seed}"
    if (run / "scores.json").is_file():
        print(f"taken as it is: {run}", flush=True)
    else:
        catalogue.train(catalogue.read("demo", [f"train.seed={seed}"]), run)
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    found = score_reference.gains(spoil_reference.load("demo"), score_reference.by_model(run / "last.safetensors"))
    return found, {name: facts.get(name) for name in ("minutes", "steps", "parameters", "versions")}


def over_seeds(what: str, values: list[float], needed: str, least: float) -> Bar:
    """A bar on the median of the seeds, its spread from the least to the greatest."""
    middle = statistics.median(values)
    return Bar(
        what=what,
        needed=needed,
        measured=round(middle, 3),
        spread=[round(min(values), 3), round(max(values), 3)],
        holds=middle >= least,
    )


def main() -> None:
    """Train, score, print, write bench/results/demo.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "bench" / "demo")
    given = options.parse_args()
    runs = [trained(seed, given.out) for seed in range(1, given.seeds + 1)]
    found = [gains for gains, _ in runs]
    median = f"median of {len(runs)} seeds"
    bars = [
        over_seeds(
            f"held-out photographs, PSNR gain {name}, {median} of the mean of 2 pictures",
            [float(np.mean(one[name])) for one in found],
            f"at least +{needed:g} dB",
            needed,
        )
        for name, needed in NEEDED.items()
    ]
    worse = f"neither picture worse outside the text than it came (the worse of the two, {median})"
    bars.append(over_seeds(worse, [min(one["outside"]) for one in found], "at least 0 dB", 0.0))
    plain = filtered(spoil_reference.load("demo"))
    best = max(plain, key=lambda name: plain[name])
    ahead = [float(np.mean(one["all"])) - plain[best] for one in found]
    bars.append(over_seeds(f"ahead of the best plain filter ({best}, gain {plain[best]:+.2f} dB), {median}", ahead, "above 0 dB", 1e-9))
    minutes = [float(facts["minutes"]) for _, facts in runs]
    bars.append(
        Bar(
            what="minutes of training, the longest",
            needed=f"at most {MINUTES:g}",
            measured=round(max(minutes), 2),
            spread=[round(min(minutes), 2), round(max(minutes), 2)],
            holds=max(minutes) <= MINUTES * 1.02,  # a step that has begun is finished
        )
    )
    reference = spoil_reference.digest("demo")
    results.write("demo", bars, filters=plain, seeds=found, runs=[facts for _, facts in runs], reference=reference)


if __name__ == "__main__":
    main()
