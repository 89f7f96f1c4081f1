"""A game of repair: is the critic ready before it, is it fair, does it go on after a kill, and what does it cost?

    python bench/game.py [--from build/ladder/cross-8m-1/last.safetensors]

The game is the recipe tiny-superres-critic, begun from the model named (rung 5 of the ladder).  Fairness: a critic learns real pictures
as both sides, by the path of each, and is asked about others.  `kill -9` falls after three states of the game.  A step's cost is that of
the Learner with all that a run has, against a bare loop that does the same forwards, backwards and updates on the same batches, in turn,
in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.levels import batch_to_levels, batch_to_unit
from sfumato.data.batches import Batch
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts.pairs import HeldOut
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import ACCURACY
from sfumato.train.run import Run

RECIPE = "tiny-superres-critic"
STEPS, FAST = 300, ("train.minutes=off", f"train.steps={300}", "train.batch=8", "train.tune=false", "game.patience=999", "previews.count=0")
KILLS = (50, 150, 250)  # steps: as soon as a state of so many, or more, is there
ROUNDS, TIMED = 7, 12  # interleaved pairs, steps in each
COIN = 100  # pairs of batches that a critic learns from nothing, and as many that it is asked about


def task(model: Path, *changes: str) -> restore.RestoreTask:
    """The recipe with changes, as a task."""
    return restore.build(catalogue.read(RECIPE, [f"start_from={json.dumps(str(model))}", *changes]))


def ready(model: Path, folder: Path) -> Bar:
    """How often the critic is right before the game."""
    catalogue.train(catalogue.read(RECIPE, [f"start_from={json.dumps(str(model))}", "train.minutes=off", "train.steps=1"]), folder)
    rows = [json.loads(line) for line in (folder / "stats.jsonl").read_text(encoding="utf-8").splitlines()]
    [taught] = [row for row in rows if row["kind"] == "taught"]
    return Bar(
        what=f"how often the critic tells real from repaired before the game ({taught['pairs']} pairs held out)",
        needed="at least 0.95",
        measured=round(taught["accuracy"], 4),
        spread="",
        holds=taught["accuracy"] >= 0.95,
    )


def coin(model: Path) -> Bar:
    """A critic that is shown real pictures as both sides, by the path of each: it must not be right more often than a coin."""
    made = task(model)
    critic = made.critic
    assert critic is not None
    [player] = made.opponents(made.tuned())
    telling, draw, held = replace(made.telling, generator=torch.nn.Identity(), slope=0.0), torch.Generator(), []
    stream = made.batches.stream(0, 0)
    for number, (one, other) in enumerate(islice(zip(stream, stream, strict=False), 2 * COIN)):  # no picture is on both sides
        kept = batch_to_unit(batch_to_levels(one.target))  # as cached pairs are kept, which the critic is taught by
        pair = Batch(kept, other.target, other.items)  # the first in the place of what the generator made
        if number < COIN:
            player.optimiser.zero_grad()
            telling(critic, pair, draw.manual_seed(number)).loss.backward()
            player.optimiser.step()
            continue
        critic.eval()
        with torch.no_grad():
            held.append(telling(critic, pair, draw).parts[ACCURACY].item())
    right, count = float(np.mean(held)), 2 * made.batches.batch * len(held)
    apart = (right - 0.5) / (0.25 / count) ** 0.5
    return Bar(
        what=f"real against real by both paths: share told rightly, {count} pictures",
        needed="0.5 within 3 deviations",
        measured=round(right, 4),
        spread=f"{apart:+.2f} deviations",
        holds=abs(apart) <= 3,
    )


def command(model: Path, folder: Path) -> list[str]:
    """A training of 300 steps by the command line."""
    words = [sys.executable, "-m", "sfumato", "-q", "train", RECIPE, "--from", str(model), "--out", str(folder)]
    more = ("train.state_steps=25", "game.warm_steps=20", "game.warm_pairs=64")
    return [*words, *(word for change in (*FAST, *more) for word in ("--set", change))]


def killed(model: Path, work: Path) -> Bar:
    """Weights after kills and resumption against those of a run nobody stopped."""
    subprocess.run(command(model, work / "whole"), check=True)
    wanted, same, lost = load_file(work / "whole" / "last.safetensors"), [], []
    for step in KILLS:
        run = Run(work / f"killed-{step}")
        folder = run.folder
        running = subprocess.Popen(command(model, folder))
        while running.poll() is None and _saved(run) < step:
            time.sleep(0.05)
        if running.poll() is not None:
            raise SystemExit(f"The game was over before it could be killed at step {step}.")
        running.send_signal(signal.SIGKILL)
        running.wait()
        lost.append(_saved(run))
        subprocess.run([sys.executable, "-m", "sfumato", "-q", "resume", str(folder)], check=True)
        found = load_file(folder / "last.safetensors")
        same.append(all(torch.equal(tensor, found[name]) for name, tensor in wanted.items()))
    return Bar(
        what=f"a game of {STEPS} steps killed after its states of steps {', '.join(map(str, lost))} and resumed: as one nobody stopped",
        needed="every bit, each time",
        measured=f"{sum(same)} of {len(same)}",
        spread="",
        holds=all(same) and max(lost) < STEPS,
    )


def _saved(run: Run) -> int:
    """The step of the newest state."""
    return max((int(path.stem) for path in run.states.glob("*.safetensors") if path.stem.isdecimal()), default=0)


def silent(model: Path, work: Path) -> Bar:
    """The generator's losses with the critic's weight at 0 against plain training's."""
    losses = {}
    for name, change in {"plain": "critic.kind=none", "silent": "game.weight=0.0"}.items():
        fast = [*(one for one in FAST if "steps" not in one), "train.steps=60"]
        catalogue.train(catalogue.read(RECIPE, [f"start_from={json.dumps(str(model))}", *fast, change]), work / name)
        rows = [json.loads(line) for line in (work / name / "stats.jsonl").read_text(encoding="utf-8").splitlines()]
        losses[name] = [row["loss"] for row in rows if row["kind"] == "step"]
    same = losses["plain"] == losses["silent"]
    return Bar(
        what=f"losses of {len(losses['plain'])} lines with the critic's weight at 0 against plain training's",
        needed="equal",
        measured="equal" if same else "unlike",
        spread="",
        holds=same,
    )


class Clock(Callback):
    """When steps end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def after_batch(self, learner: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def cost(model: Path, work: Path) -> Bar:
    """A step of the game over a bare loop's."""
    changes = [change for change in FAST if "batch" not in change and "steps" not in change] + ["game.warm_steps=0"]
    turns = iter(range(1000))

    def learner() -> float:
        made = task(model, *changes, f"train.steps={TIMED + 3}", "train.state_every=600.0")
        clock, watching = Clock(), made.watching
        run = Run(work / f"cost-{next(turns)}")
        run.folder.mkdir(parents=True)
        object.__setattr__(made, "watching", lambda run, stats: [*watching(run, stats), clock])
        object.__setattr__(made, "held", HeldOut((), (), ()))
        object.__setattr__(made, "looks_within_epochs", False)
        made.learner(made.tuned(), run).fit()
        return _median(clock.ends)

    def bare() -> float:
        made = task(model, *changes, "train.steps=100")
        tuned = made.tuned()
        [critic], network = made.opponents(tuned), made.network
        optimiser, draw, ends = made.optimiser(network, tuned.fused), torch.Generator(), list[float]()
        for batch in islice(made.batches.stream(0, 0), TIMED + 3):
            network.eval()
            critic.network.train()
            for parameter in critic.network.parameters():
                parameter.requires_grad_(True)
            loss = critic.objective(critic.network, batch, draw.manual_seed(1)).loss
            loss.backward()
            critic.optimiser.step()
            critic.optimiser.zero_grad()
            network.train()
            critic.network.eval()
            for parameter in critic.network.parameters():
                parameter.requires_grad_(False)
            made.objective(network, batch, draw).loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            ends.append(time.perf_counter())
        return _median(ends)

    ratio, ratios, _ = results.paired(learner, bare, ROUNDS)
    return Bar(
        what="time of a step of the game over that of a bare loop with the same forwards and backwards",
        needed="at most 1.1",
        measured=round(ratio, 3),
        spread=[round(one, 3) for one in ratios],
        holds=ratio <= 1.1,
    )


def _median(ends: list[float]) -> float:
    return statistics.median(after - before for before, after in pairwise(ends[2:]))


def main() -> None:
    """Print and write bench/results/game.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--from", dest="model", type=Path, default=results.ROOT / "build" / "ladder" / "cross-8m-1" / "last.safetensors")
    given = options.parse_args()
    if not given.model.is_file():
        sys.exit(f"There is no model {given.model}: train one (python bench/ladder.py --only cross --seeds 1), or name another.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        torch.set_num_threads(os.cpu_count() or 1)
        bars = [
            ready(given.model, work / "ready"),
            coin(given.model),
            killed(given.model, work),
            silent(given.model, work),
            cost(given.model, work),
        ]
    results.write("game", bars)


if __name__ == "__main__":
    main()
