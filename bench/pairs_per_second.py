"""Spoilt pairs a second from bsds/train, beside fastai's with an equal crappify function; both crop 96 px before they spoil.

    .venv-peers/bin/python bench/pairs_per_second.py [--pairs 7]

Runs in the peers' environment, both sides with the same number of worker processes (0 and 2 are tried, each side's better one counts).
Every measurement is a fresh process: its first epoch is cold (nothing decoded), its second warm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import results  # bench is a folder of scripts, not a package
from results import Bar

CHAIN = "scale 2 | jpeg 10..70 | text"
CROP, BATCH, PER_PICTURE = 96, 16, 4
WORKERS = (0, 2)


def ours(workers: int) -> dict[str, float]:
    """Pairs a second of a cold and a warm epoch: the loader a training uses."""
    from sfumato.core import recipe
    from sfumato.tasks import restore
    from sfumato.tasks.restore_recipe import Restore

    folder = str(results.unpacked() / "bsds" / "train")
    changes = [
        f"data.folders={json.dumps([folder])}",
        "data.split=none",
        f"data.crop={CROP}",
        f"data.crops_per_picture={PER_PICTURE}",
        f"spoil.chain={CHAIN}",
        f"train.batch={BATCH}",
        f"train.workers={workers}",
    ]
    begun = time.perf_counter()
    task = restore.build(recipe.read(Restore, {}, changes))
    count = task.batches.per_epoch
    stream = task.batches.stream(0, 0)
    return _two_epochs(stream, count, begun)


def theirs(workers: int) -> dict[str, float]:
    """The same of fastai: files, an item transform that opens, crops, flips and spoils, its loader."""
    from fastai.data.core import TfmdLists
    from fastai.data.transforms import get_image_files
    from fastai.vision.augment import IntToFloatTensor

    from fastai_restore import Crappify
    from sfumato.spoil import grammar

    begun = time.perf_counter()
    files = sorted(get_image_files(results.unpacked() / "bsds" / "train")) * PER_PICTURE
    spoiling = Crappify()
    spoiling.chain = grammar.parse(CHAIN)
    lists = TfmdLists(files, spoiling, splits=[range(len(files)), range(1)])
    loader = lists.dataloaders(bs=BATCH, after_batch=[IntToFloatTensor], num_workers=workers, device="cpu").train
    count = len(files) // BATCH

    def endless():  # type: ignore[no-untyped-def]
        while True:
            yield from loader

    return _two_epochs(endless(), count, begun)


def _two_epochs(stream, count: int, begun: float) -> dict[str, float]:  # type: ignore[no-untyped-def]
    for _ in islice(stream, count):
        pass
    between = time.perf_counter()
    for _ in islice(stream, count):
        pass
    ended = time.perf_counter()
    return {"cold": count * BATCH / (between - begun), "warm": count * BATCH / (ended - between)}


def measured(side: str, workers: int) -> dict[str, float]:
    """One fresh process."""
    command = [sys.executable, __file__, "--side", side, "--workers", str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Interleaved pairs of processes; prints and writes bench/results/pairs_per_second.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    options.add_argument("--side", choices=("ours", "theirs"), help="one measurement in this process")
    options.add_argument("--workers", type=int, default=0)
    given = options.parse_args()
    if given.side:
        print(json.dumps({"ours": ours, "theirs": theirs}[given.side](given.workers)))
        return
    raw = [{f"{side} {workers}": measured(side, workers) for workers in WORKERS for side in ("ours", "theirs")} for _ in range(given.pairs)]
    bars = []
    for when, needed in (("warm", 2.0), ("cold", 1.0)):
        best = {
            side: max(WORKERS, key=lambda workers, side=side: statistics.median(row[f"{side} {workers}"][when] for row in raw))
            for side in ("ours", "theirs")
        }
        ratios = sorted(row[f"ours {best['ours']}"][when] / row[f"theirs {best['theirs']}"][when] for row in raw)
        rate = {side: statistics.median(row[f"{side} {best[side]}"][when] for row in raw) for side in best}
        bars.append(
            Bar(
                what=f"{when}: pairs a second, ours ({rate['ours']:.0f}, {best['ours']} workers) over fastai's "
                f"({rate['theirs']:.0f}, {best['theirs']} workers), median of {len(ratios)} interleaved pairs",
                needed=f"at least {needed:g}x",
                measured=round(statistics.median(ratios), 3),
                spread=[round(ratios[0], 3), round(ratios[-1], 3)],
                holds=statistics.median(ratios) >= needed,
            )
        )
    results.write("pairs_per_second", bars, raw=raw)


if __name__ == "__main__":
    main()
