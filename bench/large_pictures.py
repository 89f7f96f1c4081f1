"""Large pictures: memory while one is repaired, tiles against the whole, and a folder against its parts.

    python bench/large_pictures.py [--only tiles folder ...]

A fresh process repairs a made photograph of 24 and of 200 megapixels by `restore_file`, as `sfumato restore` does; its peak resident
memory is counted from what it held after its imports.  Tiles of at most an eighth of the picture, with the effective reach as margin,
are compared with the whole seen at once, in turn.  A folder of 300 pictures is repaired by `restore_tree`; decoding, network and
encoding of the same files are then timed alone.
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
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.system import threads

SIZES = {24: (4000, 6000), 200: (12_500, 16_000)}  # megapixels: height and width
MOST = {24: 1.5, 200: 2.5}  # GB above import
COUNT, SIDES = 300, (240, 320)  # of the folder's pictures
PAIRS = 7
GB = 1e9


def photograph(path: Path, height: int, width: int) -> None:
    """A picture of that size out of photographs, without a tile that comes twice: mirrored, brightened and a little noisy, in bands."""
    import cv2
    from PIL import Image
    from skimage import data

    rng = np.random.default_rng(1)
    source = data.astronaut()
    rows = []
    for _ in range(0, height, 500):
        piece = np.concatenate([cv2.flip(source, int(rng.integers(-1, 2))) for _ in range(-(-width // 512))], axis=1)[:500, :width]
        noise = rng.integers(-6, 7, (*piece.shape[:2], 1), dtype=np.int16)
        rows.append(np.clip(piece * rng.uniform(0.7, 1.1) + noise, 0, 255).astype(np.uint8))
    Image.fromarray(np.concatenate(rows)[:height]).save(path, quality=92)


def peak(source: Path, target: Path) -> dict[str, float]:
    """Peak memory above import in GB and seconds of a fresh process that repairs one file."""
    done = subprocess.run([sys.executable, __file__, "--one", source, target], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Repairing {source.name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(source: Path, target: Path) -> None:
    """In that process.  The peak is the kernel's, reset after the imports."""
    import torch

    from sfumato.tasks.parts import restorer

    torch.set_num_threads(2)
    model = restorer.load()
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = _status("VmRSS"), time.perf_counter()
    model.restore_file(source, target)
    print(json.dumps({"gb": (_status("VmHWM") - before) / GB, "seconds": time.perf_counter() - begun}))


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return float(line.split()[1]) * 1024


def memory(folder: Path, megapixels: int) -> Bar:
    """One bar of memory."""
    source = folder / f"{megapixels}.jpg"
    photograph(source, *SIZES[megapixels])
    found = peak(source, folder / f"{megapixels}-out.jpg")
    return Bar(
        what=f"{megapixels} megapixels: peak memory above import, {found['seconds']:.0f} s",
        needed=f"at most {MOST[megapixels]:g} GB",
        measured=round(found["gb"], 3),
        spread="one process",
        holds=found["gb"] <= MOST[megapixels],
    )


def tiled(folder: Path) -> list[Bar]:
    """Tiles against the whole, on 24 megapixels: difference and speed."""
    import torch

    from sfumato.core.levels import to_unit
    from sfumato.data.reading.read import read_levels
    from sfumato.tasks.parts import restorer
    from sfumato.use import tiles

    torch.set_num_threads(2)
    model = restorer.load()
    if not (folder / "24.jpg").is_file():
        photograph(folder / "24.jpg", *SIZES[24])
    pixels = to_unit(read_levels(folder / "24.jpg"))
    contract = model.contract
    cut = model._tiles(*pixels.shape[:2])
    whole = tiles.Tiles(side=max(pixels.shape), margin=cut.margin, stride=contract.stride, splits=False)  # borders are mirrored alike

    def timed(how: tiles.Tiles) -> tuple[float, np.ndarray]:
        begun = time.perf_counter()
        found = tiles.restore(pixels, model._patchwise, how)
        return time.perf_counter() - begun, found

    ratios, difference = [], 0.0
    for turn in range(PAIRS):
        first, second = (cut, whole) if turn % 2 else (whole, cut)
        (one_time, one_out), (other_time, other_out) = timed(first), timed(second)
        difference = max(difference, float(np.abs(one_out - other_out).max()))
        ratios.append(other_time / one_time if first is cut else one_time / other_time)
        del one_out, other_out
    area = cut.side**2 / (pixels.shape[0] * pixels.shape[1])
    what = f"24 megapixels in tiles of {cut.side} px ({area:.3f} of the picture), margin {cut.margin} px (in theory {contract.reach})"
    return [
        Bar(
            what=f"{what}: largest difference from the whole, in levels",
            needed="at most 1, tiles at most 0.125 of the picture",
            measured=round(difference * 255, 4),
            spread=f"{PAIRS} times",
            holds=difference * 255 <= 1 and area <= 0.125,
        ),
        Bar(
            what="the same: useful megapixels a second, over those of the whole",
            needed="at least 0.75x",
            measured=round(statistics.median(ratios), 3),
            spread=[round(min(ratios), 3), round(max(ratios), 3)],
            holds=statistics.median(ratios) >= 0.75,
        ),
    ]


def out_of_memory() -> Bar:
    """A device that has no room for the first tiles: they are halved, only they are done again, and the result is the same."""
    import torch

    from sfumato.core.levels import to_unit
    from sfumato.tasks.parts import restorer
    from sfumato.use import tiles

    torch.set_num_threads(2)
    model = restorer.load()
    rng = np.random.default_rng(2)
    pixels = to_unit(rng.integers(0, 256, (600, 800, 3), dtype=np.uint8))
    margin = model.contract.reach  # with all that the network can see, tiles of any size give the same
    seen: list[int] = []

    def short(patch: np.ndarray) -> np.ndarray:
        if patch.shape[0] * patch.shape[1] > (256 + 2 * margin) ** 2:
            raise torch.OutOfMemoryError("simulated")
        seen.append(patch.shape[0])
        return model._patchwise(patch)

    stride = model.contract.stride
    found = tiles.restore(pixels, short, tiles.Tiles(side=512, margin=margin, stride=stride))
    wanted = tiles.restore(pixels, model._patchwise, tiles.Tiles(side=max(pixels.shape), margin=margin, stride=stride))
    difference = float(np.abs(found - wanted).max()) * 255
    return Bar(
        what=f"simulated out-of-memory: tiles of 512 px halved ({len(seen)} tiles in all), difference from the whole in levels",
        needed="at most 0.01 (rounding of float32)",
        measured=round(difference, 5),
        spread="one picture of 600 x 800",
        holds=difference <= 0.01 and len(seen) <= 24,
    )


def small_sizes() -> Bar:
    """Every height from 1 to 130 with widths that are awkward, and the other way round."""
    import torch

    from sfumato.tasks.parts import restorer

    torch.set_num_threads(1)
    model = restorer.load()
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (130, 130, 3), dtype=np.uint8)
    awkward = (1, 2, 3, 5, 8, 9, 31, 64, 127, 128, 129, 130)
    sizes = sorted({size for long in range(1, 131) for other in (*awkward, long) for size in ((long, other), (other, long))})
    kept = sum(np.asarray(model.restore(picture[:height, :width])).shape == (height, width, 3) for height, width in sizes)
    return Bar(
        what=f"sizes from 1 to 130 px in both directions ({len(sizes)} of them) work and keep their size",
        needed=f"all {len(sizes)}",
        measured=kept,
        spread="",
        holds=kept == len(sizes),
    )


def folder_of_many(folder: Path) -> Bar:
    """Wall time of a folder over the sum of its parts."""
    import torch

    from sfumato.tasks.parts import restorer
    from sfumato.use import photograph as photographs

    torch.set_num_threads(2)
    source = folder / "many"
    source.mkdir()
    photograph(folder / "sheet.jpg", SIDES[0] * 10, SIDES[1] * 10)
    from PIL import Image

    with Image.open(folder / "sheet.jpg") as sheet:
        for number in range(COUNT):
            row, column = divmod(number % 100, 10)
            left, top = column * SIDES[1], row * SIDES[0]
            sheet.crop((left, top, left + SIDES[1], top + SIDES[0])).save(source / f"{number:03d}.jpg", quality=90 - number // 100)
    model = restorer.load()
    model.restore(photographs.read(source / "000.jpg"))
    ratios = []
    for turn in range(PAIRS):
        begun = time.perf_counter()
        summary = model.restore_tree(source, folder / f"out{turn}", quiet=True)
        wall = time.perf_counter() - begun
        if summary.done != COUNT:
            sys.exit(summary.sentence())
        parts = 0.0
        begun = time.perf_counter()
        read = [photographs.read(path) for path in sorted(source.iterdir())]
        parts += time.perf_counter() - begun
        begun = time.perf_counter()
        repaired = [model.restore(each) for each in read]
        parts += time.perf_counter() - begun
        begun = time.perf_counter()
        (folder / f"parts{turn}").mkdir()
        for number, each in enumerate(repaired):
            photographs.write(each, folder / f"parts{turn}" / f"{number}.jpg")
        parts += time.perf_counter() - begun
        ratios.append(wall / parts)
    return Bar(
        what=f"a folder of {COUNT} pictures of {SIDES[1]} x {SIDES[0]}: wall time over decoding + network + encoding, each alone",
        needed="at most 1.05x",
        measured=round(statistics.median(ratios), 3),
        spread=[round(min(ratios), 3), round(max(ratios), 3)],
        holds=statistics.median(ratios) <= 1.05,
    )


PARTS: dict[str, Callable[[Path], list[Bar]]] = {
    "24 megapixels": lambda folder: [memory(folder, 24)],
    "200 megapixels": lambda folder: [memory(folder, 200)],
    "tiles": tiled,
    "out of memory": lambda folder: [out_of_memory()],
    "sizes": lambda folder: [small_sizes()],
    "folder": lambda folder: [folder_of_many(folder)],
}


def main() -> None:
    """Print and write bench/results/large_pictures.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=list(PARTS), nargs="+", help="these parts; of the others what was measured before is kept")
    options.add_argument("--one", type=Path, nargs=2, help="repair one file in this process, and say how much memory it took")
    given = options.parse_args()
    threads.wait_shortly()  # as the command line does
    if given.one:
        one(*given.one)
        return
    os.environ.pop("SFUMATO_CACHE", None)
    path = results.RESULTS / "large_pictures.json"
    parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["parts"] if given.only and path.is_file() else {}
    with tempfile.TemporaryDirectory() as place:
        for name in given.only or PARTS:
            parts[name] = [asdict(bar) for bar in PARTS[name](Path(place))]
            print(name, parts[name], flush=True)
    bars = [Bar(**bar) for name in PARTS for bar in parts.get(name, [])]
    results.write("large_pictures", bars, parts=parts)


if __name__ == "__main__":
    main()
