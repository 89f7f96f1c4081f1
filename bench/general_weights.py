"""The restorer that comes along, on pictures nobody showed it (bsds/valid): gain per damage, and a clean picture left alone.

python bench/general_weights.py [--model FILE] [--count 100]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.seed import Seed
from sfumato.data import items
from sfumato.spoil import grammar
from sfumato.tasks import restore

SEED = 2026
GAINS = {"jpeg 30": 0.5, "blur 1 | noise 3": 0.7, "scale 2 | jpeg 50": 0.3, "noise 15": 3.0}  # dB needed, PSNR over RGB
CLEAN = 38.0  # dB between a clean picture and what becomes of it


def main() -> None:
    """Score, print, write bench/results/general_weights.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=None, help="a model file; without it the one that comes along")
    options.add_argument("--count", type=int, default=100, help="pictures of bsds/valid")
    given = options.parse_args()
    model = restore.load(given.model)
    pictures = items.from_folder(results.unpacked() / "bsds" / "valid")[: given.count]
    bars = []
    for chain, needed in GAINS.items():
        scores = restore.evaluate(model, pictures, grammar.parse(chain), seed=Seed(SEED))
        gain = scores["gains"]["psnr_rgb"]
        bars.append(
            Bar(
                what=f"gain on {chain!r}, bsds/valid ({gain['n']} whole pictures), psnr_rgb",
                needed=f"at least +{needed:g} dB",
                measured=round(gain["mean"], 3),
                spread=[round(gain["low"], 3), round(gain["high"], 3)],
                holds=gain["mean"] >= needed,
            )
        )
    bars.append(_clean(model, pictures))
    results.write("general_weights", bars, protocols=scores["protocols"], model={"card": model.header.card, "sha256": model.header.sha256})


def _clean(model: restore.Restorer, pictures: items.Items) -> Bar:
    scores = restore.evaluate(model, pictures, grammar.parse("noise 0"), seed=Seed(SEED))
    row = next(row["psnr_rgb"] for row in scores["rows"] if row["name"] == "restored")
    return Bar(
        what=f"a clean picture and what becomes of it, bsds/valid ({row['n']} whole pictures), mean psnr_rgb",
        needed=f"at least {CLEAN:g} dB",
        measured=round(row["mean"], 2),
        spread=[round(row["low"], 2), round(row["high"], 2)],
        holds=row["mean"] >= CLEAN,
    )


if __name__ == "__main__":
    main()
