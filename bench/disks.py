"""Full and forbidden disks, vanished inputs, damaged stores, a clock that goes backwards: what is said, and whether anything is lost.

    python bench/disks.py [--only WORDS] [--jobs 2] [--keep FOLDER]

Every case runs the command line in processes of its own and then looks at every file (bench/disk_cases/trial.py): one sentence must name
what was struck, all that stands must be whole, what stood before untouched, and without the fault the work must go on to the same end.
Linux only; what needs root (mounting a tmpfs) is not measured for others.  Takes about six minutes.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

import results  # bench is a folder of scripts, not a package
from disk_cases import clock, kit, limits, rights, rooms, sources, trial
from disk_cases.trial import Verdict
from results import Bar

GROUPS = (limits, rooms, rights, sources, clock)


def tried(only: str = "", jobs: int = 2, keep: Path | None = None) -> list[Verdict]:
    """Every case whose fault or name has `only` in it, in the order of the groups; left in `keep` to look at, if it is given."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell, it would be ignored by every command
    if keep is not None:
        keep.mkdir(parents=True)
        return _tried(keep.resolve(), only, jobs)
    with tempfile.TemporaryDirectory() as folder:
        return _tried(Path(folder), only, jobs)


def _tried(folder: Path, only: str, jobs: int) -> list[Verdict]:
    made = kit.make(folder / "kit")
    cases = [case for group in GROUPS for case in group.cases(made) if only in case.fault or only in case.name]
    places = [folder / f"case-{number:03}" for number in range(len(cases))]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda case, place: _told(trial.judge(case, made, place)), cases, places))


def _told(verdict: Verdict) -> Verdict:
    word = "not measured" if verdict.not_measured else "PROBLEM" if verdict.problems else "fine"
    print(f"{word:13}{verdict.case.fault}: {verdict.case.name}: {verdict.said}", *verdict.problems, sep="\n    ", flush=True)
    return verdict


def row(fault: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """One line of the table of faults."""
    measured = [verdict for verdict in verdicts if not verdict.not_measured]
    bad = [verdict for verdict in measured if verdict.problems]
    lost = "nothing" if not bad else f"{len(bad)} of {len(measured)} cases: {bad[0].problems[0]}"
    said = next((verdict.said for verdict in measured if verdict.said), "")
    return {"fault": fault, "tried": len(measured), "lost": lost if measured else verdicts[0].not_measured, "said": said}


def bar(fault: str, verdicts: Sequence[Verdict]) -> Bar:
    """How many cases of a fault ended as they must."""
    measured = [verdict for verdict in verdicts if not verdict.not_measured]
    fine = sum(not verdict.problems for verdict in measured)
    missing = next((verdict.not_measured for verdict in verdicts if verdict.not_measured), "")
    return Bar(
        what=f"{fault}: a clear sentence, every file whole, nothing lost, and the work goes on",
        needed=f"all {len(verdicts)} cases",
        measured=fine,
        spread=f"{len(verdicts) - len(measured)} not measured" if missing else "",
        holds=fine == len(measured) if measured else missing,
    )


def main() -> None:
    """Try them, print, write bench/results/disks.json; status 1 where a case does not end as it must."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default="", help="cases with these words in their fault or name; nothing is written")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--keep", type=Path, help="an empty folder in which everything is left to look at")
    given = options.parse_args()
    if sys.platform != "linux":
        sys.exit("These faults are made as Linux makes them: run it there.")
    torch.set_num_threads(1)
    began = time.monotonic()
    verdicts = tried(given.only, given.jobs, given.keep)
    by_fault = [(fault, list(each)) for fault, each in groupby(verdicts, lambda verdict: verdict.case.fault)]
    bars = [bar(fault, each) for fault, each in by_fault]
    if not given.only:
        faults = [row(fault, each) for fault, each in by_fault]
        minutes = round((time.monotonic() - began) / 60, 2)
        results.write("disks", bars, faults=faults, cases=[verdict.row() for verdict in verdicts], minutes=minutes)
    sys.exit(any(each.problems for each in verdicts))


if __name__ == "__main__":
    main()
