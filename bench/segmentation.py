"""Street scenes: how many pixels are named rightly after half an hour, from scratch and over borrowed bodies; and fastai beside.

    python bench/segmentation.py [--minutes 30] [--seeds 1] [--only scratch own squeezenet dense fastai]

CamVid at 240 x 180 (the split of SegNet), no weights from elsewhere but where a name says so.  The last averaged weights are scored, which
no held-out picture chose, on the parts val and test, whole pictures.  Differences are paired picture by picture.  fastai's unet_learner
over ResNet-34 without weights trains for equal minutes in the peers' environment (bench/fastai_segment.py).
The lecture's 94.1 % is of val at 480 x 360 over a pretrained ResNet-34.  With a copy of that size in FOLDER/camvid-small:
    SFUMATO_DATA=FOLDER sfumato train camvid --set data.crop=320 --set network.encoder_from=timm:resnet34:FILE --minutes 120
(FILE: what `sfumato data get timm:resnet34.a1_in1k` brings.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.data.known import catalogue
from sfumato.metrics import masks as metrics
from sfumato.metrics import score
from sfumato.tasks import segment
from sfumato.tasks.parts import scenes
from sfumato.tasks.parts.mapped import HeldMaps

RUNS = results.ROOT / "build" / "segmentation"
NEEDED = 0.84
WAYS = {
    "scratch": ("camvid", ()),
    "own": ("camvid", ("network.encoder_from=tiny-features",)),
    "squeezenet": ("camvid", (f"network.encoder_from={json.dumps(str(results.weights('squeezenet1_1')))}",)),
    "dense": ("camvid-dense", ()),
}
Matrices = list[NDArray[np.int64]]


def run(way: str, seed: int, minutes: float) -> Path:
    """A finished training."""
    recipe, changes = WAYS[way]
    folder = RUNS / f"{way}-{minutes:g}m-{seed}"
    return trainings.finished(folder, recipe, f"train.minutes={minutes}", f"train.seed={seed}", *changes)


def fastai(seed: int, minutes: float) -> Path:
    """Its masks, as files."""
    folder, python = RUNS / f"fastai-{minutes:g}m-{seed}", results.peers_python()
    if not (folder / "run.json").is_file():
        assert python is not None  # asked for before
        words = ["bench/fastai_segment.py", "--minutes", str(minutes), "--seed", str(seed), "--out", str(folder)]
        subprocess.run([python, *words], cwd=results.ROOT, check=True)
    return folder


def seen(way: str, folder: Path, held: HeldMaps, part: str, count: int) -> Matrices:
    """What was taken for what, a matrix a picture."""
    if way == "fastai":
        masks = np.load(folder / f"{part}.npz")["masks"]
    else:
        model = segment.load(folder / "last.safetensors", device="cpu")
        masks = np.stack([model.segment(picture) for picture in held.pictures])
    return [metrics.confusion(mask, truth, count) for mask, truth in zip(masks, held.maps, strict=True)]


def shares(matrices: Matrices) -> list[float]:
    """Of each picture, the pixels that are right."""
    return [metrics.pixel_accuracy(matrix) for matrix in matrices]


def main() -> None:
    """Print and write bench/results/segmentation.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--seeds", type=int, nargs="+", default=[1])
    options.add_argument("--only", nargs="+", default=[*WAYS, "fastai"], choices=[*WAYS, "fastai"])
    given = options.parse_args()
    ways = [way for way in given.only if way != "fastai" or results.peers_python() is not None]
    parts = {part: catalogue.open_scenes("camvid", part=part) for part in ("valid", "test")}  # type: ignore[arg-type]  # they are such
    held = {part: scenes.held_out(found) for part, found in parts.items()}
    count = len(parts["test"].legend.classes)
    rows: list[dict[str, Any]] = []
    right: dict[str, list[list[float]]] = {}
    bars: list[Bar] = []
    for way in ways:
        for seed in given.seeds:
            folder = fastai(seed, given.minutes) if way == "fastai" else run(way, seed, given.minutes)
            found = {part: seen(way, folder, one, part, count) for part, one in held.items()}
            scores = {part: metrics.scores(matrices, seed=0) for part, matrices in found.items()}
            told = {part: {name: one.row() for name, one in by_name.items()} for part, by_name in scores.items()}
            rows.append({"way": way, "seed": seed, **told})
            right.setdefault(way, []).append(shares(found["test"]))
            accuracy = scores["test"]["pixel_accuracy"]
            if way == "scratch":
                bars.append(
                    Bar(
                        what=f"CamVid test at 240 x 180, {given.minutes:g} minutes from scratch, seed {seed}: pixels right, without void",
                        needed=f"at least {NEEDED}",
                        measured=round(accuracy.mean, 4),
                        spread=[round(end, 4) for end in (accuracy.low, accuracy.high) if end is not None],
                        holds=accuracy.mean >= NEEDED,
                    )
                )
    bars += [ahead(name, right["scratch"], right[name], given.minutes) for name in ("own", "squeezenet") if {"scratch", name} <= set(right)]
    if {"scratch", "fastai"} <= set(right):
        bars.append(ahead("scratch", right["fastai"], right["scratch"], given.minutes, over="fastai"))
    if ways != given.only:
        why = "not measured: there is no peers' environment (make peers)"
        bars.append(Bar(what="scratch less fastai", needed="told", measured="", spread="", holds=why))
    says = "Whole pictures at 240 x 180, the last averaged weights, means with 95 % intervals; void is left out."
    results.write("segmentation", bars, rows=rows, table={"titles": TITLES, "rows": [told_in_table(row) for row in rows], "says": says})


SHOWN = [(part, name) for part in ("valid", "test") for name in ("pixel_accuracy", "mean_iou")]
TITLES = ["way", "seed", *(f"{part}, {name.replace('_', ' ')}, %" for part, name in SHOWN)]


def told_in_table(row: dict[str, Any]) -> list[str]:
    """As `TITLES` says."""
    scores = (row[part][name] for part, name in SHOWN)
    told = (f"{100 * one['mean']:.1f} ({100 * one['low']:.1f} to {100 * one['high']:.1f})" for one in scores)
    return [row["way"], str(row["seed"]), *told]


def ahead(name: str, before: list[list[float]], after: list[list[float]], minutes: float, over: str = "scratch") -> Bar:
    """Whether one way is better than another, picture by picture, mean over seeds."""
    one, other = (np.mean(values, axis=0).tolist() for values in (before, after))
    gained = score.gain(one, other, protocol=metrics.PROTOCOLS["pixel_accuracy"], seed=0)
    assert gained.low is not None and gained.high is not None
    return Bar(
        what=f"share of right pixels of a test picture, {name} less {over}, {minutes:g} minutes each",
        needed="above 0, and its interval too",
        measured=round(gained.mean, 4),
        spread=[round(gained.low, 4), round(gained.high, 4)],
        holds=gained.low > 0,
    )


if __name__ == "__main__":
    main()
