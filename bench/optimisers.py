"""Why the default optimiser is what it is: the default restorer, the same minutes and seeds, Muon and AdamW at several rates.

    python bench/optimisers.py [--minutes 2] [--seeds 1] [--out build/bench/optimisers]

Learns the default damage from bsds/train; the gain is that of the last averaged weights on the photographs of it that the run held out,
which therefore choose the rates too.  The spread is that of seeds.
A finished run that is there already is taken; delete its folder to train again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.errors import Refusal
from sfumato.tasks import catalogue

RATES = {"muon": (2.5e-3, 5e-3, 1e-2), "adamw": (5e-4, 1e-3, 2e-3, 4e-3)}


def gain(kind: str, rate: float, seed: int, minutes: float, out: Path) -> float | None:
    """PSNR gain in dB on held-out pictures; None where the run diverged."""
    run = out / f"{kind}-{rate:g}-{seed}"
    if not (run / "scores.json").is_file():
        if run.exists():
            print(f"{run} did not finish, and counts as diverged; delete it to train again", flush=True)
            return None
        folder = json.dumps([str(results.unpacked() / "bsds" / "train")])
        asked = [f"data.folders={folder}", f"optimiser.kind={kind}", f"optimiser.rate={rate}", f"train.minutes={minutes}"]
        try:
            catalogue.train(catalogue.read("restore", [*asked, f"train.seed={seed}"]), run)
        except Refusal as diverged:
            print(f"{kind} {rate:g}: {diverged}", flush=True)
            return None
    return float(json.loads((run / "scores.json").read_text(encoding="utf-8"))["gains"]["psnr_rgb"]["mean"])


def main() -> None:
    """Train them all, print, write bench/results/optimisers.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=2)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "bench" / "optimisers")
    given = options.parse_args()
    gains: dict[str, dict[str, list[float]]] = {kind: {} for kind in RATES}
    for kind, rates in RATES.items():
        for rate in rates:
            found = [gain(kind, rate, seed, given.minutes, given.out) for seed in range(1, given.seeds + 1)]
            gains[kind][f"{rate:g}"] = [one for one in found if one is not None]
    best = {
        kind: max((statistics.median(values), name) for name, values in by_rate.items() if values) for kind, by_rate in gains.items()
    }  # fmt: skip
    ahead = best["muon"][0] - best["adamw"][0]
    ours, theirs = (gains[kind][best[kind][1]] for kind in RATES)
    by_seed = [one - other for one, other in zip(ours, theirs)]
    bar = Bar(
        what=f"held-out PSNR gain after {given.minutes:g} minutes: muon ({best['muon'][1]}, {best['muon'][0]:+.3f} dB) "
        f"ahead of adamw ({best['adamw'][1]}, {best['adamw'][0]:+.3f} dB), each at its best rate, {given.seeds} seeds",
        needed="above 0 dB",
        measured=round(ahead, 3),
        spread=[round(min(by_seed), 3), round(max(by_seed), 3)],
        holds=ahead > 0,
    )
    results.write("optimisers", [bar], gains=gains)


if __name__ == "__main__":
    main()
