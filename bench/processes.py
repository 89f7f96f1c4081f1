"""Several processes: the same order and the same loss as one of the same batch, one writer, a killed process, loaders that are spawned.

    python bench/processes.py [--steps 50]

`torchrun --nproc_per_node 2` on the CPU (gloo, through accelerate) against one process whose batch is as large as both together.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
from results import Bar

FOLDER = "builtin:photographs"
EXACT = ["network.blocks=[1,1,1]", "network.blocks_up=[1,1]", "data.crop=48", "train.batch=8"]
SMALL = ["network.widths=[8,12]", "network.blocks=[1,1]", "network.blocks_up=[1]", "data.crop=32", "train.batch=8", "previews.count=1"]
RATE = 2e-3  # of plain gradient descent
WAITS = 90.0  # s, in which all must have ended after one was killed


@dataclass(frozen=True)
class Case:
    """A recipe, and how far the losses may part: relative to those of one process."""

    changes: tuple[str, ...]
    exact: bool  # float64 and plain gradient descent: nothing but the order of sums differs
    limit: float


SHIPPED, SQUEEZED = "the shipped recipe", "the shipped recipe, its whole schedule squeezed into these steps"
CASES = {
    "group norm, float64, SGD": Case((*EXACT, "network.norm=group"), True, 1e-6),
    "no norm, float64, SGD": Case((*EXACT, "network.norm=none"), True, 1e-6),
    SHIPPED: Case((), False, 1e-3),  # as it is, on bsds/train: of its 20 epochs these are the first steps
    SQUEEZED: Case((), False, math.inf),  # told, and no bar: its rate is at its highest after a tenth of the steps
}


def command(several: bool, *words: str | Path) -> list[str]:
    """In one process, or in two by torchrun."""
    many = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return [*(many if several else [sys.executable]), *map(str, words)]


def started(several: bool, *words: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Started, with all it says in a file; one thread a process, so that sums are cut alike."""
    with log.open("wb") as said:
        return subprocess.Popen(
            command(several, *words), stdout=said, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        )


def done(several: bool, *words: str | Path, log: Path) -> None:
    """The same, to its good end."""
    if started(several, *words, log=log).wait():
        sys.exit(f"{words} failed:\n{log.read_text(errors='replace')}")


# -- The curve of the loss ---------------------------------------------------------------------------------------------


def follow(name: str, steps: int, out: Path) -> None:
    """In each process: train, and write down which items it saw and what was told of the loss."""
    import torch
    from torch import nn

    from sfumato.core import recipe
    from sfumato.core.errors import Interrupted
    from sfumato.data.batches import Batch
    from sfumato.tasks.restore import RestoreTask
    from sfumato.tasks.restore_recipe import Restore
    from sfumato.train.callback import Callback
    from sfumato.train.callbacks.nonfinite import SkipNonFinite
    from sfumato.train.learner import Learner
    from sfumato.train.objective import Outcome
    from sfumato.train.run import Run
    from sfumato.train.tune import Tuned

    case = CASES[name]

    class Diary(Callback):
        """Items and losses, step by step."""

        follows = (SkipNonFinite,)

        def __init__(self) -> None:
            self.items: list[list[int]] = []
            self.losses: list[float] = []

        def after_update(self, learner: Learner) -> None:
            self.items.append(list(learner.batch.items))
            self.losses.append(learner.outcome.loss.item())
            if len(self.losses) == steps:
                learner.stopping = "these are the steps that are compared"

    class Watched(RestoreTask):
        """`train restore`, watched."""

        def _careful(self, tuned: Tuned) -> list[Callback]:
            return [*super()._careful(tuned), diary]

        def _writing(self, run: Run) -> list[Callback]:
            return []

    def double(network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        loss = (network(batch.input.double()) - batch.target.double()).square().mean()
        return Outcome(loss, {"mse": loss.detach()})

    diary = Diary()
    folder = str(results.unpacked() / "bsds" / "train") if name == SHIPPED else FOLDER
    budget = [] if name == SHIPPED else [f"train.steps={steps}"]
    task = Watched(recipe.read(Restore, {}, [f"data.folders={json.dumps([folder])}", "train.tune=false", *budget, *case.changes]))
    torch.set_num_threads(1)
    if case.exact:
        task.network.double()
    learner = task.learner(task.tuned(), Run(out / "run"))
    if case.exact:
        learner.main.objective, learner.held_out = double, ()
        learner.main.optimiser = torch.optim.SGD(learner.network.parameters(), lr=RATE)
        learner.main.base_rates = [RATE]
    learner.held_out = ()
    with suppress(Interrupted):
        learner.fit()
    ended = {"items": diary.items, "losses": diary.losses}
    (out / f"{_short(name)}-{task.ranks.count}-{task.ranks.rank}.json").write_text(json.dumps(ended))


def _short(name: str) -> str:
    return str(list(CASES).index(name))


def curves(folder: Path, name: str, steps: int) -> list[Bar]:
    """Two processes against one."""
    for several in (False, True):
        words = (__file__, "--follow", name, "--steps", str(steps), "--out", str(folder))
        done(several, *words, log=folder / "curve.log")
    ends = ("1-0", "2-0", "2-1")
    alone, first, second = (json.loads((folder / f"{_short(name)}-{end}.json").read_text()) for end in ends)
    both = [[item for pair in zip(*parts, strict=True) for item in pair] for parts in zip(first["items"], second["items"], strict=True)]
    apart = [abs(a - b) / a for a, b in zip(alone["losses"], first["losses"], strict=True)]
    limit = CASES[name].limit
    return [
        Bar(
            what=f"{name}: losses of {steps} steps in two processes, apart from those of one, the largest, relative",
            needed=f"at most {limit:g}",
            measured=max(apart),
            spread=[min(apart), max(apart)],
            holds=max(apart) <= limit and first["losses"] == second["losses"],
        ),
        Bar(
            what=f"{name}: batches whose pictures, taken from both processes in turn, are those of one process in the same order",
            needed=f"all {steps}",
            measured=sum(one == other for one, other in zip(alone["items"], both, strict=True)),
            spread="",
            holds=alone["items"] == both,
        ),
    ]


# -- Runs as a person types them ---------------------------------------------------------------------------------------


def recipe_file(folder: Path, *changes: str) -> list[str]:
    """What is typed behind `sfumato train restore`."""
    given = [f"data.folders=['{FOLDER}']", "spoil.chain=noise 25", "train.tune=false", "train.state_steps=10", *SMALL, *changes]
    return ["-m", "sfumato", "train", "restore", *(word for change in given for word in ("--set", change))]


def one_writer(folder: Path) -> tuple[list[Bar], Path]:
    """What two processes leave behind is what one does."""
    for several, name in ((False, "one"), (True, "two")):
        done(several, *recipe_file(folder, "train.steps=150"), "--out", folder / name, log=folder / f"{name}.log")
    left = {name: sorted(path.relative_to(folder / name).as_posix() for path in (folder / name).rglob("*")) for name in ("one", "two")}
    steps = [row["step"] for row in _rows(folder / "two") if row["kind"] == "step"]
    alone = [row["step"] for row in _rows(folder / "one") if row["kind"] == "step"]
    return [
        Bar(
            what="one writer: two processes leave the same files as one, and every step once in stats.jsonl",
            needed="the same",
            measured=len(left["two"]),
            spread="",
            holds=left["one"] == left["two"] and steps == alone,
        )
    ], folder / "two"


def _rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]


def killed(folder: Path, whole: Path) -> tuple[list[Bar], list[dict[str, Any]]]:
    """Kill each of the two in turn; all must end with a clear error, and a resumed run must end as if nothing had been."""
    bars, faults = [], []
    for rank in (1, 0):
        run, log = folder / f"killed-{rank}", folder / f"killed-{rank}.log"
        process = started(True, *recipe_file(folder, "train.steps=150"), "--out", run, log=log)
        _wait(lambda run=run: len(list(run.glob("state/*.safetensors"))) > 1, process)
        os.kill(_pid_of(process.pid, rank), signal.SIGKILL)
        begun = time.monotonic()
        try:
            status = process.wait(WAITS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = 0
        took = time.monotonic() - begun
        said = [line.replace(f"{folder}/", "") for line in log.read_text(errors="replace").splitlines() if line.startswith("sfumato: ")]
        done(True, "-m", "sfumato", "resume", run, log=folder / f"resumed-{rank}.log")
        same = _weights(run) == _weights(whole)
        clear = rank == 0 or any("Another process of this training ended" in line for line in said)
        bars.append(
            Bar(
                what=f"process {rank} of two killed: all end, with an error that names it, and resume ends bit for bit as without",
                needed=f"within {WAITS:g} s",
                measured=round(took, 1),
                spread="s until all had ended",
                holds=status != 0 and clear and same,
            )
        )
        fault = f"process {rank} of two killed by SIGKILL"
        lost = "nothing" if same else "the resumed run ends otherwise"
        faults.append({"fault": fault, "tried": 1, "lost": lost, "said": said[0] if said else "torchrun's own report"})
    return bars, faults


def _weights(run: Path) -> str:
    from sfumato.nets.load import read_header

    return read_header(run / "last.safetensors").sha256


def _wait(ready: Any, process: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while not ready():
        if process.poll() is not None or time.monotonic() - begun > WAITS:
            sys.exit("The run ended, or never began.")
        time.sleep(0.02)


def _pid_of(parent: int, rank: int) -> int:
    import psutil

    return next(child.pid for child in psutil.Process(parent).children(recursive=True) if child.environ().get("RANK") == str(rank))


def warned(folder: Path) -> Bar:
    """The plan says that batch norm's statistics are each process's own."""
    done(True, *recipe_file(folder, "train.steps=3", "network.norm=batch"), "--out", folder / "batch-norm", log=folder / "batch-norm.log")
    plan = (folder / "batch-norm" / "plan.txt").read_text()
    return Bar(
        what="batch norm in two processes: the plan warns that statistics are each process's own",
        needed="a warning",
        measured=next((line for line in plan.splitlines() if line.startswith("warning")), "none"),
        spread="",
        holds="warning" in plan and "batch norm" in plan,
    )


def spawned() -> Bar:
    """Batches of the default recipe from spawned workers, as on Windows and macOS, against those made here."""
    import torch

    from sfumato.core import recipe
    from sfumato.tasks import restore
    from sfumato.tasks.restore_recipe import Restore

    batches = restore.build(recipe.read(Restore, {}, [f"data.folders=['{FOLDER}']"])).batches
    streams = [replace(batches, workers=workers, context=how).stream(0, 0) for workers, how in ((0, "fork"), (2, "fork"), (2, "spawn"))]
    same = 0
    for here, forked, apart in islice(zip(*streams, strict=True), 12):
        same += all(torch.equal(here.input, other.input) and here.items == other.items for other in (forked, apart))
    return Bar(
        what="batches from 2 forked and from 2 spawned workers, equal to those made in the training process",
        needed="all 12",
        measured=same,
        spread="",
        holds=same == 12,
    )


def main() -> None:
    """Print and write bench/results/processes.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=50)
    options.add_argument("--follow", choices=list(CASES), help="one process's part of a curve")
    options.add_argument("--out", type=Path, help="where that process writes")
    given = options.parse_args()
    if given.follow:
        follow(given.follow, given.steps, given.out)
        return
    place = Path(tempfile.mkdtemp())
    try:
        bars = [bar for name in CASES if name != SQUEEZED for bar in curves(place, name, given.steps)]
        squeezed, _ = curves(place, SQUEEZED, given.steps)
        more, whole = one_writer(place)
        ends, faults = killed(place, whole)
        told = {squeezed.what: squeezed.measured}
        results.write("processes", [*bars, *more, *ends, warned(place), spawned()], faults=faults, squeezed=told)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
