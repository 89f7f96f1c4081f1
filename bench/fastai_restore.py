"""fastai's own recipe on the same task, in the peers' environment: its U-Net without pretrained weights, MSE, its loaders, its learner.

    python bench/fastai_restore.py [--minutes 15] [--out build/bench/fastai] [--rate 1e-3 | find]

The same spoiling (our chain, called as a plain function on a 96 px crop), the same pictures, the same minutes and threads.
A step is timed first, with and without worker processes; the better one is taken, and so many steps that its one-cycle schedule ends
with the time.  What is measured, found and set up before does not count against its minutes.  Repaired reference pictures go to --out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
import spoil_reference
from sfumato.core import files

CHAIN = "scale 2 | jpeg 20..60 | text"
CROP, BATCH, RATE = 96, 16, 1e-3
SETS = ("bsds", "set14", "set5")
WORKERS = (0, 2)
WARM, TIMED = 4, 16  # steps


def step_seconds(workers: int) -> float:
    """Seconds a training step takes, loading included: the median, so that workers' start does not count."""
    from fastai.callback.core import Callback

    class Clock(Callback):
        """When each training step ended."""

        def before_fit(self) -> None:
            self.ends: list[float] = []

        def after_batch(self) -> None:
            if self.training:
                self.ends.append(time.perf_counter())

    clock = Clock()
    trial = _learner(WARM + TIMED, workers)
    with trial.no_bar():
        trial.fit_one_cycle(1, RATE, cbs=clock)
    return statistics.median(after - before for before, after in pairwise(clock.ends[WARM:]))


def found_rate(workers: int) -> float:
    """What its rate finder suggests."""
    return float(_learner(100, workers).lr_find(show_plot=False).valley)


def _learner(steps: int, workers: int) -> Any:
    import fastai_side

    made = fastai_side.loaders(chain=CHAIN, crop=CROP, batch=BATCH, pairs=steps * BATCH, workers=workers)
    return fastai_side.learner(made, crop=CROP)


def train(minutes: float, rate: float | None, out: Path) -> None:
    """Time a step, train for the minutes, repair the reference pictures."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(0)
    times = {workers: step_seconds(workers) for workers in WORKERS}
    workers = min(times, key=lambda count: times[count])
    rate = rate or found_rate(workers)
    steps = max(1, int(minutes * 60 / times[workers]))
    print(
        f"{1000 * times[workers]:.0f} ms a step with {workers} workers, so {steps} steps in {minutes:g} minutes, rate {rate:.2g}",
        flush=True,
    )
    fitted = _learner(steps, workers)
    begun = time.monotonic()
    with fitted.no_bar():  # a log is no place for it
        fitted.fit_one_cycle(1, rate)
    spent = (time.monotonic() - begun) / 60
    for kind in SETS:
        repair(fitted.model.eval(), kind, out)
    facts = {
        "steps": steps,
        "minutes": spent,
        "asked_minutes": minutes,
        "rate": rate,
        "workers": workers,
        "parameters": sum(parameter.numel() for parameter in fitted.model.parameters()),
        "chain": CHAIN,
        "versions": results.versions(),
    }
    files.write_json(out / "run.json", facts)
    print(f"{steps} steps in {spent:.2f} minutes; repaired pictures are in {out}")


def repair(network: Any, kind: str, out: Path) -> None:
    """Every picture of a reference set, whole, as PNG."""
    import torch
    from PIL import Image

    from sfumato.core.levels import batch_to_levels, batch_to_unit

    (out / kind).mkdir(parents=True, exist_ok=True)
    for pair in spoil_reference.load(kind):
        x = batch_to_unit(torch.from_numpy(pair.spoilt[None].copy()))
        with torch.inference_mode():
            y = network(x).as_subclass(torch.Tensor).clamp(0, 1)
        Image.fromarray(batch_to_levels(y)[0].numpy()).save(out / kind / f"{pair.name}.png")


def main() -> None:
    """In the peers' environment."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "bench" / "fastai")
    options.add_argument("--rate", default=str(RATE), help="a number, or find: what its rate finder suggests")
    given = options.parse_args()
    results.in_peers()
    train(given.minutes, None if given.rate == "find" else float(given.rate), given.out)


if __name__ == "__main__":
    main()
