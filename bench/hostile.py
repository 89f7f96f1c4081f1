"""Hostile files: pictures, model files and archives harmed in every way there is, and recipes fuzzed.

    python bench/hostile.py [--pictures 2000] [--models 2000] [--archives 1000] [--recipes 4000] [--only pictures models]

Each file is tried in one process, which is started again when it dies: a picture is found, measured, decoded, repaired and written, a
model file is shown, loaded and used, an archive is unpacked.  Each must be used or refused by a sentence that names it; no single thing
done with it may take more than 2 s, nor the process hold more than 500 MB.  Recipes are read, and their parts made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
from mutants import trial
from mutants.trial import Mutant, Verdict
from results import Bar

LONGEST, LARGEST = 2.0, 500.0  # s of a single thing that is done with a file; MB of the whole process
KINDS = {
    "pictures": "mutated JPEG, PNG, WebP, TIFF and GIF files",
    "models": "mutated model files",
    "archives": "hostile archives",
    "recipes": "fuzzed recipes, changes and chains",
}


@dataclass
class Count:
    """What became of the files of one kind."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    bad: list[dict[str, Any]] = field(default_factory=list)  # those that fell over, were slow, or took much
    ways: dict[str, Counter[str]] = field(default_factory=dict)  # what was done to them -> outcomes
    said: dict[str, str] = field(default_factory=dict)  # an example of what was said to each way
    slowest: tuple[float, str] = (0.0, "")
    busiest: tuple[float, str] = (0.0, "")
    largest: tuple[float, str] = (0.0, "")

    def add(self, mutant: Mutant, verdict: Verdict) -> None:
        """Take note of one."""
        name = f"{mutant.name} ({mutant.how})"
        self.tried += 1
        self.outcomes[verdict.outcome] += 1
        self.ways.setdefault(mutant.how, Counter())[verdict.outcome] += 1
        if verdict.outcome == "refused":
            self.said.setdefault(mutant.how, verdict.said)
        self.slowest = max(self.slowest, (verdict.seconds, name))
        self.busiest = max(self.busiest, (verdict.busy, name))
        self.largest = max(self.largest, (verdict.peak, name))
        if not verdict.fine or verdict.seconds > LONGEST or verdict.peak > LARGEST:
            self.bad.append({"file": name, **verdict.__dict__})

    @property
    def fallen(self) -> int:
        """Those that were neither used nor refused in words."""
        return self.tried - self.outcomes["read"] - self.outcomes["refused"]


def tried(kind: str, count: int) -> Count:
    """Make and try the files of one kind."""
    from importlib import import_module

    make: Callable[[int], Mutant] = import_module(f"mutants.{kind}").make
    found = Count()
    with tempfile.TemporaryDirectory(prefix="sfumato-") as place:
        for mutant, verdict in trial.each(f"mutants.{kind}", map(make, range(count)), Path(place)):
            said = verdict.said.replace(place, "...").replace(tempfile.gettempdir(), "...")
            found.add(mutant, replace(verdict, said=said))
            if found.tried % 100 == 0:
                print(f"{kind}: {found.tried} of {count}, {found.fallen} fell, slowest {found.slowest[0]:g} s", file=sys.stderr)
    return found


def bars(kind: str, found: Count) -> list[Bar]:
    """No crash, no hang, no flood."""
    what = KINDS[kind]
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(found.outcomes.items()))
    return [
        Bar(
            what=f"{found.tried} {what}: neither used nor refused by name",
            needed="0",
            measured=found.fallen,
            spread=counts,
            holds=found.fallen == 0,
        ),
        Bar(
            what=f"{what}: the longest single thing done with one, seconds by the clock",
            needed=f"at most {LONGEST:g} s",
            measured=found.slowest[0],
            spread=f"{found.slowest[1]}; on the processor {found.busiest[0]:g} s, {found.busiest[1]}",
            holds=found.slowest[0] <= LONGEST,
        ),
        Bar(
            what=f"{what}: the most memory the process held, MB",
            needed=f"at most {LARGEST:g} MB",
            measured=found.largest[0],
            spread=found.largest[1],
            holds=found.largest[0] <= LARGEST,
        ),
    ]


def faults(kind: str, found: Count) -> list[dict[str, Any]]:
    """One line for every way to harm."""
    return [
        {
            "fault": f"{kind}: {how.replace('_', ' ')}",
            "tried": outcomes.total(),
            "lost": _lost(outcomes),
            "said": found.said.get(how, "nothing: each could be used"),
        }
        for how, outcomes in sorted(found.ways.items())
    ]


def _lost(outcomes: Counter[str]) -> str:
    fallen = outcomes.total() - outcomes["read"] - outcomes["refused"]
    return f"{fallen} of {outcomes.total()} fell over" if fallen else "nothing"


def fuzzed(count: int) -> tuple[list[Bar], list[dict[str, Any]]]:
    """Recipes, in this process."""
    from mutants import recipes

    trial.reset_peak()
    begun = time.perf_counter()
    tally = recipes.fuzz(count)
    spent, peak = time.perf_counter() - begun, round(trial.peak(), 1)
    print(f"recipes: {tally.tried} in {spent:.0f} s", *tally.wrong, sep="\n", file=sys.stderr)
    wrong = len(tally.wrong)
    found = [
        Bar(
            what=f"{tally.tried} {KINDS['recipes']}: neither read nor refused in a sentence",
            needed="0",
            measured=wrong,
            spread=f"{tally.read} read, {tally.refused} refused",
            holds=wrong == 0,
        ),
        Bar(
            what="recipes: the longest that one took to be read and its parts to be made, seconds by the clock",
            needed=f"at most {LONGEST:g} s",
            measured=round(tally.slowest[0], 3),
            spread=tally.slowest[1][:120],
            holds=tally.slowest[0] <= LONGEST,
        ),
        Bar(
            what="recipes: the most memory the process held, MB",
            needed=f"at most {LARGEST:g} MB",
            measured=peak,
            spread="all of them together",
            holds=peak <= LARGEST,
        ),
    ]
    lost = f"{wrong} of {tally.tried} fell over" if wrong else "nothing"
    return found, [{"fault": "recipes: random text, values, changes and chains", "tried": tally.tried, "lost": lost, "said": tally.said}]


def main() -> None:
    """Print and write bench/results/hostile.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, count in (("pictures", 2000), ("models", 2000), ("archives", 1000), ("recipes", 4000)):
        options.add_argument(f"--{kind}", type=int, default=count, metavar="N", help=f"how many {KINDS[kind]}; %(default)s unless told")
    options.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS), help="try only these; nothing is written then")
    given = options.parse_args()
    found: list[Bar] = []
    lines: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for kind in given.only:
        if kind == "recipes":
            more, said = fuzzed(given.recipes)
        else:
            counted = tried(kind, getattr(given, kind))
            more, said = bars(kind, counted), faults(kind, counted)
            bad += counted.bad
        found += more
        lines += said
    if set(given.only) == set(KINDS):
        results.write("hostile", found, faults=lines, bad=bad[:50])
        return
    for bar in found:
        print(bar)
    for each in bad:
        print(each)


if __name__ == "__main__":
    main()
