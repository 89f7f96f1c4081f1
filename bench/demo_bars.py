"""The demo, three seeds: gains on the two held-out photographs inside and outside the text, beside median, bilateral and non-local means.

    python bench/demo_bars.py [--seeds 3] [--out build/bench/demo]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import reference  # bench is a folder of scripts, not a package
import results
from reference import Gains, Pair
from results import Bar
from sfumato.core.levels import Levels
from sfumato.tasks import catalogue, restore

NEEDED = {"all": 5.8, "inside": 12.0, "outside": 0.3}  # dB


def filters(pair: Pair) -> dict[str, Levels]:
    """What can be had without learning, each at the strength that does best on these very pictures (which favours them)."""
    spoilt = pair.spoilt
    made = {f"median {size}": cv2.medianBlur(spoilt, size) for size in (3, 5, 7)}
    made |= {f"bilateral {spread}": cv2.bilateralFilter(spoilt, 7, spread, 3) for spread in (15, 30, 60)}
    made |= {f"non-local means {h}": cv2.fastNlMeansDenoisingColored(spoilt, None, h, h, 7, 21) for h in (3, 6, 10)}
    return {name: np.asarray(picture, np.uint8) for name, picture in made.items()}


def trained(seed: int, out: Path) -> Gains:
    """Train with a seed (a run that is there already is taken) and score its last averaged weights."""
    run = out / f"seed-{seed}"
    if not (run / "scores.json").is_file():
        restore.train(catalogue.read("demo", [f"train.seed={seed}"]), run)
    model = restore.load(run / "last.safetensors")
    return reference.gains(reference.load("demo"), lambda pair: np.asarray(model.restore(pair.spoilt)))


def main() -> None:
    """Train, score, print, write bench/results/demo.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "bench" / "demo")
    given = options.parse_args()
    found = [trained(seed, given.out) for seed in range(1, given.seeds + 1)]
    bars = []
    for name, needed in NEEDED.items():
        means = [float(np.mean(one[name])) for one in found]
        bars.append(
            Bar(
                what=f"held-out photographs, PSNR gain {name}, median of {len(means)} seeds of the mean of 2 pictures",
                needed=f"at least +{needed:g} dB",
                measured=round(statistics.median(means), 3),
                spread=[round(min(means), 3), round(max(means), 3)],
                holds=statistics.median(means) >= needed,
            )
        )
    worst = [min(one["outside"]) for one in found]
    bars.append(
        Bar(
            what="neither picture worse outside the text than it came (the worse of the two, median of seeds)",
            needed="at least 0 dB",
            measured=round(statistics.median(worst), 3),
            spread=[round(min(worst), 3), round(max(worst), 3)],
            holds=statistics.median(worst) >= 0,
        )
    )
    pairs = reference.load("demo")
    plain = {name: float(np.mean(reference.gains(pairs, lambda pair, name=name: filters(pair)[name])["all"])) for name in filters(pairs[0])}
    best = max(plain, key=lambda name: plain[name])
    ours = statistics.median(float(np.mean(one["all"])) for one in found)
    bars.append(
        Bar(
            what=f"ahead of the best plain filter ({best}, gain {plain[best]:+.2f} dB)",
            needed="above 0 dB",
            measured=round(ours - plain[best], 3),
            spread="",
            holds=ours > plain[best],
        )
    )
    results.write("demo", bars, filters=plain, seeds=found)


if __name__ == "__main__":
    main()
