"""A clock that goes backwards, between two runs and during one, and files from the future."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

from disk_cases.kit import Kit
from disk_cases.limits import tree
from disk_cases.trial import Case, Trial

FAULT = "a clock that goes backwards"
HOUR, DAY = 3600.0, 86400.0  # s
MINUTES = 0.05

CLOCK = '''"""The clock of every Python process that finds this file: SHIFT seconds off, and BACK seconds further back every half second."""
import os, time
_time, _ns, _start, _even = time.time, time.time_ns, time.monotonic(), time.monotonic
_shift, _back = float(os.environ["CLOCK_SHIFT"]), float(os.environ["CLOCK_BACK"])
def _off():
    return _shift - _back * int((_even() - _start) / 0.5)
time.time = lambda: _time() + _off()
time.time_ns = lambda: _ns() + int(1e9 * _off())
'''


def cases(kit: Kit) -> list[Case]:
    """Budgets, resuming, lists, stores, records."""
    return [
        Case(FAULT, "a budget in minutes while the clock falls back an hour every half second", minutes),
        Case(FAULT, "a budget in steps while the clock falls back", steps),
        Case(FAULT, "a run that is resumed an hour before it began", resumed),
        Case(FAULT, "repair that is begun and goes on while the clock falls back", repair),
        Case(FAULT, "a picture more in a folder from the future, an hour earlier", partial(listed, shift=DAY)),
        Case(FAULT, "a picture more in a folder, added before it was made", partial(listed, shift=-DAY)),
        Case(FAULT, "a picture changed in a stored folder, an hour earlier", stored),
        Case(FAULT, "a picture changed that was repaired already, an hour earlier", changed),
    ]


def _clock(trial: Trial, *, shift: float = 0.0, back: float = 0.0) -> dict[str, str]:
    """Environment of a process whose clock is `shift` seconds off and falls back by `back` seconds twice a second."""
    folder = trial.place / "clock"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CLOCK)
    paths = os.pathsep.join([str(folder), trial.kit.environment["PYTHONPATH"]])
    return {"PYTHONPATH": paths, "CLOCK_SHIFT": str(shift), "CLOCK_BACK": str(back)}


def minutes(trial: Trial) -> None:
    """It trains as long as it was told to, by a clock that only goes forward."""
    run = trial.place / "run"
    words = trial.kit.training(trial.kit.six, run, "train.steps=off", f"train.minutes={MINUTES}")
    began = time.monotonic()
    trial.well(trial.typed(*words, **_clock(trial, back=HOUR)))
    trial.whole(run)
    spent = json.loads((run / "run.json").read_text())["minutes"]
    trial.must(MINUTES <= spent < MINUTES + 0.05, f"{spent:.3f} minutes instead of {MINUTES}")
    trial.must(time.monotonic() - began < 60, "it took far too long")


def steps(trial: Trial) -> None:
    """The same weights."""
    run = trial.place / "run"
    trial.well(trial.typed(*trial.kit.training(trial.kit.six, run, "data.cache=disk"), **_clock(trial, back=HOUR)))
    trial.whole(run)
    trial.weights(run, trial.kit.run)


def resumed(trial: Trial) -> None:
    """Interrupted, and resumed with the clock an hour earlier: as if it had not been."""
    whole, run = trial.place / "whole", trial.place / "run"
    trial.well(trial.typed(*trial.kit.training(trial.kit.six, whole, "train.steps=100")))
    process = trial.start(*trial.kit.training(trial.kit.six, run, "train.steps=100"))
    trial.until(process, lambda: (run / "state" / "00000005.safetensors").is_file())
    process.send_signal(signal.SIGTERM)
    ended = trial.struck(process)
    trial.must(ended.code == 130, f"status {ended.code} after SIGTERM")
    trial.well(trial.typed("resume", run, **_clock(trial, shift=-HOUR)))
    trial.whole(run)
    trial.weights(run, whole)


def repair(trial: Trial) -> None:
    """What was done is known an hour earlier."""
    out = trial.place / "out"
    words = trial.kit.restoring(trial.kit.many, out)
    process = trial.start(*words, **_clock(trial, back=HOUR))
    trial.until(process, lambda: len(list(out.glob("*.png"))) > 5)
    process.send_signal(signal.SIGINT)
    ended = trial.struck(process)
    trial.must(ended.code == 130, f"status {ended.code} after Ctrl-C")
    trial.whole(out)
    ended = trial.typed(*words, **_clock(trial, shift=-HOUR))
    trial.must("skipped (done before)" in ended.err, f"what was done was not known: {ended.err[-300:]}")
    tree(trial, out, words, trial.kit.restored)


def _pictures(trial: Trial, source: Path) -> Path:
    return Path(shutil.copytree(source, trial.place / "pictures"))


def _touch(path: Path, when: float) -> None:
    os.utime(path, (when, when))


def listed(trial: Trial, shift: float) -> None:
    """The kept list is of no use any more, and nobody uses it."""
    pictures, now = _pictures(trial, trial.kit.six), time.time()
    words = ("train", "restore", pictures, "--dry-run")
    _touch(pictures, now + shift)
    for clock in (0.0, shift + HOUR):  # now, and by a clock at which the folder is old enough that its list is kept
        trial.must("6 pictures" in trial.typed(*words, **_clock(trial, shift=clock)).out, "the six were not counted")
    shutil.copy(trial.kit.many / "000.png", pictures / "seventh.png")
    _touch(pictures, now + shift - HOUR)
    ended = trial.typed(*words, **_clock(trial, shift=shift - HOUR))
    trial.well(ended)
    trial.must("7 pictures" in ended.out, "a stale list was used")


def stored(trial: Trial) -> None:
    """A picture of the same size in bytes, from an hour earlier: the store has its old pixels, and nobody uses them."""
    pictures, now = _bitmaps(trial), time.time()
    sets = ("data.cache=disk",)
    trial.well(trial.typed(*trial.kit.training(pictures, trial.place / "first", *sets)))
    for path in pictures.glob("*.bmp"):
        _upside_down(path)
        _touch(path, now - HOUR)
    clock = _clock(trial, shift=-HOUR)
    trial.well(trial.typed(*trial.kit.training(pictures, trial.place / "second", *sets), **clock))
    trial.well(trial.typed(*trial.kit.training(pictures, trial.place / "truth", "data.cache=none")))
    trial.weights(trial.place / "second", trial.place / "truth")


def changed(trial: Trial) -> None:
    """It is repaired again."""
    pictures, out, now = _bitmaps(trial), trial.place / "out", time.time()
    words = trial.kit.restoring(pictures, out)
    trial.well(trial.typed(*words))
    path = pictures / "000.bmp"
    _upside_down(path)
    _touch(path, now - HOUR)
    trial.well(trial.typed(*words, **_clock(trial, shift=-HOUR)), says="1 file done, 5 skipped")
    trial.whole(out)


def _bitmaps(trial: Trial) -> Path:
    """The six as files whose size does not tell what is in them."""
    from PIL import Image

    folder = trial.place / "pictures"
    folder.mkdir()
    for path in trial.kit.six.glob("*.png"):
        with Image.open(path) as picture:
            picture.save(folder / f"{path.stem}.bmp")
    return folder


def _upside_down(path: Path) -> None:
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        turned = ImageOps.flip(picture)
    turned.save(path)
