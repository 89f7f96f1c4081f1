"""Street scenes: how many pixels are named rightly after half an hour, from scratch and over borrowed bodies; and fastai beside.

    python bench/segmentation.py [--minutes 30] [--seeds 1] [--only scratch own squeezenet dense fastai]

CamVid at 240 x 180 (the split of SegNet), no weights from elsewhere but where a name says so.  The last averaged weights are scored, which
no held-out picture chose, on the parts val and test, whole pictures.  Differences are paired picture by picture; of the two borrowed bodies
the one that is ahead on val is held against the one from scratch.  fastai's unet_learner over ResNet-34 without weights trains for about
equal minutes, whole epochs, in the peers' environment (bench/fastai_segment.py), in float32 throughout; ours in what is measured to be
fastest.  Each way is scored once and written at once, beside what was scored before.
The lecture's 94.1 % is of val at 480 x 360 over a pretrained ResNet-34.  With a copy of that size in FOLDER/camvid-small:
    SFUMATO_UNPACKED=FOLDER sfumato train camvid --set data.crop=320 --set network.encoder_from=timm:resnet34:FILE --minutes 120
(FILE: what `sfumato data get timm:resnet34.a1_in1k` brings.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core import files
from sfumato.core.levels import Levels, Mask
from sfumato.data.known import catalogue
from sfumato.metrics import masks as metrics
from sfumato.metrics import score
from sfumato.tasks import segment
from sfumato.tasks.parts import mapped, mask_scores

RUNS = results.ROOT / "build" / "segmentation"
NEEDED = 0.84
PARTS: tuple[Literal["valid", "test"], ...] = ("valid", "test")
BORROWED = ("own", "squeezenet")
BORROW = ("network.skip_norm=batch", "fine_tune.frozen=0.1", "fine_tune.factor=1.5")  # by five minutes on two of the three drives
WAYS = {
    "scratch": ("camvid", ()),
    "own": ("camvid", ("network.encoder_from=tiny-features", *BORROW)),
    "squeezenet": ("camvid", (f"network.encoder_from={json.dumps(str(results.weights('squeezenet1_1')))}", *BORROW)),
    "dense": ("camvid-dense", ()),
}
ALL = (*WAYS, "fastai")
NO_LOOKS = "train.valid_every=100000"  # the time is for learning, as it is fastai's


def place(way: str, seed: int, minutes: float) -> Path:
    """The folder of a training."""
    return RUNS / f"{way}-{minutes:g}m-{seed}"


def run(way: str, seed: int, minutes: float) -> Path:
    """A finished training."""
    recipe, changes = WAYS[way]
    return trainings.finished(place(way, seed, minutes), recipe, f"train.minutes={minutes}", f"train.seed={seed}", NO_LOOKS, *changes)


def fastai(seed: int, minutes: float) -> Path:
    """Its masks, as files."""
    folder, python = place("fastai", seed, minutes), results.peers_python()
    if not (folder / "run.json").is_file():
        if python is None:
            sys.exit("there is no peers' environment (make peers)")
        words = ["bench/fastai_segment.py", "--minutes", str(minutes), "--seed", str(seed), "--out", str(folder)]
        if subprocess.run([python, *words], cwd=results.ROOT, check=False).returncode:
            sys.exit("fastai's training did not finish.")
    return folder


def seer(way: str, folder: Path, part: str) -> Callable[[Levels], Mask]:
    """What gives the mask of a picture; of fastai's, which are kept in their order, that of the next one."""
    if way == "fastai":
        masks = iter(np.load(folder / f"{part}.npz")["masks"])
        return lambda picture: np.asarray(next(masks))
    return segment.load(folder / "last.safetensors", device="cpu").segment


def scored(way: str, seed: int, minutes: float) -> dict[str, Any]:
    """A training's scores, and of each picture the share of pixels that are right; kept beside it."""
    folder = fastai(seed, minutes) if way == "fastai" else run(way, seed, minutes)
    path = folder / "scored.json"
    if not path.is_file():
        took = json.loads((folder / "run.json").read_text(encoding="utf-8"))["minutes"]
        found: dict[str, Any] = {"way": way, "seed": seed, "minutes": took, "right": {}}
        for part in PARTS:
            held = catalogue.open_scenes("camvid", part=part)
            matrices, _ = mask_scores.measured(mapped.scenes(held), seer(way, folder, part), len(held.legend.classes))
            found[part] = {name: one.row() for name, one in metrics.scores(matrices, seed=0).items()}
            found["right"][part] = [metrics.pixel_accuracy(matrix) for matrix in matrices]
        files.write_json(path, found)
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def main() -> None:
    """Print and write bench/results/segmentation.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--seeds", type=int, nargs="+", default=[1])
    options.add_argument("--only", nargs="+", default=list(ALL), choices=ALL)
    given = options.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    failed: list[str] = []
    for way in ALL:
        if way not in given.only and not all((place(way, seed, given.minutes) / "scored.json").is_file() for seed in given.seeds):
            continue  # neither asked for nor scored before
        try:
            found[way] = [scored(way, seed, given.minutes) for seed in given.seeds]
        except SystemExit as end:
            failed.append(f"{way}: {end}".replace(f"{results.ROOT}/", ""))
        write(found, failed, given.minutes)


def write(found: dict[str, list[dict[str, Any]]], failed: list[str], minutes: float) -> None:
    """All that is known so far."""
    bars = [from_scratch(row, minutes) for row in found.get("scratch", [])]
    borrowed = {name: float(np.mean(right(rows, "valid"))) for name, rows in found.items() if name in BORROWED}
    if "scratch" in found and borrowed:
        bars.append(ahead(max(borrowed, key=lambda name: borrowed[name]), "scratch", found))
    if {"scratch", "fastai"} <= set(found):
        bars.append(ahead("scratch", "fastai", found))
    bars += [Bar(what=why.partition(":")[0], needed="told", measured="", spread="", holds=f"not measured: {why}") for why in failed]
    rows = [row for rows in found.values() for row in rows]
    says = "Whole pictures at 240 x 180, the last averaged weights, means with 95 % intervals; void is left out."
    results.write("segmentation", bars, rows=rows, table={"titles": TITLES, "rows": [told_in_table(row) for row in rows], "says": says})


def from_scratch(row: dict[str, Any], minutes: float) -> Bar:
    """Whether enough pixels of the test pictures are right."""
    accuracy = row["test"]["pixel_accuracy"]
    return Bar(
        what=f"CamVid test at 240 x 180, {minutes:g} minutes from scratch, seed {row['seed']}: pixels right, without void",
        needed=f"at least {NEEDED}",
        measured=round(accuracy["mean"], 4),
        spread=[round(accuracy[end], 4) for end in ("low", "high")],
        holds=accuracy["mean"] >= NEEDED,
    )


def right(rows: list[dict[str, Any]], part: str) -> list[float]:
    """Of each picture the share of pixels that are right, mean over seeds."""
    mean: list[float] = np.mean([row["right"][part] for row in rows], axis=0).tolist()
    return mean


SHOWN = [(part, name) for part in ("valid", "test") for name in ("pixel_accuracy", "mean_iou")]
TITLES = ["way", "seed", "minutes", *(f"{part}, {name.replace('_', ' ')}, %" for part, name in SHOWN)]


def told_in_table(row: dict[str, Any]) -> list[str]:
    """As `TITLES` says."""
    scores = (row[part][name] for part, name in SHOWN)
    told = (f"{100 * one['mean']:.1f} ({100 * one['low']:.1f} to {100 * one['high']:.1f})" for one in scores)
    return [row["way"], str(row["seed"]), f"{row['minutes']:.1f}", *told]


def ahead(name: str, over: str, found: dict[str, list[dict[str, Any]]]) -> Bar:
    """Whether one way is better than another, picture by picture."""
    one, other = (right(found[way], "test") for way in (over, name))
    took = ", ".join(f"{np.mean([row['minutes'] for row in found[way]]):.1f}" for way in (name, over))
    count = f"{len(found[name])} and {len(found[over])} trainings"
    gained = score.gain(one, other, protocol=metrics.PROTOCOLS["pixel_accuracy"], seed=0)
    assert gained.low is not None and gained.high is not None
    return Bar(
        what=f"share of right pixels of a test picture, {name} less {over}, {took} minutes; {count}, the interval is over pictures",
        needed="above 0, and its interval too",
        measured=round(gained.mean, 4),
        spread=[round(gained.low, 4), round(gained.high, 4)],
        holds=gained.low > 0,
    )


if __name__ == "__main__":
    main()
