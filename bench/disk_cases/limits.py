"""Files that may not grow (RLIMIT_FSIZE), and streams that take nothing (/dev/full)."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from disk_cases.kit import Kit, sizes
from disk_cases.trial import Case, Ended, Trial, files

SIZE, FULL = "no file may grow beyond a size (RLIMIT_FSIZE)", "output to /dev/full"


def cases(kit: Kit) -> list[Case]:
    """A limit just below each kind of file that a training writes, and some for the other verbs."""
    limits = sizes(kit)
    least = limits["recipe.toml"]  # what is smaller is written after it, so that only a run that is resumed gets there
    middle = sorted(path.stat().st_size for path in kit.restored_six.glob("*.png"))[3]
    record = 20_000 + max(path.stat().st_size for path in kit.spoilt.glob("*.png"))
    found = [
        Case(SIZE, f"a training, where {kind} has just no room", partial(training, limit=size - 1))
        for kind, size in limits.items()
        if size >= least
    ]
    found += [
        Case(SIZE, f"a training that is resumed, where {kind} has just no room", partial(resuming, limit=size - 1))
        for kind, size in limits.items()
        if size < least
    ]
    found += [
        Case(SIZE, "a training that keeps decoded pictures on the disk", partial(store, limit=1_500_000)),
        Case(SIZE, "repair of a folder, where half the pictures have no room", partial(repair, limit=middle)),
        Case(SIZE, "repair of one picture", one_picture),
        Case(SIZE, "spoiling of a folder in two processes, where the record has no room", partial(spoiling, limit=record)),
        Case(SIZE, "spoiling of a folder in one process, where the record has no room", partial(spoiling, limit=record, jobs=1)),
        Case(SIZE, "a sheet of all steps", sheet),
        Case(SIZE, "a report", report),
        Case(SIZE, "a new recipe", new_recipe),
        Case(SIZE, "the plot of find-lr", plot),
    ]
    found += [Case(FULL, f"stdout of {' '.join(words)}", partial(stdout, words=words)) for words in SPOKEN]
    found += [
        Case(FULL, "stdout of plan", partial(stdout, words=("plan", str(kit.recipe)))),
        Case(FULL, "stdout of repair --json", stdout_of_repair),
        Case(FULL, "stderr of a training", stderr_of_training),
        Case(FULL, "stderr of a repair", stderr_of_repair),
        Case(FULL, "stderr of a refusal", stderr_of_refusal),
        Case(FULL, "stderr of a training whose reader left", reader_left),
        Case(FULL, "stats.jsonl of a run that is resumed", stats),
    ]
    return found


SPOKEN = (("recipes",), ("models", "--json"), ("recipes", "demo"), ("--help",), ("train", "--help"), ("--version",))


def lifted(trial: Trial, run: Path, ended: Ended, words: list[Any]) -> None:
    """The fault is gone: what the sentence advises finishes the run as if there had been none."""
    advised = ["report", run] if ended.code == 3 else ["resume", run] if (run / "recipe.toml").is_file() else words
    trial.well(trial.typed(*advised))
    trial.whole(run)
    trial.weights(run, trial.kit.run)


def training(trial: Trial, limit: int) -> None:
    """Whatever a limit strikes first, the run stops there with a sentence, and can be resumed; a report alone costs only itself."""
    run = trial.place / "run"
    words = trial.kit.training(trial.kit.six, run)
    ended = trial.typed(*words, limit=limit)
    trial.told(ended, run, codes=(2, 3))
    trial.must("report.html" in ended.err if ended.code == 3 else True, f"status 3 without a report: {ended.err[-300:]}")
    trial.whole(run)
    lifted(trial, run, ended, words)


def resuming(trial: Trial, limit: int) -> None:
    """Likewise, and no state is lost."""
    run = trial.place / "run"
    shutil.copytree(trial.kit.run, run)
    max((run / "state").glob("*.safetensors")).unlink()  # it stands at the state before the last
    states = files(run / "state")
    ended = trial.typed("resume", run, limit=limit)
    trial.told(ended, run)
    trial.same(states)
    trial.whole(run)
    lifted(trial, run, ended, ["resume", run])


def store(trial: Trial, limit: int) -> None:
    """A store is only for speed."""
    run = trial.place / "run"
    trial.well(trial.typed(*trial.kit.training(trial.kit.six, run, "data.cache=disk"), limit=limit), says="not kept")
    trial.whole(trial.place)
    trial.weights(run, trial.kit.run)


def repair(trial: Trial, limit: int) -> None:
    """What fits is done, what does not is named."""
    out = trial.place / "out"
    words = trial.kit.restoring(trial.kit.six, out)
    trial.told(trial.typed(*words, limit=limit), out, codes=(3,))
    tree(trial, out, words, trial.kit.restored_six)


def spoiling(trial: Trial, limit: int, jobs: int = 2) -> None:
    """Where the record cannot be kept, work stops; what is done stays known."""
    out = trial.place / "out"
    words = trial.kit.spoiling(trial.kit.many, out, jobs)
    trial.told(trial.typed(*words, limit=limit), ".sfumato-manifest.jsonl", codes=(3,))
    tree(trial, out, words, trial.kit.spoilt)


def tree(trial: Trial, out: Path, words: list[Any], reference: Path) -> None:
    """What came of half a job is whole, stays as it is, and is completed by the same command."""
    trial.whole(out)
    done = {path: data for path, data in files(out).items() if path.suffix == ".png"}
    trial.well(trial.typed(*words))
    trial.same(done)
    trial.whole(out)
    made = {path.name: data for path, data in files(out).items() if path.suffix == ".png"}
    trial.must(made == {path.name: path.read_bytes() for path in reference.glob("*.png")}, "the finished tree is not what it should be")


def one_picture(trial: Trial) -> None:
    """The output that stood there stays."""
    out = trial.place / "out.png"
    shutil.copy(trial.kit.many / "000.png", out)
    before = files(trial.place)
    words = trial.kit.restoring(trial.kit.six / "000.png", out, "--overwrite")
    trial.told(trial.typed(*words, limit=2000), out)
    trial.same(before)
    trial.whole(trial.place)
    trial.well(trial.typed(*words))


def sheet(trial: Trial) -> None:
    """Refused by name, and drawn afterwards."""
    words = ("crappify", trial.kit.six, "--preview", trial.place / "sheet.png")
    trial.told(trial.typed(*words, limit=2000), "sheet.png")
    trial.whole(trial.place)
    trial.well(trial.typed(*words))


def report(trial: Trial) -> None:
    """The old page stays."""
    run = trial.place / "run"
    shutil.copytree(trial.kit.run, run)
    before = files(run)
    trial.told(trial.typed("report", run, limit=2000), "report.html")
    trial.same(before)
    trial.whole(run)
    trial.well(trial.typed("report", run))


def new_recipe(trial: Trial) -> None:
    """Refused by name, and written afterwards."""
    words = ("new", "restore", trial.kit.six, "--out", trial.place / "mine.toml")
    trial.told(trial.typed(*words, limit=100), "mine.toml")
    trial.must(not (trial.place / "mine.toml").exists(), "half a recipe was left")
    trial.well(trial.typed(*words))


def plot(trial: Trial) -> None:
    """The rate that was found is told all the same."""
    ended = trial.typed("find-lr", trial.kit.recipe, "--out", trial.place / "rates.png", limit=2000)
    trial.told(ended, "rates.png")
    trial.must("optimiser.rate=" in ended.out, "the rate that was found was lost")
    trial.whole(trial.place)


def stdout(trial: Trial, words: tuple[str, ...]) -> None:
    """A sentence and status 2; Python itself has nothing to add."""
    with open("/dev/full", "w") as full:
        trial.told(trial.typed(*words, out=full), "stdout")


def stdout_of_repair(trial: Trial) -> None:
    """The work is done nevertheless."""
    out = trial.place / "out"
    with open("/dev/full", "w") as full:
        ended = trial.typed(*trial.kit.restoring(trial.kit.many, out, "--json"), out=full)
    trial.must("stdout" in ended.err and ended.code == 2, f"status {ended.code}: {ended.err[-300:]}")
    tree(trial, out, trial.kit.restoring(trial.kit.many, out), trial.kit.restored)


def stderr_of_training(trial: Trial) -> None:
    """Nobody hears it, and it trains."""
    run = trial.place / "run"
    with open("/dev/full", "w") as full:
        trial.well(trial.typed(*trial.kit.training(trial.kit.six, run), err=full))
    trial.weights(run, trial.kit.run)


def stderr_of_repair(trial: Trial) -> None:
    """Likewise."""
    out = trial.place / "out"
    words = trial.kit.restoring(trial.kit.many, out)
    with open("/dev/full", "w") as full:
        trial.well(trial.typed(*words, err=full))
    tree(trial, out, words, trial.kit.restored)


def stderr_of_refusal(trial: Trial) -> None:
    """The status says it all."""
    for words in (("restore", "nowhere.png"), ("train", "restore", "--no-such-option"), ("resume", "nowhere")):
        with open("/dev/full", "w") as full:
            ended = trial.typed(*words, err=full)
        trial.must(ended.code == 2, f"{words[0]}: status {ended.code}")


def reader_left(trial: Trial) -> None:
    """`sfumato train ... 2>&1 | head -1`."""
    run = trial.place / "run"
    process = trial.start(*trial.kit.training(trial.kit.six, run))
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    process.stderr = None
    trial.well(trial.wait(process))
    trial.weights(run, trial.kit.run)


def stats(trial: Trial) -> None:
    """A run of which only stats.jsonl cannot grow stops by its name, keeps its last state, and is resumed."""
    run = trial.place / "run"
    shutil.copytree(trial.kit.run, run)
    max((run / "state").glob("*.safetensors")).unlink()  # it stands at the state before the last
    kept = (run / "stats.jsonl").rename(trial.place / "kept")
    (run / "stats.jsonl").symlink_to("/dev/full")
    before = files(run / "state")
    trial.told(trial.typed("resume", run), "stats.jsonl")
    trial.same(before)
    (run / "stats.jsonl").unlink()
    kept.rename(run / "stats.jsonl")
    trial.well(trial.typed("resume", run))
    trial.whole(run)
    trial.weights(run, trial.kit.run)
