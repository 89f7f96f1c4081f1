"""Spoilt pairs a second from bsds/train, beside fastai's with an equal crappify function; both crop 96 px before they spoil.

    python bench/pairs_per_second.py [--pairs 7]

Runs in the peers' environment, both sides with equal numbers of worker processes (0 and 2 are tried, each side's better one counts).
Every measurement is a fresh process with an empty cache: its first epoch is cold (nothing found, nothing decoded; the clock starts after
the imports, before the folder is read), its second warm.  Ours spoils more pixels than it is counted for: the margin around each crop.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.system import threads

CHAIN = "scale 2 | jpeg 10..70 | text"
CROP, BATCH = 96, 16
WORKERS = (0, 2)
THREADS = 2
PER_PICTURE = {"warm": 8, "cold": 1}  # crops an epoch takes of each photograph; 1: on both sides every file is decoded once in the first
NEEDED = {"warm": 2.0, "cold": 1.0}


def ours(workers: int, per_picture: int) -> tuple[int, Iterator[Any], float]:
    """Batches in an epoch, batches without end, and when it began: the loader that a training uses."""
    from sfumato.core import recipe
    from sfumato.tasks import restore
    from sfumato.tasks.restore_recipe import Restore

    begun = time.perf_counter()
    folder = str(results.unpacked() / "bsds" / "train")
    changes = [
        f"data.folders={json.dumps([folder])}",
        "data.split=none",
        "data.cache=ram",
        f"data.crop={CROP}",
        f"data.crops_per_picture={per_picture}",
        f"spoil.chain={CHAIN}",
        f"train.batch={BATCH}",
        f"train.workers={workers}",
    ]
    batches = restore.build(recipe.read(Restore, {}, changes)).batches
    return batches.per_epoch, batches.stream(0, 0), begun


def theirs(workers: int, per_picture: int) -> tuple[int, Iterator[Any], float]:
    """The same of fastai: files, an item transform that opens, crops, flips and spoils, its loader."""
    import fastai_side

    begun = time.perf_counter()
    photographs = len(fastai_side.get_image_files(results.unpacked() / "bsds" / "train"))
    loader = fastai_side.loaders(chain=CHAIN, crop=CROP, batch=BATCH, pairs=photographs * per_picture, workers=workers).train

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    return len(loader), endless(), begun


SIDES = {"ours": ours, "theirs": theirs}


def two_epochs(side: str, workers: int, per_picture: int) -> dict[str, float]:
    """Pairs a second of the first and of the second epoch of this process."""
    import torch

    torch.set_num_threads(THREADS)
    count, stream, begun = SIDES[side](workers, per_picture)
    for _ in islice(stream, count):
        pass
    between = time.perf_counter()
    for _ in islice(stream, count):
        pass
    ended = time.perf_counter()
    return {"cold": count * BATCH / (between - begun), "warm": count * BATCH / (ended - between)}


def measured(side: str, workers: int, per_picture: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--workers", str(workers), "--per-picture", str(per_picture)]
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "SFUMATO_CACHE": empty})
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def bar(when: str, pairs: int) -> tuple[Bar, list[dict[str, float]]]:
    """Interleaved pairs of processes, who goes first changing from turn to turn; the bar, and pairs a second of every process."""
    rows: list[dict[str, float]] = []
    for turn in range(pairs):
        sides = list(SIDES) if turn % 2 == 0 else list(reversed(SIDES))
        rows.append({f"{side} {workers}": measured(side, workers, PER_PICTURE[when])[when] for workers in WORKERS for side in sides})
    rate = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    mine, other = (max((f"{side} {workers}" for workers in WORKERS), key=lambda name: rate[name]) for side in SIDES)
    ratios = sorted(row[mine] / row[other] for row in rows)
    said = f"ours ({rate[mine]:.0f}, {mine.split()[1]} workers) over fastai's ({rate[other]:.0f}, {other.split()[1]} workers)"
    made = Bar(
        what=f"{when}: pairs a second, {said}, median of {pairs} interleaved pairs",
        needed=f"at least {NEEDED[when]:g}x",
        measured=round(statistics.median(ratios), 3),
        spread=[round(ratios[0], 3), round(ratios[-1], 3)],
        holds=statistics.median(ratios) >= NEEDED[when],
    )
    return made, rows


def main() -> None:
    """Print and write bench/results/pairs_per_second.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    options.add_argument("--side", choices=list(SIDES), help="one measurement, in this process")
    options.add_argument("--workers", type=int, default=0, help="of that one measurement")
    options.add_argument("--per-picture", type=int, default=1, help="of that one measurement: crops an epoch takes of each photograph")
    given = options.parse_args()
    results.in_peers()
    threads.wait_shortly()  # as our command line does; for both sides alike
    if given.side:
        print(json.dumps(two_epochs(given.side, given.workers, given.per_picture)))
        return
    made = {when: bar(when, given.pairs) for when in NEEDED}
    results.write("pairs_per_second", [one for one, _ in made.values()], raw={when: rows for when, (_, rows) in made.items()})


if __name__ == "__main__":
    main()
