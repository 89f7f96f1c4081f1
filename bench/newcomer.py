"""What a newcomer waits for: a clean clone with nothing installed, `make demo`, and from another clean clone `make test`.

    python bench/newcomer.py [--only demo | test]

Installing counts, with pip's own cache switched off.  Takes about a quarter of an hour and wants the machine to itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results  # bench is a folder of scripts, not a package
from results import Bar

NEEDED = {"demo": 8.0, "test": 10.0}  # minutes


def timed(target: str, clone: Path) -> tuple[float, bool]:
    """Minutes that `make TARGET` takes in a clean clone, and whether it ended well."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(results.ROOT), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")}
    archives = os.environ.get("SFUMATO_DATA") or str(results.ROOT.parent / "shared" / "data")
    begun = time.monotonic()
    done = subprocess.run(["make", target], cwd=clone, env={**kept, "PIP_NO_CACHE_DIR": "1", "SFUMATO_DATA": archives}, check=False)
    return (time.monotonic() - begun) / 60, done.returncode == 0


def main() -> None:
    """Run both, print, write bench/results/newcomer.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=list(NEEDED))
    given = options.parse_args()
    bars = []
    for target in [given.only] if given.only else list(NEEDED):
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "sfumato"
            minutes, well = timed(target, clone)
            bars.append(_bar(target, minutes, well))
            if target == "demo" and well:
                bars.append(_shown(clone / "runs" / "demo"))
    results.write("newcomer", bars + (_of_the_other(given.only) if given.only else []))
    sys.exit(not all(bar.holds for bar in bars))


def _of_the_other(target: str) -> list[Bar]:
    """What is kept of the target that was not tried this time."""
    path = results.RESULTS / "newcomer.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["bars"] if path.is_file() else []
    return [Bar(**bar) for bar in kept if ("make test" in bar["what"]) != (target == "test")]


def _bar(target: str, minutes: float, well: bool) -> Bar:
    return Bar(
        what=f"`make {target}` in a clean clone, nothing installed{'' if well else ' (it FAILED)'}",
        needed=f"at most {NEEDED[target]:g} minutes",
        measured=round(minutes, 2),
        spread="",
        holds=well and minutes <= NEEDED[target],
    )


def _shown(run: Path) -> Bar:
    there = [path.name for path in (run / "report.html", run / "previews" / "sheet.png", run / "last.safetensors") if path.is_file()]
    minutes = json.loads((run / "run.json").read_text(encoding="utf-8"))["minutes"]
    return Bar(
        what=f"the demo leaves its report, sheet and model, and trains at most 3 minutes ({minutes:.2f})",
        needed="all 3",
        measured=len(there),
        spread="",
        holds=len(there) == 3 and minutes <= 3.06,  # a step that has begun is finished
    )


if __name__ == "__main__":
    main()
