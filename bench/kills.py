"""What a kill costs: runs of 300 steps that are killed, stopped or started twice, resumed, and compared with one that nobody touched.

    python bench/kills.py [--kills 20] [--seed 1] [--jobs 2]

Every run goes through the command line in processes of its own, with a state every 10 steps.  After each fault `sfumato resume` takes the
run to its end; last.safetensors and best.safetensors must hold the same bits, and stats.jsonl the same story, as the untouched run's.
Moments are drawn evenly between the first step and step 290; one that came too late is drawn again.  The rarer faults are tried a fifth as
often.  Takes about a quarter of an hour and wants the machine to itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core import files
from sfumato.core import recipe as recipes
from sfumato.core.errors import DONE, INTERRUPTED, REFUSED
from sfumato.data import photographs
from sfumato.nets.load import read_header
from sfumato.show.sheets import save_png
from sfumato.tasks.parts.pairs import centre
from sfumato.tasks.restore_recipe import Restore

STEPS, LATEST, EVERY = 300, 290, 10  # of a run; the latest one after which it is killed; between two states
SIDE = 96  # px of the pictures: small, so that scoring them takes no time
TINY = [
    "spoil.chain=noise 5..30 | jpeg 40..90",
    "data.split=folder",
    "data.crop=32",
    "network.widths=[8,12]",
    "network.blocks=[1,1]",
    "network.blocks_up=[1]",
    "train.batch=4",
    f"train.steps={STEPS}",
    "train.tune=false",
    f"train.state_steps={EVERY}",
    "train.device=cpu",
    "previews.count=1",
    f"previews.side={SIDE}",
]
PATIENCE = 120  # s that one command may take
AGAIN = 10  # times that a moment is drawn anew, at most
LINGER = 2.0  # s that workers may outlive a training process that was killed


@dataclass(frozen=True)
class Pace:
    """How an untouched run went, in seconds."""

    first: float  # from its start to its first step
    step: float  # each step
    judging: float  # from its last step until its scores stood


@dataclass(frozen=True)
class Ground:
    """Where the runs lie, what their moments are drawn from, and how the untouched ones went, by their workers."""

    folder: Path
    seed: int
    paces: dict[int, Pace] = field(default_factory=dict)

    @property
    def recipe(self) -> Path:
        """What all runs are made from."""
        return self.folder / "recipe.toml"

    def whole(self, workers: int = 0) -> Path:
        """The untouched run; without workers it is what all others are compared with."""
        return self.folder / f"whole-{workers}"


@dataclass(frozen=True)
class Try:
    """One try of a fault: which it is, the folder of its run, and what its moment is drawn with."""

    number: int
    run: Path
    rng: np.random.Generator


@dataclass(frozen=True)
class Verdict:
    """What came of it: what was lost (nothing: empty), what was said, and the step that was saved last before the fault."""

    lost: tuple[str, ...]
    said: str
    step: int


@dataclass(frozen=True)
class Fault:
    """A fault, how it is done (None: its moment was wrong), and how often."""

    words: str
    attempt: Callable[[Try], Verdict | None]
    times: int


# -- runs ----------------------------------------------------------------------------------------------------------------


def prepare(folder: Path, seed: int, workers: tuple[int, ...] = (0, 1, 2)) -> Ground:
    """The middle of the built-in photographs, the recipe, and the untouched runs."""
    for kind, items in (("train", photographs.items()), ("valid", photographs.held_out())):
        for item in items:
            save_png(folder / "pictures" / kind / f"{item.name}.png", centre(item.levels(3), SIDE))
    ground = Ground(folder, seed)
    changes = [*TINY, f"data.folders={json.dumps([str(folder / 'pictures')])}"]
    files.write_text(ground.recipe, recipes.to_toml(recipes.read(Restore, {}, changes)))
    for number in workers:
        ground.paces[number] = untouched(ground, number)
    return ground


def untouched(ground: Ground, workers: int) -> Pace:
    """Run it, and note when it gets where."""
    run, begun = ground.whole(workers), time.monotonic()
    process = train(ground, run, workers)
    ready = wait_for(lambda: (run / "best.safetensors").is_file(), run, process)
    tenth, last = (wait_for(partial(has_saved, run, step), run, process) for step in (EVERY, STEPS))
    scored = wait_for(lambda: (run / "scores.json").is_file(), run, process)
    if process.wait(PATIENCE) != DONE:
        sys.exit(f"The untouched run failed:\n{log(run)}")
    step = (last - tenth) / (STEPS - EVERY)
    return Pace(first=max(ready, tenth - (EVERY - 1) * step) - begun, step=step, judging=scored - last)


def train(ground: Ground, run: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start a training."""
    return start(run, "train", ground.recipe, "--set", f"train.workers={workers}", "--out", run)


def resume(run: Path, workers: int | None = None) -> subprocess.Popen[bytes]:
    """Go on with one."""
    return start(run, "resume", run, *([] if workers is None else ["--workers", workers]))


def start(run: Path, *words: Any) -> subprocess.Popen[bytes]:
    """One command, in a group of processes of its own; what it says goes to a file beside the run."""
    with Path(f"{run}.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "sfumato", *map(str, words)],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        )


def wait_for(come: Callable[[], bool], run: Path, process: subprocess.Popen[bytes]) -> float:
    """When something had come that a run does."""
    while not come():
        if process.poll() is not None and not come():
            sys.exit(f"{run.name} ended too early:\n{log(run)}")
        time.sleep(0.002)
    return time.monotonic()


def log(run: Path) -> str:
    """All that a run said, without the places of this machine."""
    text = Path(f"{run}.log").read_text(errors="replace")
    for place, word in ((str(run), "RUN"), (str(run.parent), "."), (socket.gethostname(), "this machine")):
        text = text.replace(place, word)
    return text


def sentence(run: Path, start: str) -> str:
    """The last line that begins so."""
    return next((line for line in reversed(log(run).splitlines()) if line.startswith(start)), "")


def facts(run: Path) -> dict[str, Any]:
    """run.json, where it is there already."""
    path = run / "run.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def saved(run: Path) -> int:
    """The step of the newest state."""
    return max((int(path.stem) for path in run.glob("state/[0-9]*.safetensors")), default=0)


def has_saved(run: Path, step: int) -> bool:
    """Whether a run has come so far."""
    return saved(run) >= step


def state(run: Path, step: int) -> Path:
    """Where the state after a step is."""
    return run / "state" / f"{step:08d}.safetensors"


def story(run: Path) -> list[dict[str, Any]]:
    """What stats.jsonl tells, but for the seconds."""
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def differences(ground: Ground, run: Path) -> tuple[str, ...]:
    """In what a finished run is not like the one that nobody touched."""
    whole = ground.whole()
    models = [name for name in ("last", "best") if weights(run / f"{name}.safetensors") != weights(whole / f"{name}.safetensors")]
    found = [f"the weights of {name}.safetensors differ" for name in models]
    if facts(run).get("status") != "done":
        found.append("the run did not end")
    if story(run) != story(whole):
        found.append("stats.jsonl differs")
    if {path.name for path in run.glob("previews/*")} != {path.name for path in whole.glob("previews/*")}:
        found.append("other previews")
    if any(files.is_aside(path) for path in run.rglob("*")):
        found.append("half-written files stay")
    return tuple(found)


def weights(path: Path) -> str:
    """The checksum of a model's weights, which stands in its header."""
    return read_header(path).sha256 if path.is_file() else "missing"


def finished(ground: Ground, run: Path, process: subprocess.Popen[bytes], said: str, step: int, *worse: str) -> Verdict:
    """Wait for what takes the run to its end, and compare."""
    if (code := process.wait(PATIENCE)) != DONE:
        return Verdict((*worse, f"resume ended with {code}: {sentence(run, 'sfumato:')}"), said, step)
    return Verdict((*worse, *differences(ground, run)), said or sentence(run, "going on after"), step)


# -- faults --------------------------------------------------------------------------------------------------------------


def under_way(ground: Ground, one: Try, workers: int) -> subprocess.Popen[bytes]:
    """A training at a random moment between its first step and step 290."""
    moment = one.rng.uniform(1, LATEST)  # in steps
    known = int(moment) // EVERY * EVERY
    process = train(ground, one.run, workers)
    wait_for(partial(has_saved, one.run, known) if known else (one.run / "best.safetensors").is_file, one.run, process)
    time.sleep((moment - known) * ground.paces[workers].step)
    return process


def too_late(run: Path) -> bool:
    """Whether the run was beyond step 290 when it ended."""
    return saved(run) > LATEST or facts(run).get("status") == "done"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the process and all its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def killed(ground: Ground, one: Try, *, ways: tuple[tuple[int, int], ...]) -> Verdict | None:
    """All processes of a run killed at once.  ways: workers before and after, one pair a try, in turn."""
    before, after = ways[one.number % len(ways)]
    kill_group(under_way(ground, one, before))
    step = saved(one.run)
    return None if too_late(one.run) else finished(ground, one.run, resume(one.run, after), "", step)


def killed_before_the_first_step(ground: Ground, one: Try) -> Verdict | None:
    """Killed while it starts or validates for the first time.  One that has no recipe yet is trained anew, in the same folder."""
    run, process = one.run, train(ground, one.run, 0)
    time.sleep(one.rng.uniform(0, ground.paces[0].first))
    kill_group(process)
    if saved(run):
        return None
    again = resume(run) if (run / "recipe.toml").is_file() else train(ground, run, 0)
    verdict = finished(ground, run, again, "", 0)
    return Verdict(verdict.lost, sentence(run, "no state was saved yet") or "trained anew in the same folder", 0)


def killed_after_the_last_step(ground: Ground, one: Try) -> Verdict | None:
    """Killed during the last validation or while the finished model is judged: nothing is trained again."""
    run, process = one.run, train(ground, one.run, 0)
    wait_for(partial(has_saved, run, STEPS), run, process)
    time.sleep(one.rng.uniform(0, ground.paces[0].judging))
    kill_group(process)
    if facts(run).get("status") == "done":
        return None
    before = state(run, STEPS).stat().st_mtime_ns
    verdict = finished(ground, run, resume(run), "", STEPS)
    trained = () if state(run, STEPS).stat().st_mtime_ns == before else ("it was trained again",)
    return Verdict((*verdict.lost, *trained), verdict.said, STEPS)


def main_process_killed(ground: Ground, one: Try) -> Verdict | None:
    """Only the process that trains is killed: its two workers must end by themselves, and the folder be free at once."""
    run, process = one.run, under_way(ground, one, 2)
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    begun, step = time.monotonic(), saved(run)
    if len(workers) < 2 or too_late(run):
        return None
    again = resume(run)
    while any(alive(worker) for worker in workers) and time.monotonic() - begun < 60:
        time.sleep(0.01)
    lasted = time.monotonic() - begun
    worse = [f"workers stayed for {lasted:.0f} s"] if lasted > LINGER else []
    return finished(ground, run, again, f"its workers ended within {max(lasted, 0.1):.1f} s", step, *worse)


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits to be buried does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def worker_killed(ground: Ground, one: Try) -> Verdict | None:
    """One of two workers is killed: the training ends with a sentence, and is resumed with one."""
    run, process = one.run, under_way(ground, one, 2)
    workers = psutil.Process(process.pid).children()
    if len(workers) < 2:
        kill_group(process)
        return None
    workers[0].kill()
    code, step = process.wait(PATIENCE), saved(run)
    if code == DONE or too_late(run):
        return None
    worse = [] if code == REFUSED else [f"it ended with {code}"]
    return finished(ground, run, resume(run, 1), sentence(run, "sfumato:"), step, *worse)


def stopped(ground: Ground, one: Try, *, by: signal.Signals, workers: int, everyone: bool) -> Verdict | None:
    """SIGTERM or SIGINT, for the training process or for all: the step is finished and saved, and the status is 130."""
    run, process = one.run, under_way(ground, one, workers)
    (os.killpg if everyone else os.kill)(process.pid, by)
    code, step = process.wait(PATIENCE), saved(run)
    if code == DONE:
        return None
    worse = [] if code == INTERRUPTED else [f"it ended with {code}"]
    if facts(run).get("steps") != step:
        worse.append("the last step was not saved")
    return finished(ground, run, resume(run), sentence(run, "sfumato: interrupted"), step, *worse)


def started_twice(ground: Ground, one: Try) -> Verdict | None:
    """A second training and a resume on a folder that is in use: both refused by name, the first one unharmed.

    The first is held meanwhile, for the others take longer to start than it runs.
    """
    run, process = one.run, under_way(ground, one, 0)
    process.send_signal(signal.SIGSTOP)
    if too_late(run):
        kill_group(process)
        return None
    worse, said = [], ""
    for what, begin in (("train", partial(train, ground, run, 0)), ("resume", partial(resume, run))):
        code = begin().wait(PATIENCE)
        said = sentence(run, "sfumato:")
        if code != REFUSED or f"process {process.pid} " not in said:
            worse.append(f"a second {what} ended with {code}: {said}")
    process.send_signal(signal.SIGCONT)
    return finished(ground, run, process, said, saved(run), *worse)


def faults(ground: Ground, kills: int) -> list[Fault]:
    """All of them."""
    few = max(1, kills // 5)
    between = "between steps 1 and 290"
    stop = partial(stopped, ground)
    return [
        Fault(f"kill -9 {between}", partial(killed, ground, ways=((0, 0),)), kills),
        Fault(f"kill -9 {between}, 2 workers", partial(killed, ground, ways=((2, 2),)), kills),
        Fault(
            f"kill -9 {between}, resumed with another number of workers (2 to 0, 0 to 2, 0 to 1)",
            partial(killed, ground, ways=((2, 0), (0, 2), (0, 1))),
            kills,
        ),
        Fault("kill -9 before the first step", partial(killed_before_the_first_step, ground), few),
        Fault("kill -9 after the last step", partial(killed_after_the_last_step, ground), few),
        Fault("kill -9 of the training process alone, 2 workers", partial(main_process_killed, ground), few),
        Fault("kill -9 of one of 2 workers", partial(worker_killed, ground), few),
        Fault("SIGTERM", partial(stop, by=signal.SIGTERM, workers=0, everyone=False), few),
        Fault("SIGTERM to all processes, 2 workers", partial(stop, by=signal.SIGTERM, workers=2, everyone=True), few),
        Fault("Ctrl-C", partial(stop, by=signal.SIGINT, workers=0, everyone=True), few),
        Fault("Ctrl-C, 2 workers", partial(stop, by=signal.SIGINT, workers=2, everyone=True), few),
        Fault("a second train and a resume on a run folder in use", partial(started_twice, ground), 1),
    ]


# -- what came of it -----------------------------------------------------------------------------------------------------


def tried(ground: Ground, fault: Fault, jobs: int) -> list[Verdict]:
    """Do it as often as it is to be done, some at once."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(partial(once, ground, fault), range(fault.times)))


def once(ground: Ground, fault: Fault, number: int) -> Verdict:
    """One try; a moment that was wrong is drawn again.  A run that lost something is kept."""
    rng = np.random.default_rng([ground.seed, zlib.crc32(fault.words.encode()), number])
    for draw in range(AGAIN):
        run = ground.folder / f"{re.sub(r'[^a-z0-9]+', '-', fault.words.lower())}-{number}-{draw}"
        verdict = fault.attempt(Try(number, run, rng))
        if verdict is None or not verdict.lost:
            shutil.rmtree(run)
        if verdict is not None:
            print(f"{fault.words}: saved step {verdict.step}, lost {', '.join(verdict.lost) or 'nothing'}", flush=True)
            return verdict
    sys.exit(f"{fault.words}: the moment was wrong {AGAIN} times; is the machine busy?")


def lost(verdicts: list[Verdict]) -> str:
    """In words: nothing, or in how many runs what."""
    counted = Counter(what for verdict in verdicts for what in verdict.lost)
    return "; ".join(f"{number} of {len(verdicts)}: {what}" for what, number in counted.items()) or "nothing"


def bar(words: str, verdicts: list[Verdict]) -> Bar:
    """All must have lost nothing."""
    well, steps = sum(not verdict.lost for verdict in verdicts), [verdict.step for verdict in verdicts]
    return Bar(
        what=f"{words}: in the end weights, story and previews are those of the untouched run, bit for bit",
        needed=f"{len(verdicts)} of {len(verdicts)}",
        measured=well,
        spread=f"last saved steps {min(steps)}..{max(steps)}",
        holds=well == len(verdicts),
    )


def row(words: str, verdicts: list[Verdict]) -> dict[str, Any]:
    """A line of the table of faults."""
    said = next((verdict.said for verdict in verdicts if verdict.said), "")
    return {"fault": words, "tried": len(verdicts), "lost": lost(verdicts), "said": said.removeprefix("sfumato: ")}


def main() -> None:
    """Try, print, write bench/results/kills.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20, help="of each of the three main kinds")
    options.add_argument("--seed", type=int, default=1, help="of the moments")
    options.add_argument("--jobs", type=int, default=2, help="runs at once")
    given = options.parse_args()
    folder, begun = Path(tempfile.mkdtemp(prefix="kills-")), time.monotonic()
    ground = prepare(folder, given.seed)
    bars = [bar("1 and 2 workers instead of none", [Verdict(differences(ground, ground.whole(number)), "", STEPS) for number in (1, 2)])]
    rows = []
    for fault in faults(ground, given.kills):
        verdicts = tried(ground, fault, given.jobs)
        bars.append(bar(fault.words, verdicts))
        rows.append(row(fault.words, verdicts))
    results.write("kills", bars, faults=rows, minutes=round((time.monotonic() - begun) / 60, 1))
    if all(each.holds for each in bars):
        shutil.rmtree(folder)
    else:
        sys.exit(f"What was lost lies in {folder}.")


if __name__ == "__main__":
    main()
