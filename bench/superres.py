"""Super-resolution by the published protocol: MATLAB's bicubic before, luma of 8-bit pictures and a border as wide as the factor after.

    python bench/superres.py [--minutes 45] [--times 2 4] [--seed 1] [--set network.kind=span] [--gpu]

Trained on bsds/train alone, which none of the scored pictures is of; the last averaged weights are scored, without self-ensemble.  The same
protocol is first held against bicubic enlargement, whose published scores it must give.  With --gpu the bars are those for a training on a
GPU (bench/on_gpu.py), which is scored if it is in build/superres already.  One factor alone, other minutes and other networks are printed,
and not written; --set data.choose=true holds out a share of bsds/train, learns from the rest and is scored on that share: so networks are
chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core.levels import to_unit
from sfumato.core.seed import Seed
from sfumato.data.items import Items
from sfumato.data.known import examine
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from sfumato.spoil import grammar
from sfumato.tasks import catalogue
from sfumato.tasks.parts import pairs, restorer, scoring, sources
from sfumato.tasks.parts.pairs import HeldOut
from sfumato.tasks.parts.sections import Data

RUNS = results.ROOT / "build" / "superres"
SETS = ("set5", "set14", "bsds")
MINUTES = 45.0
NEEDED, NEEDED_GPU = {2: 37.5, 4: 31.2}, {2: 37.7, 4: 31.6}
BICUBIC = {  # published, of set5, set14 and BSD100 (Timofte et al. 2014 and whoever followed)
    2: (33.66, 30.24, 29.56),
    4: (28.42, 26.00, 25.96),
}
ON_GPU = ("train.batch=64", "train.workers=3")  # what bench/on_gpu.py trains with, and a run with --gpu is looked for by
LIKE, MOST = 0.05, 700_000  # dB by which the protocol may miss the published scores of bicubic; numbers a network may have


def held_out(name: str, times: int) -> HeldOut:
    """The set.  Refused where a picture is not the published one."""
    examine.check_published(name)
    return shrunk(sources.held_out(f"known:{name}"), times)


def shrunk(items: Items, times: int) -> HeldOut:
    """As papers do it; grey files stay grey."""
    chain = grammar.parse(f"shrink {times} filter=matlab-bicubic")
    return HeldOut.of(pairs.examples(items, chain, None, seed=Seed(0), channels=None))


def scored(repair: Any, held: HeldOut, times: int) -> dict[str, dict[str, Any]]:
    """PSNR and SSIM of luma, with intervals."""
    made = [to_unit(np.asarray(repair(small))) for small in held.inputs]
    found = {}
    for name in (f"psnr_y_crop{times}", f"ssim_y_crop{times}"):
        values = [metrics.metric(name)(picture, to_unit(good)) for picture, good in zip(made, held.targets, strict=True)]
        found[name] = score.over_pictures(values, protocol=metrics.protocol(name), seed=0).row()
    return found


def run(times: int, minutes: float, seed: int, changes: Sequence[str]) -> Path:
    """The folder of a training that is finished: changed as told, and so named."""
    folder = RUNS / f"x{times}-{minutes:g}m-{seed}{trainings.label(changes)}"
    return trainings.finished(folder, f"superres-x{times}", *_all(minutes, seed, changes))


def _all(minutes: float, seed: int, changes: Sequence[str]) -> list[str]:
    return [f"train.minutes={minutes}", f"train.seed={seed}", *changes]


def choosing(times: int, data: Data, model: Path) -> None:
    """Print what a network that learnt from a part of bsds/train gives on the rest of it."""
    held = shrunk(sources.gather(data, Seed(0))[1], times)  # which hangs on names alone, and on no seed
    network = restorer.load(model, device="cpu")
    for by, repair in (("bicubic", scoring.bicubic(times)), ("ours", network.restore)):
        for name, found in scored(repair, held, times).items():
            print(f"x{times}, held out of bsds/train, {by}: {name} {found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})")


def numbers(model: Path) -> int:
    """Of the network as it is used."""
    with safe_open(model, "numpy") as file:
        return sum(int(np.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118  # not a mapping


def main() -> None:
    """Print and write bench/results/superres.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=MINUTES)
    options.add_argument("--times", type=int, nargs="+", default=list(NEEDED), choices=list(NEEDED))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--gpu", action="store_true", help="the bars of a GPU, and a result of its own")
    options.add_argument("--set", action="append", default=[], dest="changes", help="of the recipe, for another network")
    given = options.parse_args()
    needed = NEEDED_GPU if given.gpu else NEEDED
    changes = list(dict.fromkeys([*(ON_GPU if given.gpu else ()), *given.changes]))
    bars: list[Bar] = []
    rows: list[dict[str, Any]] = []
    for times in given.times:
        data: Data = catalogue.read(f"superres-x{times}", _all(given.minutes, given.seed, changes)).data
        if data.choose:
            choosing(times, data, run(times, given.minutes, given.seed, changes) / "last.safetensors")
            continue
        sets = {name: held_out(name, times) for name in SETS}
        plain = {name: scored(scoring.bicubic(times), held, times) for name, held in sets.items()}
        rows += [{"set": name, "times": times, "by": "bicubic", **told} for name, told in plain.items()]
        apart = [plain[name][f"psnr_y_crop{times}"]["mean"] - wanted for name, wanted in zip(SETS, BICUBIC[times], strict=True)]
        bars.append(
            Bar(
                what=f"x{times}, the protocol: PSNR of bicubic less the published one on {', '.join(SETS)}, dB",
                needed=f"within {LIKE}",
                measured=round(max(apart, key=abs), 3),
                spread=[round(one, 3) for one in apart],
                holds=max(map(abs, apart)) <= LIKE,
            )
        )
        model = run(times, given.minutes, given.seed, changes) / "last.safetensors"
        network = restorer.load(model, device="cpu")
        ours = {name: scored(network.restore, held, times) for name, held in sets.items()}
        count = numbers(model)
        rows += [{"set": name, "times": times, "by": "ours", "numbers": count, **told} for name, told in ours.items()]
        found = ours["set5"][f"psnr_y_crop{times}"]
        bars.append(
            Bar(
                what=f"x{times} on set5, {given.minutes:g} minutes, {count:,} numbers (at most {MOST:,}): PSNR of luma, dB",
                needed=f"at least {needed[times]}",
                measured=round(found["mean"], 3),
                spread=[round(found["low"], 2), round(found["high"], 2)],
                holds=found["mean"] >= needed[times] and count <= MOST,
            )
        )
    says = "PSNR in dB and SSIM of luma, a border as wide as the factor left out; means with 95 % intervals over pictures."
    table = {"titles": TITLES, "rows": [in_table(row) for row in rows], "says": says}
    if set(given.times) == set(NEEDED) and not given.changes and (given.gpu or given.minutes == MINUTES):
        results.write("superres_gpu" if given.gpu else "superres", bars, rows=rows, table=table)
    else:
        results.say(bars)


TITLES = ["set", "times", "by", "numbers", "PSNR, dB", "SSIM"]


def in_table(row: dict[str, Any]) -> list[str]:
    """As `TITLES` says."""
    told = []
    for name, digits in ((f"psnr_y_crop{row['times']}", 2), (f"ssim_y_crop{row['times']}", 4)):
        mean, low, high = (f"{row[name][end]:.{digits}f}" for end in ("mean", "low", "high"))
        told.append(f"{mean} ({low} to {high})")
    return [row["set"], str(row["times"]), row["by"], f"{row['numbers']:,}" if "numbers" in row else "", *told]


if __name__ == "__main__":
    main()
