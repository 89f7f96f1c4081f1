"""Outputs below a regular file, and where one has no right to write."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from disk_cases.kit import Kit
from disk_cases.trial import Case, Trial, files

UNDER, RIGHTS = "output under a regular file", "output where one may not write (unprivileged user)"


def verbs(kit: Kit, out: Path) -> dict[str, list[Any]]:
    """Everything that writes, with `out` as the folder that shall hold what it writes."""
    return {
        "train": kit.training(kit.six, out / "run"),
        "demo": ["demo", "--out", out / "demo", "--minutes", "0.05"],
        "restore of a folder": kit.restoring(kit.many, out / "restored"),
        "restore of a picture": kit.restoring(kit.six / "000.png", out / "one.png"),
        "crappify": kit.spoiling(kit.many, out / "spoilt"),
        "crappify of a handful": kit.spoiling(kit.six, out / "few", jobs=1),
        "crappify --preview": ["crappify", kit.six, "--preview", out / "sheet.png"],
        "new restore": ["new", "restore", kit.six, "--out", out / "mine.toml"],
        "find-lr": ["find-lr", kit.recipe, "--out", out / "rates.png"],
    }


ONCE = ("demo", "find-lr")  # not again without the fault: they would take longest


def cases(kit: Kit) -> list[Case]:
    """Every verb that writes, and those that read a run folder of somebody else."""
    found = [Case(UNDER, name, partial(under, verb=name)) for name in verbs(kit, kit.folder)]
    found += [Case(RIGHTS, name, partial(forbidden, verb=name)) for name in verbs(kit, kit.folder)]
    found += [Case(RIGHTS, name, partial(foreign_run, verb=name)) for name in ("report", "resume")]
    return [*found, Case(RIGHTS, "runs", listing)]


def under(trial: Trial, verb: str) -> None:
    """The file stays; with a folder in its place the same command works."""
    letter = trial.place / "letter.txt"
    letter.write_text("dear")
    words = verbs(trial.kit, letter)[verb]
    trial.told(trial.typed(*words), "letter.txt")
    trial.must(letter.is_file() and letter.read_text() == "dear", "the file was changed")
    letter.unlink()
    if verb not in ONCE:
        trial.well(trial.typed(*words))
        trial.whole(letter)


def forbid(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def allow(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def forbidden(trial: Trial, verb: str) -> None:
    """Refused by name; with the right to write the same command works."""
    folder = trial.place / "theirs"
    folder.mkdir()
    forbid(folder)
    words = verbs(trial.kit, folder)[verb]
    trial.told(trial.typed(*words, plain=True), "theirs")
    trial.must(not any(folder.iterdir()), "something was written")
    allow(folder)
    if verb not in ONCE:
        trial.well(trial.typed(*words, plain=True))
        trial.whole(folder)


def foreign_run(trial: Trial, verb: str) -> None:
    """A run folder that may be read and not written to stays as it is."""
    run = trial.place / "theirs"
    shutil.copytree(trial.kit.run, run)
    if verb == "resume":
        max((run / "state").glob("*.safetensors")).unlink()
    before = files(run)
    forbid(run)
    trial.told(trial.typed(verb, run, plain=True), "theirs")
    trial.same(before)
    allow(run)
    trial.well(trial.typed(verb, run, plain=True))
    trial.whole(run)
    trial.weights(run, trial.kit.run)


def listing(trial: Trial) -> None:
    """A finished run that one may not lock is not said to be running."""
    folder = trial.place / "theirs"
    shutil.copytree(trial.kit.run, folder / "run")
    forbid(folder)
    ended = trial.typed("runs", folder, plain=True)
    trial.well(ended)
    trial.must("done" in ended.out and "running" not in ended.out, f"it said: {ended.out}")
    allow(folder)
