"""JPEG repair of grey pictures by one blind model: gains at each quality, and after two compressions on grids that lie apart.

    python bench/jpeg_repair.py [--minutes 30] [--seed 1] [--set network.width=48]

With other minutes or changes only the terminal is told; --set data.choose=true holds out a share of bsds/train, learns from the rest and
is scored on that share: so chains and networks are chosen.

Trained on bsds/train by the recipe jpeg-grey; scored on bsds/valid, of which nothing was learnt: luma as a grey picture, compressed by
libjpeg, repaired by the last averaged weights.  Two compressions: with the first quality, moved by nothing or by (4, 4) px, and with the
second; the gain is that over what came out of the second.
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core.levels import Levels, to_unit
from sfumato.core.seed import Seed
from sfumato.data.reading.read import to_channels
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from sfumato.tasks import catalogue
from sfumato.tasks.parts import restorer, sources
from sfumato.tasks.restore_recipe import Restore

RUNS = results.ROOT / "build" / "jpeg"
MINUTES = 30.0
QUALITIES, PAIRS = (10, 20, 30, 40), ((10, 30), (30, 10), (30, 90), (90, 30))
NEEDED, SHIFT, LESS = 1.2, 4, 0.2  # dB at quality 10; px; dB that a shift may cost


def compressed(picture: Levels, quality: int) -> Levels:
    """uint8 (H, W, 1) -> the same"""
    _, raw = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE))[..., None]


def twice(picture: Levels, first: int, second: int, shift: int) -> tuple[Levels, Levels]:
    """What came out, and the same piece of the good picture."""
    once = compressed(picture, first)[shift:, shift:]
    return compressed(np.ascontiguousarray(once), second), picture[shift:, shift:]


def gained(model: restorer.Restorer, pairs: list[tuple[Levels, Levels]], *names: str) -> dict[str, Any]:
    """By each metric, over what came in, with its interval."""
    looked = [(to_unit(spoilt), to_unit(np.asarray(model.restore(spoilt))), to_unit(good)) for spoilt, good in pairs]
    found = {}
    for name in names:
        before = [metrics.metric(name)(spoilt, good) for spoilt, _, good in looked]
        after = [metrics.metric(name)(made, good) for _, made, good in looked]
        found[name] = score.gain(before, after, protocol=metrics.protocol(name), seed=0).row()
    return found


def main() -> None:
    """Print and write bench/results/jpeg_repair.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=MINUTES)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--set", action="append", default=[], dest="changes", help="of the recipe, for another network")
    given = options.parse_args()
    folder = RUNS / f"grey-{given.minutes:g}m-{given.seed}{trainings.label(given.changes)}"
    changes = ('data.folders=["known:bsds"]', f"train.minutes={given.minutes}", f"train.seed={given.seed}", *given.changes)
    recipe: Restore = catalogue.read("jpeg-grey", list(changes))
    run = trainings.finished(folder, "jpeg-grey", *changes)
    model = restorer.load(run / "last.safetensors", device="cpu")
    good = [to_channels(item.levels(3), 1) for item in sources.gather(recipe.data, Seed(given.seed))[1]]
    held = "a share of bsds/train" if recipe.data.choose else "bsds/valid"
    rows, bars = [], []
    for quality in QUALITIES:
        pairs = [(compressed(one, quality), one) for one in good]
        found = gained(model, pairs, "psnr_y", "psnr_b", "ssim_y")
        rows.append({"quality": quality, **found})
        one = found["psnr_y"]
        bars.append(
            Bar(
                what=f"grey JPEG of quality {quality}, {held}, {given.minutes:g} minutes: PSNR gained, dB",
                needed=f"at least {NEEDED}" if quality == QUALITIES[0] else "stated",
                measured=round(one["mean"], 3),
                spread=[round(one["low"], 3), round(one["high"], 3)],
                holds=one["mean"] >= NEEDED if quality == QUALITIES[0] else True,
            )
        )
    for first, second in PAIRS:
        aligned, shifted = (gained(model, [twice(one, first, second, by) for one in good], "psnr_y")["psnr_y"] for by in (0, SHIFT))
        rows.append({"twice": [first, second], "aligned": aligned, "shifted": shifted})
        bars.append(
            Bar(
                what=f"compressed at {first} and then {second}: PSNR gained where the grids are ({SHIFT}, {SHIFT}) apart, dB",
                needed=f"at least {aligned['mean'] - LESS:.3f}: that of one grid less {LESS}",
                measured=round(shifted["mean"], 3),
                spread=[round(shifted["low"], 3), round(shifted["high"], 3)],
                holds=shifted["mean"] >= aligned["mean"] - LESS,
            )
        )
    if given.changes or given.minutes != MINUTES:
        results.say(bars)
    else:
        results.write("jpeg_repair", bars, rows=rows)


if __name__ == "__main__":
    main()
