"""What a step costs beside the network: images a second of the whole path, ways to share the cores, start-up times.

    python bench/step_cost.py [--turns 3]
    python bench/step_cost.py --profile      where a step's time goes, operation by operation

The default restorer at 96 px, batches of 16, from bsds/train, spoilt by the recipe's default chain.  Measured in fresh processes: the
network alone (forward, backward, update), spoiling alone on all cores, and training with every default callback, with the cores shared in
several ways.  The plan chooses by itself; its choice is measured like the others.
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
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.system import threads

BATCH = 16
WARM, STEPS = 16, 48
NEEDED, OUTSIDE = 0.9, 0.05
START, REPAIR = 0.4, 0.9  # s
STARTS = 7
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Way:
    """How the cores are shared: threads of the network, processes that spoil (None: as planned), and how waiting threads wait."""

    threads: int | None
    workers: int | None
    waiting: str = "shortly"  # as sfumato sets it: awake for a moment, then asleep; active: always awake; passive: asleep at once

    @property
    def name(self) -> str:
        """In a word."""
        if self.threads is None:
            return "as the plan chose"
        return f"{self.threads} threads, {self.workers} workers, waiting {self.waiting}"


WITHOUT = Way(CORES, 0)
WAYS = [
    Way(None, None),
    WITHOUT,
    Way(CORES, 0, "active"),
    Way(CORES, 0, "passive"),
    Way(max(1, CORES - 1), 1),
    Way(CORES, 1, "passive"),
    Way(CORES, CORES),
]


# -- In fresh processes ------------------------------------------------------------------------------------------------


def made(**changes: Any) -> Any:
    """The task, as a person would train it."""
    from sfumato.core import recipe
    from sfumato.tasks import restore
    from sfumato.tasks.restore_recipe import Restore

    given = {"train.batch": BATCH, "train.steps": 10_000, "data.split": "none", **changes}
    folder = json.dumps([str(results.unpacked() / "bsds" / "train")])
    return restore.build(recipe.read(Restore, {}, [f"data.folders={folder}", *(f"{key}={value}" for key, value in given.items())]))


def network_alone() -> dict[str, Any]:
    """Images a second of forward, backward and update on one batch, with what the plan chose; all cores."""
    import torch

    from sfumato.tasks.parts import training
    from sfumato.train.steps.precision import Precision

    task = made(**{"train.workers": 0})
    tuned = task.tuned()
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

    return {"rate": BATCH / per_call(step), "chosen": tuned.why}


def spoiling_alone() -> dict[str, Any]:
    """Pairs a second that all cores spoil, the photographs decoded already."""
    task = made()
    stream = replace(task.batches, workers=CORES).stream(0, 0)
    seen = task.batches.per_epoch + 8 * CORES  # every photograph is decoded by then
    for _ in islice(stream, seen):
        pass
    begun = time.perf_counter()
    for _ in islice(stream, 4 * STEPS):
        pass
    return {"rate": 4 * STEPS * BATCH / (time.perf_counter() - begun)}


def spoiling_here() -> dict[str, Any]:
    """The same in one process, on one core, between two steps."""
    task = made()
    stream = task.batches.stream(0, 0)
    for _ in islice(stream, task.batches.per_epoch):
        pass
    return {"rate": BATCH / per_call(lambda: next(stream))}


def whole(way: Way) -> dict[str, Any]:
    """Images a second from batch to batch of a training with every default callback."""
    import torch

    from sfumato.train.callback import Callback
    from sfumato.train.run import create

    task = made()
    tuned = task.tuned()
    if way.threads is not None and way.workers is not None:
        tuned = replace(tuned, threads=way.threads, workers=way.workers)
    skipped = task.batches.per_epoch // 2 + WARM  # most photographs are decoded by then

    class Clock(Callback):
        """When each step ended."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def after_batch(self, learner: Any) -> None:
            self.times.append(time.perf_counter())
            if len(self.times) > skipped + STEPS:
                learner.progress = 1.0
                learner.budget = replace(learner.budget, steps=learner.step)

    clock = Clock()
    careful = type(task)._careful
    type(task)._careful = lambda self, tuned: [*careful(self, tuned), clock]
    torch.set_num_threads(tuned.threads)
    with tempfile.TemporaryDirectory() as folder:
        task.learner(tuned, create(Path(folder) / "run")).fit()
    between = [after - before for before, after in zip(clock.times[skipped:], clock.times[skipped + 1 :], strict=False)]
    return {"rate": BATCH * len(between) / sum(between), "chosen": tuned.why, "threads": tuned.threads, "workers": tuned.workers}


def per_call(act: Callable[[], Any]) -> float:
    """Seconds a call, the first ones left out."""
    for _ in range(WARM):
        act()
    begun = time.perf_counter()
    for _ in range(STEPS):
        act()
    return (time.perf_counter() - begun) / STEPS


def profile() -> None:
    """Print the operations of 20 steps, and how much of the time is the spoiling's."""
    import torch

    from sfumato.train.run import create

    task = made(**{"train.steps": 20, "train.workers": 0})
    tuned = task.tuned()
    torch.set_num_threads(tuned.threads)
    spent = [0.0]
    pair = type(task.pairs).pair

    def timed(self: Any, epoch: int, index: int) -> Any:
        begun = time.perf_counter()
        drawn = pair(self, epoch, index)
        spent[0] += time.perf_counter() - begun
        return drawn

    type(task.pairs).pair = timed
    with tempfile.TemporaryDirectory() as folder:
        learner = task.learner(tuned, create(Path(folder) / "run"))
        begun = time.perf_counter()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
            learner.fit()
        wall = time.perf_counter() - begun
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=40))
    print(f"{wall:.2f} s, of them {spent[0]:.2f} s spoiling")


# -- From outside ------------------------------------------------------------------------------------------------------


def fresh(part: str, way: Way | None = None) -> dict[str, Any]:
    """One measurement in a process of its own."""
    words = [sys.executable, __file__, "--part", part]
    environment = dict(os.environ)
    if way is not None:
        words += ["--way", str(WAYS.index(way))]
        environment |= {"OMP_WAIT_POLICY": way.waiting} if way.waiting != "shortly" else {}
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if ended.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{ended.stderr}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


Raw = dict[str, list[dict[str, Any]]]


def of_training(turns: int) -> Raw:
    """Every part and way, in turn."""
    raw: Raw = {}
    for _ in range(turns):
        for part in ("network", "spoiling", "here"):
            raw.setdefault(part, []).append(fresh(part))
        for way in WAYS:
            raw.setdefault(way.name, []).append(fresh("whole", way))
    return raw


def judged(raw: Raw) -> list[Bar]:
    """What the rates say.  Threads that always spin are told, and not compared with: they are good only for who has the machine alone."""
    turns = len(raw["network"])
    rates = {name: [row["rate"] for row in rows] for name, rows in raw.items()}
    middle = {name: statistics.median(values) for name, values in rates.items()}
    bounds = [1 / (1 / net + 1 / spoilt) for net, spoilt in zip(rates["network"], rates["spoiling"], strict=True)]
    planned = [rate / bound for rate, bound in zip(rates[WAYS[0].name], bounds, strict=True)]
    best = max((way.name for way in WAYS[1:] if way.waiting != "active"), key=lambda name: middle[name])
    without = WITHOUT.name
    outside = [
        1 - whole * (1 / net + 1 / here) for whole, net, here in zip(rates[without], rates["network"], rates["here"], strict=True)
    ]
    bars = [
        Bar(
            what=f"end-to-end images a second ({middle[WAYS[0].name]:.0f}) over 1/(1/network alone ({middle['network']:.0f}) "
            f"+ 1/spoiling alone on {CORES} cores ({middle['spoiling']:.0f})), median of {turns}",
            needed=f"at least {NEEDED:g}",
            measured=round(statistics.median(planned), 3),
            spread=[round(min(planned), 3), round(max(planned), 3)],
            holds=statistics.median(planned) >= NEEDED,
        ),
        Bar(
            what=f"what the plan chose against the best of the ways tried ({best}, {middle[best]:.0f} images a second)",
            needed="at least 0.97 of it",
            measured=round(middle[WAYS[0].name] / middle[best], 3),
            spread=", ".join(f"{way.name}: {middle[way.name]:.0f}" for way in WAYS[1:]),
            holds=middle[WAYS[0].name] >= 0.97 * middle[best],
        ),
        Bar(
            what="share of a step, no worker, that is neither the network's (forward, backward, update) nor spoiling",
            needed=f"at most {OUTSIDE:g}",
            measured=round(statistics.median(outside), 4),
            spread=[round(min(outside), 4), round(max(outside), 4)],
            holds=statistics.median(outside) <= OUTSIDE,
        ),
    ]
    return bars


def compiled() -> Bar:
    """Whether inductor wins, tried as for a long training."""
    found = fresh("compile")
    said = found["chosen"].split("; ")[-1]
    return Bar(what=f"torch.compile (inductor), tried as for a long training: {said}", needed="measured, and chosen where it wins",
               measured=found["compiled"], spread="", holds="failed" not in said)  # fmt: skip


def compile_tried() -> dict[str, Any]:
    """In its process."""
    task = made(**{"train.steps": 10**7, "train.workers": 0})
    tuned = task.tuned()
    return {"chosen": tuned.why, "compiled": tuned.compiled}


def of_starting() -> list[Bar]:
    """How long a person waits for what needs no network, and for a small picture."""
    bars = []
    photographs = str(results.unpacked() / "bsds" / "train")
    for words in (["--help"], ["restore", "--help"], ["recipes"], ["train", "restore", photographs, "--dry-run"]):
        times = sorted(_seconds([sys.executable, "-m", "sfumato", *words]) for _ in range(STARTS))
        bars.append(
            Bar(
                what=f"`sfumato {' '.join(words).replace(photographs, 'photos')}`, torch not imported: wall time, median of {STARTS}",
                needed=f"at most {START:g} s",
                measured=round(statistics.median(times), 3),
                spread=[round(times[0], 3), round(times[-1], 3)],
                holds=statistics.median(times) <= START and not _imports_torch(words),
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.jpg"
        _small(small)
        typed = [sys.executable, "-m", "sfumato", "restore", str(small), "--out", str(Path(folder) / "out.jpg"), "--overwrite"]
        over = sorted(_seconds(typed) - _seconds([sys.executable, "-c", "import torch"]) for _ in range(STARTS))
    middle = statistics.median(over)
    bars.append(
        Bar(
            what=f"`sfumato restore` of 0.1 megapixels beyond `import torch`: wall time, median of {STARTS} pairs",
            needed=f"at most {REPAIR:g} s",
            measured=round(middle, 3),
            spread=[round(over[0], 3), round(over[-1], 3)],
            holds=middle <= REPAIR,
        )
    )
    return bars


def _seconds(words: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - begun


def _imports_torch(words: list[str]) -> bool:
    look = f"import sys; from sfumato.cli import main\ntry: main.app({words!r})\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    return subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stderr.splitlines()[-1] != "False"


def _small(path: Path) -> None:
    from PIL import Image
    from skimage import data

    Image.fromarray(data.chelsea()[:256, :400]).save(path, quality=40)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "network": network_alone,
    "spoiling": spoiling_alone,
    "here": spoiling_here,
    "compile": compile_tried,
}


def main() -> None:
    """Print and write bench/results/step_cost.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--profile", action="store_true")
    options.add_argument("--judge", action="store_true", help="judge the rates of training anew that are kept in the result")
    options.add_argument("--part", choices=[*PARTS, "whole"], help="one measurement, in this process")
    options.add_argument("--way", type=int, default=0, help="of that one measurement: how the cores are shared")
    given = options.parse_args()
    if given.profile:
        return profile()
    if given.part:
        threads.wait_shortly()
        print(json.dumps(whole(WAYS[given.way]) if given.part == "whole" else PARTS[given.part]()))
        return None
    if given.judge:
        kept = json.loads((results.RESULTS / "step_cost.json").read_text(encoding="utf-8"))
        bars = judged(kept["raw"])
        results.write("step_cost", [*bars, *(Bar(**bar) for bar in kept["bars"][len(bars) :])], raw=kept["raw"])
        return None
    raw = of_training(given.turns)
    results.write("step_cost", [*judged(raw), compiled(), *of_starting()], raw=raw)
    return None


if __name__ == "__main__":
    main()
