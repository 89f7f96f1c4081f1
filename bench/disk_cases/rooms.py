"""Disks of 10 MB that are nearly full: a tmpfs, where it may be mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from disk_cases.kit import Kit
from disk_cases.limits import tree
from disk_cases.trial import Case, NotMeasured, Trial, files

FAULT = "a disk of 10 MB (tmpfs) that is full"
SIZE = 10 << 20  # bytes


def cases(kit: Kit) -> list[Case]:
    """So much room that it ends in the first files, in the middle, near the end."""
    needed = sum(len(data) for data in files(kit.run).values())
    pictures = sum(len(data) for data in files(kit.restored).values())
    found = [
        Case(FAULT, f"run folder of a training, room for {share:.0%} of it", partial(training, room=int(share * needed)))
        for share in (0, 0.15, 0.4, 0.65, 0.9)
    ]
    found += [
        Case(FAULT, f"output of repair, room for {share:.0%} of it", partial(repair, room=int(share * pictures))) for share in (0.1, 0.6)
    ]
    found += [
        Case(FAULT, "output of repair that replaces an older one", replacing),
        Case(FAULT, "output of one picture", one_picture),
        Case(FAULT, "output of spoiling in two processes", partial(spoiling, room=pictures // 2)),
        Case(FAULT, "output of spoiling in one process", partial(spoiling, room=pictures // 2, jobs=1)),
        Case(FAULT, "SFUMATO_CACHE of data.cache = disk, no room at all", partial(cache, room=0)),
        Case(FAULT, "SFUMATO_CACHE of data.cache = disk, room for some pictures", partial(cache, room=200_000)),
    ]
    return found


@contextmanager
def disk(place: Path, room: int) -> Iterator[Callable[[], None]]:
    """`place` as a disk of 10 MB with so many bytes left; gives what makes room again.  Refuses where nothing may be mounted."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0777", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False) if shutil.which("mount") else None
    if done is None or done.returncode:
        raise NotMeasured(f"not measured: a tmpfs cannot be mounted here ({done.stderr.strip() if done else 'there is no mount'})")
    ballast = place / "ballast.bin"

    def lift() -> None:
        ballast.unlink()

    try:
        ballast.write_bytes(b"")
        _fill(ballast, place, room)
        yield lift
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(ballast: Path, place: Path, room: int) -> None:
    with ballast.open("ab") as file:
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        file.write(os.urandom(max(0, free - room)))


def training(trial: Trial, room: int) -> None:
    """The run stops with a sentence, keeps what it has, and is resumed when there is room; a neighbour is not touched."""
    place = trial.place / "disk"
    with disk(place, SIZE) as lift:
        neighbour = place / "neighbour"
        shutil.copytree(trial.kit.run, neighbour)
        _fill(place / "ballast.bin", place, room)
        run, before = place / "run", files(neighbour)
        words = trial.kit.training(trial.kit.six, run)
        ended = trial.typed(*words)
        trial.told(ended, run)
        trial.same(before)
        trial.whole(place)
        lift()
        trial.well(trial.typed(*(["resume", run] if (run / "recipe.toml").is_file() else words)))
        trial.whole(run)
        trial.same(before)
        trial.weights(run, trial.kit.run)


def repair(trial: Trial, room: int) -> None:
    """It stops at the first picture that has no room, and the same command goes on."""
    with disk(trial.place / "disk", room) as lift:
        out = trial.place / "disk" / "out"
        words = trial.kit.restoring(trial.kit.many, out)
        trial.told(trial.typed(*words), out, codes=(3,))
        _kept(trial, out)
        lift()
        tree(trial, out, words, trial.kit.restored)


def spoiling(trial: Trial, room: int, jobs: int = 2) -> None:
    """Likewise, in processes."""
    with disk(trial.place / "disk", room) as lift:
        out = trial.place / "disk" / "out"
        words = trial.kit.spoiling(trial.kit.many, out, jobs)
        trial.told(trial.typed(*words), out, codes=(3,))
        _kept(trial, out)
        lift()
        tree(trial, out, words, trial.kit.spoilt)


def _kept(trial: Trial, out: Path) -> None:
    trial.whole(out)
    trial.must(any(out.glob("*.png")), "nothing was done before the disk was full")


def replacing(trial: Trial) -> None:
    """Outputs with other options are made anew one by one; those for which there is no room stay as they were."""
    with disk(trial.place / "disk", SIZE) as lift:
        out = trial.place / "disk" / "out"
        shutil.copytree(trial.kit.restored, out)
        record = (out / ".sfumato-manifest.jsonl").stat().st_size
        _fill(trial.place / "disk" / "ballast.bin", out, record + 20_000)  # the record can be tidied up, and some pictures made
        before = {path: data for path, data in files(out).items() if path.suffix == ".png"}
        words = trial.kit.restoring(trial.kit.many, out, "--quality", "90")
        trial.told(trial.typed(*words), out, codes=(2, 3))
        trial.same(before)
        lift()
        tree(trial, out, words, trial.kit.restored)


def one_picture(trial: Trial) -> None:
    """What stood under that name stays."""
    with disk(trial.place / "disk", SIZE) as lift:
        out = trial.place / "disk" / "out.png"
        shutil.copy(trial.kit.many / "000.png", out)
        _fill(trial.place / "disk" / "ballast.bin", trial.place / "disk", 0)
        before = files(trial.place / "disk")
        words = trial.kit.restoring(trial.kit.six / "000.png", out, "--overwrite")
        trial.told(trial.typed(*words), out)
        trial.same(before)
        trial.whole(trial.place / "disk")
        lift()
        trial.well(trial.typed(*words))


def cache(trial: Trial, room: int) -> None:
    """It costs only time: the same weights, now and when there is room again."""
    run, later = trial.place / "run", trial.place / "later"
    with disk(trial.place / "cache", room) as lift:
        trial.well(trial.typed(*trial.kit.training(trial.kit.many, run, "data.cache=disk")), says="" if room else "not kept")
        lift()
        trial.well(trial.typed(*trial.kit.training(trial.kit.many, later, "data.cache=disk")))
    trial.whole(run)
    for each in (run, later):
        trial.weights(each, trial.kit.run_on_many)
