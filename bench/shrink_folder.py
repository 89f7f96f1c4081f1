"""Shrinking a folder of 12-megapixel JPEGs to short side 128 and its middle square, against a Pillow script with processes.

    python bench/shrink_folder.py [--pairs 7] [--pictures 32]

Ours is what fills the store of decoded pictures (`data/packed.py`): threads, the package's own reading with all its checks.  Theirs is a
pool of as many processes, each with Pillow's `draft()` and `resize(reducing_gap=2)`; the pool is started before the clock is.  Both end
with one array in memory or in a file.  A third measurement tells how much of the time no use of libjpeg can save: decoding the files to
grey at an eighth of their size, without colours and without any resampling.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
from PIL import Image

import large_pictures  # bench is a folder of scripts, not a package
import results
from results import Bar

HEIGHT, WIDTH = 3000, 4000  # px
SIDE = 128  # px
NEEDED = 1.5
CLOSE = (1.0, 6.0)  # levels: mean and 99.9 % of differences between two ways of resampling
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def folder_of(place: Path, count: int) -> list[Path]:
    """Photographs lying and standing, mirrored and in several qualities: 3 to 5 MB each."""
    large_pictures.photograph(place / "first.jpg", HEIGHT, WIDTH)
    with Image.open(place / "first.jpg") as opened:
        first = opened.convert("RGB")
    (place / "folder").mkdir()
    ways = [None, *(way for way in Image.Transpose)]
    paths = []
    for number in range(count):
        way = ways[number % len(ways)]
        picture = first if way is None else first.transpose(way)
        paths.append(place / "folder" / f"{number:03d}.jpg")
        picture.save(paths[-1], quality=86 + number % 3 * 3)
    return paths


def theirs_one(path: Path) -> np.ndarray:
    """As a person writes it."""
    with Image.open(path) as picture:
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        whole = picture.convert("RGB")
    width, height = whole.size
    short = min(width, height)
    box = ((width - short) / 2, (height - short) / 2, (width + short) / 2, (height + short) / 2)
    return np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0))


def theirs(paths: list[Path], pool: Pool) -> np.ndarray:
    """uint8 (N, SIDE, SIDE, 3)"""
    return np.stack(list(pool.imap(theirs_one, paths, chunksize=2)))


def ours(folder: Path) -> np.ndarray:
    """The same, from an empty cache."""
    from sfumato.data import labelling
    from sfumato.data.items import from_folder
    from sfumato.data.packed import pack

    with tempfile.TemporaryDirectory() as cache:
        packed, left_out = pack(labelling.unlabelled(from_folder(folder)), side=SIDE, channels=3, cache=Path(cache))
        assert not left_out
        return np.array(packed.pictures)


def floor(paths: list[Path]) -> None:
    """What libjpeg takes for reading alone, on as many threads."""
    import cv2

    def read(path: Path) -> None:
        cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(read, paths))


def rate(work: Callable[[], object], count: int) -> float:
    """Pictures a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def main() -> None:
    """Print and write bench/results/shrink_folder.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    options.add_argument("--pictures", type=int, default=32)
    given = options.parse_args()
    from sfumato.core import progress

    progress.set_quiet(True)
    # spawned, for OpenCV's threads do not survive a fork
    with tempfile.TemporaryDirectory() as place, multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        paths = folder_of(Path(place), given.pictures)
        megabytes = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
        other, mine = theirs(paths, pool), ours(paths[0].parent)  # and both are warm now
        middle, ratios, raw = results.paired(
            lambda: rate(lambda: ours(paths[0].parent), len(paths)), lambda: rate(lambda: theirs(paths, pool), len(paths)), given.pairs
        )
        at_most, most, _ = results.paired(
            lambda: rate(lambda: floor(paths), len(paths)), lambda: rate(lambda: theirs(paths, pool), len(paths)), given.pairs
        )
    difference = np.abs(mine.astype(int) - other)
    mean, rare = float(difference.mean()), float(np.quantile(difference, 0.999))
    speeds = [statistics.median(side) for side in zip(*raw)]
    bars = [
        Bar(
            what=f"{len(paths)} JPEGs of {WIDTH} x {HEIGHT} ({megabytes:.1f} MB) to {SIDE} x {SIDE} on {WORKERS} cores: pictures a second "
            f"({speeds[0]:.0f}) over those of a Pillow script with draft() and reducing_gap ({speeds[1]:.0f})",
            needed=f"at least {NEEDED:g}x",
            measured=round(middle, 3),
            spread=[round(ratios[0], 3), round(ratios[-1], 3)],
            holds=middle >= NEEDED,
        ),
        Bar(
            what="the same: mean difference of the results in levels, and what 99.9 % stay below",
            needed=f"at most {CLOSE[0]:g} and {CLOSE[1]:g}",
            measured=round(mean, 3),
            spread=f"99.9 %: {rare:.1f}",
            holds=mean <= CLOSE[0] and rare <= CLOSE[1],
        ),
        Bar(
            what="the most that libjpeg allows: only reading the files, to grey and an eighth, over the whole of the Pillow script",
            needed="told, to judge the first bar by: a baseline JPEG has to be parsed whole, whoever does it",
            measured=round(at_most, 3),
            spread=[round(most[0], 3), round(most[-1], 3)],
            holds="a bound, not a bar",
        ),
    ]
    results.write("shrink_folder", bars, raw=[{"ours": one, "theirs": two} for one, two in raw])


if __name__ == "__main__":
    main()
