"""What the Learner costs a step beyond a bare loop with the same network and batches, every default callback on; fastai's beside it.

    .venv-peers/bin/python bench/learner_overhead.py [--pairs 7]

The network is tiny, so that what is not arithmetic shows.  The arithmetic of the weights' average is measured alone and taken off.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

sys.path.insert(0, str(Path(__file__).parent))

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core import progress
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.losses.pixel import l1
from sfumato.tasks.restore import Difference
from sfumato.train import run as runs
from sfumato.train import schedules
from sfumato.train.averages import WeightAverage
from sfumato.train.budget import Budget
from sfumato.train.learner import Learner
from sfumato.train.nonfinite import SkipNonFinite, WatchDivergence
from sfumato.train.precision import Precision
from sfumato.train.state import SaveState
from sfumato.train.stats import ShowProgress, Stats
from sfumato.train.stop import StopGently

STEPS = 400
CPU = torch.device("cpu")


def network() -> nn.Module:
    """Twelve small layers: as many tensors as a small restorer has."""
    torch.manual_seed(0)
    layers = [layer for _ in range(11) for layer in (nn.Conv2d(8, 8, 1), nn.ReLU())]
    return nn.Sequential(nn.Conv2d(3, 8, 1), *layers, nn.Conv2d(8, 3, 1))


BATCH = Batch(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8), (0, 1))


class Same:
    """The same batch again and again."""

    batch = 2
    per_epoch = STEPS

    def stream(self, epoch: int, position: int) -> Iterator[Batch]:
        """Without end."""
        while True:
            yield BATCH


def bare() -> float:
    """Milliseconds a step: forward, backward, AdamW."""
    net = network()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    begun = time.perf_counter()
    for _ in range(STEPS):
        loss = l1(net(BATCH.input), BATCH.target)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return 1000 * (time.perf_counter() - begun) / STEPS


def average() -> float:
    """Milliseconds a step of the weights' average alone."""
    net = network()
    kept = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    kept.update_parameters(net)
    begun = time.perf_counter()
    for _ in range(STEPS):
        kept.update_parameters(net)
    return 1000 * (time.perf_counter() - begun) / STEPS


def ours() -> float:
    """Milliseconds a step of the Learner with every default callback."""
    net = network()
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(Path(folder) / "run")
        learner = Learner(
            net,
            Same(),  # type: ignore[arg-type]
            Difference(l1, "l1"),
            optimiser=torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True),
            schedule=schedules.make("one-cycle", warm=0.1, start=0.1, end=0.01),
            budget=Budget(steps=STEPS),
            seed=Seed(0),
            device=CPU,
            precision=Precision("float32", CPU),
            clip=1.0,
            valid_due=lambda learner: False,
            callbacks=[
                StopGently(),
                SkipNonFinite(),
                WatchDivergence(),
                WeightAverage(half_life=60),
                Stats(run),
                ShowProgress(),
                SaveState(run, steps=None, seconds=60),
            ],
        )
        begun = time.perf_counter()
        learner.fit()
        return 1000 * (time.perf_counter() - begun) / STEPS


def fastai_pair() -> tuple[float, float] | None:
    """fastai's learner with its default callbacks (no average), and a bare loop; None where fastai is not installed."""
    try:
        from fastai.data.core import DataLoaders
        from fastai.learner import Learner as TheirLearner
        from fastai.torch_core import set_seed
    except ImportError:
        return None
    set_seed(0)
    pairs = [(BATCH.input, BATCH.target)] * STEPS
    loaders = DataLoaders(pairs, pairs[:1])  # type: ignore[arg-type]
    learner = TheirLearner(loaders, network(), loss_func=l1, opt_func=_their_adam())
    with learner.no_bar(), learner.no_logging():
        begun = time.perf_counter()
        learner.fit(1, 1e-4)
        whole = 1000 * (time.perf_counter() - begun) / STEPS
    return whole, _bare_theirs()


def _their_adam():  # type: ignore[no-untyped-def]
    from functools import partial

    from fastai.optimizer import OptimWrapper

    return partial(OptimWrapper, opt=partial(torch.optim.AdamW, fused=True))


def _bare_theirs() -> float:
    return bare()


def main() -> None:
    """Interleaved; prints and writes bench/results/learner_overhead.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    given = options.parse_args()
    progress.set_quiet(True)
    torch.set_num_threads(1)  # both sides alike; two threads would only wait for each other on tensors as small as these
    copy.deepcopy(network())
    for warm in (bare, average, ours):
        warm()
    rows = []
    for _ in range(given.pairs):
        row = {"bare": bare(), "ours": ours(), "average": average()}
        if (theirs := fastai_pair()) is not None:
            row |= {"fastai": theirs[0], "fastai bare": theirs[1]}
        rows.append(row)
    over = sorted(row["ours"] - row["bare"] - row["average"] for row in rows)
    bars = [
        Bar(
            what=f"Learner over a bare loop, default callbacks on, less the average's arithmetic, median of {len(rows)} interleaved pairs",
            needed="at most 0.25 ms a step",
            measured=round(statistics.median(over), 4),
            spread=[round(over[0], 4), round(over[-1], 4)],
            holds=statistics.median(over) <= 0.25,
        )
    ]
    more: dict[str, object] = {"rows": rows}
    if "fastai" in rows[0]:
        more["fastai_over_bare_ms"] = statistics.median(row["fastai"] - row["fastai bare"] for row in rows)
    results.write("learner_overhead", bars, **more)


if __name__ == "__main__":
    main()
