"""Pictures that vanish while they are used, and stores that are read-only, damaged, or of another version."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from disk_cases.kit import Kit
from disk_cases.limits import tree
from disk_cases.rights import allow, forbid
from disk_cases.rooms import SIZE, disk
from disk_cases.trial import Case, Trial, files
from sfumato.data import arena, items, split

VANISHED, STORE = "an input folder, or files in it, that vanish", "a store that is read-only, damaged, or of another version"
LONG = "train.steps=200"


def cases(kit: Kit) -> list[Case]:
    """While learning, repairing and spoiling; then stores of all sorts."""
    found = [
        Case(VANISHED, f"a training, {', '.join(changes)}", partial(training, changes=changes))
        for changes in (("data.cache=none",), ("data.cache=ram",), ("data.cache=none", "train.workers=1"))
    ]
    found += [
        Case(VANISHED, "a training, two of the pictures", some_of_training),
        Case(VANISHED, "the folder of a run that is resumed", before_resume),
        Case(VANISHED, "a repair", partial(of_tree, verb="restore")),
        Case(VANISHED, "a spoiling in two processes", partial(of_tree, verb="crappify")),
        Case(VANISHED, "a repair, three of the pictures", some_of_tree),
    ]
    found += [Case(STORE, name, partial(damaged, damage=damage)) for name, damage in DAMAGES.items()]
    found += [
        Case(STORE, "read-only by its rights", read_only),
        Case(STORE, "read-only by its rights, and empty", nowhere_to_keep),
        Case(STORE, "on a disk that is mounted read-only", mounted),
    ]
    return found


def _away(folder: Path) -> Callable[[], None]:
    """Make a folder vanish at once; gives what brings it back."""
    aside = folder.rename(folder.with_name("aside"))
    return lambda: shutil.move(str(aside), str(folder))


def _pictures(trial: Trial, source: Path) -> Path:
    return Path(shutil.copytree(source, trial.place / "pictures"))


def training(trial: Trial, changes: tuple[str, ...]) -> None:
    """The run stops with a sentence that names a picture, and is resumed when the folder is back."""
    pictures, run = _pictures(trial, trial.kit.six), trial.place / "run"
    process = trial.start(*trial.kit.training(pictures, run, LONG, *changes))
    trial.until(process, lambda: (run / "state" / "00000005.safetensors").is_file())
    back = _away(pictures)
    trial.told(trial.struck(process), pictures)
    trial.whole(run)
    back()
    trial.well(trial.typed("resume", run))
    trial.whole(run)


def some_of_training(trial: Trial) -> None:
    """They are named, the next ones take their place, and the run ends."""
    pictures, run = _pictures(trial, trial.kit.many), trial.place / "run"
    process = trial.start(*trial.kit.training(pictures, run, LONG, "data.cache=none", "data.valid=0.01"))
    trial.until(process, lambda: (run / "state" / "00000005.safetensors").is_file())
    train, _ = split.by_hash(items.from_folder(trial.kit.many), 0.01)
    for item in train[:2]:
        (pictures / item.name).unlink()
    trial.well(trial.wait(process), says="The next picture is taken in its place")
    trial.whole(run)


def before_resume(trial: Trial) -> None:
    """Refused by name; the run stays as it is."""
    pictures, run = _pictures(trial, trial.kit.six), trial.place / "run"
    trial.well(trial.typed(*trial.kit.training(pictures, run)))
    trial.said = ""
    max((run / "state").glob("*.safetensors")).unlink()
    states, back = files(run / "state"), _away(pictures)
    trial.told(trial.typed("resume", run), pictures)
    trial.same(states)
    back()
    trial.well(trial.typed("resume", run))
    trial.weights(run, trial.kit.run)


def of_tree(trial: Trial, verb: str) -> None:
    """Removed between listing and reading: each picture is named, what was done stays, and the same command goes on."""
    pictures, out = _pictures(trial, trial.kit.many), trial.place / "out"
    words = trial.kit.restoring(pictures, out) if verb == "restore" else trial.kit.spoiling(pictures, out)
    process = trial.start(*words)
    trial.until(process, lambda: any(out.glob("*.png")))
    back = _away(pictures)
    trial.told(trial.struck(process), pictures, codes=(3,))
    back()
    tree(trial, out, words, trial.kit.restored if verb == "restore" else trial.kit.spoilt)


def some_of_tree(trial: Trial) -> None:
    """Those alone fail."""
    pictures, out = _pictures(trial, trial.kit.many), trial.place / "out"
    words = trial.kit.restoring(pictures, out)
    process = trial.start(*words)
    trial.until(process, lambda: any(out.glob("*.png")))
    gone = sorted(pictures.glob("*.png"))[-3:]
    for path in gone:
        path.unlink()
    ended = trial.struck(process)
    trial.told(ended, gone[0], codes=(3,))
    trial.must("3 failed" in ended.err, f"not 3 failed: {ended.err[-300:]}")
    for path in gone:
        shutil.copy2(trial.kit.many / path.name, path)
    tree(trial, out, words, trial.kit.restored)


def _filled(trial: Trial, cache: Path) -> Path:
    """A store as a training left it."""
    shutil.copytree(trial.kit.cache, cache, dirs_exist_ok=True)
    [store] = (cache / "stores").glob("*.pictures")
    return Path(store)


def _trains(trial: Trial, cache: Path, *, plain: bool = False, says: str = "", name: str = "run") -> None:
    """With the store as it is, a training gives the weights that it gives without one."""
    run = trial.place / "mine" / name
    run.parent.mkdir(exist_ok=True)
    trial.well(trial.typed(*trial.kit.training(trial.kit.six, run, "data.cache=disk"), SFUMATO_CACHE=str(cache), plain=plain), says=says)
    trial.whole(run)
    trial.weights(run, trial.kit.run)


def read_only(trial: Trial) -> None:
    """It is read, and not written to."""
    cache = trial.place / "cache"
    store = _filled(trial, cache)
    before = store.read_bytes()
    forbid(cache)
    _trains(trial, cache, plain=True)
    trial.must(store.read_bytes() == before, "the store was changed")
    allow(cache)
    _trains(trial, cache, plain=True, name="later")


def nowhere_to_keep(trial: Trial) -> None:
    """Said once, and trained without."""
    cache = trial.place / "cache"
    cache.mkdir()
    forbid(cache)
    _trains(trial, cache, plain=True, says="not kept")
    allow(cache)
    _trains(trial, cache, plain=True, name="later")


def mounted(trial: Trial) -> None:
    """As `read_only`, for root too."""
    cache = trial.place / "cache"
    with disk(cache, SIZE):
        store = _filled(trial, cache)
        before = store.read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", str(cache)], check=True)
        _trains(trial, cache)
        trial.must(store.read_bytes() == before, "the store was changed")


def _version(number: int) -> Callable[[bytes], bytes]:
    return lambda data: number.to_bytes(8, "little") + data[8:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "written by the version before": _version(arena.VERSION - 1),
    "written by a later version": _version(arena.VERSION + 1),
    "cut to half": lambda data: data[: len(data) // 2],
    "cut within its head": lambda data: data[:10],
    "emptied": lambda data: b"",
    "garbage from end to end": lambda data: os.urandom(len(data)),
    "garbage behind the right version": lambda data: data[:8] + os.urandom(len(data) - 8),
    "garbage in its pixels": lambda data: data[:300] + os.urandom(len(data) - 300),
    "emptied behind its table, as by a power cut": lambda data: data[:300] + bytes(len(data) - 300),
}


def damaged(trial: Trial, damage: Callable[[bytes], bytes]) -> None:
    """It is made anew, or read only where its checksums say that it is right."""
    cache = trial.place / "cache"
    store = _filled(trial, cache)
    store.write_bytes(damage(store.read_bytes()))
    _trains(trial, cache)
    trial.must(int.from_bytes(store.read_bytes()[:8], "little") == arena.VERSION, "the store is not of this version afterwards")
