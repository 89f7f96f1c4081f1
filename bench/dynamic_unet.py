"""A U-Net over ResNet-34 against fastai's DynamicUnet over the same: images a second, memory, and PSNR after equal minutes.

    python bench/dynamic_unet.py [--pairs 7] [--minutes 5]

Both in the peers' environment, without pretrained weights, 96 px, batches of 16, MSE, equal threads.  A step is forward, backward and
update on one batch, each side in fresh processes in turn, as each side does it by itself: ours with what its plan chooses by measuring.
Memory is the largest that the process held.  PSNR: a training on bsds/train for equal minutes, on bsds/valid spoilt once for both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

import results  # bench is a folder of scripts, not a package
import score_reference
import spoil_reference
import trainings
from fastai_restore import BATCH, CHAIN, CROP
from results import Bar

WARM, TIMED = 5, 15  # steps
NEEDED = 1.5
WORK = results.ROOT / "build" / "dynamic-unet"
OURS = (
    "network.kind=encoder-unet",
    "network.encoder.kind=timm",
    "network.encoder.name=resnet34",
    "network.encoder.mean=[0.485,0.456,0.406]",
    "network.encoder.spread=[0.229,0.224,0.225]",
    "network.skips=add",
    "loss.kind=mse",
    "optimiser.kind=adamw",
    f"data.crop={CROP}",
    f"train.batch={BATCH}",
)


def ours(chosen: str) -> dict[str, Any]:
    """Images a second and peak memory of our step, in this process, with what the plan chose; without a choice, what it would choose."""
    import torch

    from sfumato.tasks import catalogue, restore
    from sfumato.tasks.parts import training
    from sfumato.train.steps.precision import Precision
    from sfumato.train.tune import Tuned

    folder = json.dumps([str(results.unpacked() / "bsds" / "train")])
    task = restore.build(catalogue.read("restore", [f"data.folders={folder}", f"spoil.chain={CHAIN}", "train.steps=1000", *OURS]))
    tuned = Tuned(**json.loads(chosen)) if chosen else task.tuned()
    if not chosen:
        return {"chosen": json.dumps(asdict(tuned))}
    torch.set_num_threads(os.cpu_count() or 1)  # as many as the other side has
    precision = Precision(tuned.precision, task.device)
    network = task.network.to(memory_format=torch.channels_last if tuned.channels_last else torch.contiguous_format).train()
    optimiser = training.optimiser(task.recipe.optimiser, network, fused=tuned.fused)
    [batch] = islice(task.batches.stream(0, 0), 1)
    draw = torch.Generator()

    def step() -> None:
        with precision.autocast(task.device):
            loss = task.objective(network, batch, draw).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return _timed(step, sum(parameter.numel() for parameter in network.parameters()))


def theirs() -> dict[str, Any]:
    """The same of fastai's, as its Learner does a step."""
    import torch

    import fastai_side

    torch.set_num_threads(os.cpu_count() or 1)
    made = fastai_side.loaders(chain=CHAIN, crop=CROP, batch=BATCH, pairs=4 * BATCH, workers=0)
    learner = fastai_side.learner(made, crop=CROP)
    learner.create_opt()
    learner.model.train()
    x, y = made.one_batch()

    def step() -> None:
        loss = learner.loss_func(learner.model(x), y)
        loss.backward()
        learner.opt.step()
        learner.opt.zero_grad()

    return _timed(step, sum(parameter.numel() for parameter in learner.model.parameters()))


def _timed(step: Any, parameters: int) -> dict[str, Any]:
    for _ in range(WARM):
        step()
    times = []
    for _ in range(TIMED):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rate": BATCH / statistics.median(times), "memory": peak, "parameters": parameters}


def alone(side: str, chosen: str = "") -> dict[str, Any]:
    """One side in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--side", side, "--chosen", chosen], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def psnr(minutes: float) -> Bar:
    """Both trained for equal minutes."""
    changes = (f"spoil.chain={CHAIN}", f"train.minutes={minutes}", *OURS)
    folder = json.dumps([str(results.unpacked() / "bsds" / "train")])
    run = trainings.finished(WORK / f"ours-{minutes:g}", "restore", f"data.folders={folder}", "data.split=none", *changes)
    other = WORK / f"fastai-{minutes:g}"
    if not (other / "run.json").is_file():
        words = ["bench/fastai_restore.py", "--minutes", str(minutes), "--out", str(other)]
        subprocess.run([sys.executable, *words], cwd=results.ROOT, check=True)
    pairs = spoil_reference.load("bsds")
    mine = score_reference.gains(pairs, score_reference.by_model(run / "last.safetensors"))["all"]
    others = score_reference.gains(pairs, score_reference.from_folder(other / "bsds"))["all"]
    ahead = np.asarray(mine) - np.asarray(others)
    return Bar(
        what=f"PSNR gained on bsds/valid in {minutes:g} minutes, ahead of fastai ({np.mean(mine):+.3f}, {np.mean(others):+.3f} dB)",
        needed="at least 0 dB",
        measured=round(float(ahead.mean()), 3),
        spread=score_reference.interval(ahead.tolist()),
        holds=bool(ahead.mean() >= 0),
    )


def main() -> None:
    """Print and write bench/results/dynamic_unet.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--side", choices=("ours", "theirs"), help="measure one side here and print it")
    options.add_argument("--chosen", default="", help="what our plan chose, as it was printed; empty: choose, and print it")
    given = options.parse_args()
    results.in_peers()
    if given.side:
        print(json.dumps(ours(given.chosen) if given.side == "ours" else theirs()))
        return
    WORK.mkdir(parents=True, exist_ok=True)
    chosen = alone("ours")["chosen"]
    precision = json.loads(chosen)["precision"]
    sides: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    ratio, ratios, _ = results.paired(_noting("ours", sides, chosen), _noting("theirs", sides, chosen), given.pairs)
    peaks = {side: max(one["memory"] for one in found) / 1e9 for side, found in sides.items()}
    rates = {side: statistics.median(one["rate"] for one in found) for side, found in sides.items()}
    numbers = {side: int(found[0]["parameters"]) for side, found in sides.items()}
    bars = [
        Bar(
            what=f"images a second over fastai's ({rates['ours']:.1f} in {precision}, {rates['theirs']:.1f}; parameters {numbers})",
            needed=f"at least {NEEDED}",
            measured=round(ratio, 3),
            spread=[round(one, 3) for one in ratios],
            holds=ratio >= NEEDED,
        ),
        Bar(
            what=f"memory at most, in GB (fastai {peaks['theirs']:.2f})",
            needed="no more than fastai's",
            measured=round(peaks["ours"], 3),
            spread="",
            holds=peaks["ours"] <= peaks["theirs"],
        ),
        psnr(given.minutes),
    ]
    results.write("dynamic_unet", bars)


def _noting(side: str, sides: dict[str, list[dict[str, Any]]], chosen: str) -> Callable[[], float]:
    def measure() -> float:
        sides[side].append(alone(side, chosen))
        return float(sides[side][-1]["rate"])

    return measure


if __name__ == "__main__":
    main()
