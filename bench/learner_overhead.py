"""What the Learner costs a step beyond a bare loop with the same network and loader, every default callback on; fastai's beside it.

    python bench/learner_overhead.py [--pairs 7]

Runs in the peers' environment.  The network is tiny, so that what is not arithmetic shows.  Both loops take the same batches, loss and
optimiser; ours also clips gradients and sets the rate.  The Learner is the one `train restore` makes, with all its callbacks, its progress
bar painted as on a terminal.  A step is timed from batch to batch, without start and end.  The arithmetic of the weights' average is
measured alone and taken off.  fastai's Learner has its own default callbacks: its bar too, but no average.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core import recipe
from sfumato.data.batches import Batch, Batches
from sfumato.losses.pixel import l1
from sfumato.tasks.parts.pairs import HeldOut
from sfumato.tasks.restore import RestoreTask
from sfumato.tasks.restore_recipe import Restore
from sfumato.train import run as runs
from sfumato.train import tune
from sfumato.train.callbacks.averages import WeightAverage

WARM, STEPS = 50, 400
NEEDED = 0.25  # ms
BATCH = Batch(torch.full((2, 3, 8, 8), 0.5), torch.full((2, 3, 8, 8), 0.4), (0, 1))


class Tiny(nn.Module):
    """Twelve small layers: as many tensors as a small restorer has.  (B, 3, H, W) -> the same"""

    stride, tiles = 1, True

    def __init__(self) -> None:
        super().__init__()
        layers = [layer for _ in range(11) for layer in (nn.Conv2d(8, 8, 1), nn.ReLU())]
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 1), *layers, nn.Conv2d(8, 3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


def network() -> nn.Module:
    """Always the same weights."""
    torch.manual_seed(0)
    return Tiny()


class Clock:
    """The same batch again and again; when each was handed out."""

    batch, per_epoch, accumulate, workers = 2, WARM + STEPS + 1, 1, 0

    def __init__(self, batch: Any = BATCH) -> None:
        self.one, self.times = batch, [0.0]

    def stream(self, epoch: int, position: int) -> Iterator[Any]:
        """Without end."""
        while True:
            self.times.append(time.perf_counter())
            yield self.one

    def __iter__(self) -> Iterator[Any]:
        for _, batch in zip(range(len(self)), self.stream(0, 0), strict=False):
            yield batch

    def __len__(self) -> int:
        return self.per_epoch

    @property
    def ms(self) -> float:
        """Milliseconds a step, the first ones left out."""
        return 1000 * (self.times[WARM + STEPS] - self.times[WARM]) / STEPS


def optimiser(parameters: Iterable[Any], lr: float = 1e-4) -> torch.optim.Optimizer:
    """The same on every side."""
    return torch.optim.AdamW(parameters, lr=lr, fused=True)


def bare() -> float:
    """Milliseconds a step: forward, backward, AdamW."""
    net, clock = network(), Clock()
    steps = optimiser(net.parameters())
    for batch in clock:
        loss = l1(net(batch.input), batch.target)
        loss.backward()
        steps.step()
        steps.zero_grad(set_to_none=True)
    return clock.ms


def average() -> float:
    """Milliseconds a step of the weights' average alone."""
    net, clock = network(), Clock()
    kept = WeightAverage(half_life=60)
    learner: Any = type("OnlyItsNetwork", (), {"network": net})()
    kept.before_fit(learner)
    for _ in clock:
        kept.after_update(learner)
    return clock.ms


class Task(RestoreTask):
    """`train restore` as it is, but for its network, its batches, and no held-out pictures."""

    @cached_property
    def network(self) -> nn.Module:
        """The tiny one."""
        return network()

    @cached_property
    def batches(self) -> Batches:
        """The clock."""
        return Clock()  # type: ignore[return-value]

    @cached_property
    def held(self) -> HeldOut:
        """Nothing."""
        return HeldOut((), (), ())

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int) -> None:
        """Saving belongs to the end of a run, not to a step."""


def ours() -> float:
    """Milliseconds a step of the Learner with every default callback."""
    changes = ["optimiser.kind=adamw", f"train.steps={Clock.per_epoch}", "train.device=cpu", "loss.kind=l1", "train.valid_every=1000"]
    task = Task(recipe.read(Restore, {}, changes))
    with tempfile.TemporaryDirectory() as folder, painted():
        learner = task.learner(tune.chosen("float32", ""), runs.create(Path(folder) / "run"))
        learner.fit()
    return task.batches.ms  # type: ignore[attr-defined,no-any-return]


@contextmanager
def painted() -> Iterator[None]:
    """Progress is painted as on a terminal, which costs what it costs, and goes nowhere."""
    kept, nowhere = {number: os.dup(number) for number in (1, 2)}, os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    for number in kept:
        os.dup2(nowhere, number)
    try:
        yield
    finally:
        sys.stdout.flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def fastai() -> float:
    """Milliseconds a step of fastai's learner with its own default callbacks."""
    import fastai.callback.progress  # noqa: F401  # it makes the bar a default callback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    clock = Clock((BATCH.input, BATCH.target))
    loaders: Any = DataLoaders(clock, [(BATCH.input, BATCH.target)])
    learner = Learner(loaders, network(), loss_func=l1, opt_func=partial(OptimWrapper, opt=optimiser))
    with painted():
        learner.fit(1, 1e-4)
    return clock.ms


SIDES: dict[str, Callable[[], float]] = {"bare": bare, "ours": ours, "average": average, "fastai": fastai}


def main() -> None:
    """Interleaved; prints and writes bench/results/learner_overhead.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    given = options.parse_args()
    results.in_peers()
    os.environ["FORCE_COLOR"] = "1"  # rich then takes where it writes for a terminal
    torch.set_num_threads(1)  # all sides alike; two threads would only wait for each other on tensors as small as these
    for side in SIDES.values():
        side()  # warm
    rows = []
    for turn in range(given.pairs):
        order = list(SIDES) if turn % 2 == 0 else list(reversed(SIDES))
        rows.append({name: SIDES[name]() for name in order})
    over = sorted(row["ours"] - row["bare"] - row["average"] for row in rows)
    theirs = sorted(row["fastai"] - row["bare"] for row in rows)
    middle, beside = statistics.median(over), statistics.median(theirs)
    what = f"Learner over a bare loop, every default callback on, less the average's arithmetic, median of {len(rows)} interleaved pairs"
    bars = [
        Bar(
            what=f"{what} (fastai's, without average: {beside:.2f} ms)",
            needed=f"at most {NEEDED:g} ms a step",
            measured=round(middle, 4),
            spread=[round(over[0], 4), round(over[-1], 4)],
            holds=middle <= NEEDED,
        )
    ]
    results.write("learner_overhead", bars, rows=rows, fastai_over_bare_ms=[theirs[0], beside, theirs[-1]])


if __name__ == "__main__":
    main()
