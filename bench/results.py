"""What every benchmark writes: bench/results/NAME.json, with its bars, spreads, machine, versions and the command that made it."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sfumato.core import files

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
DATA = ROOT / "build" / "data"  # where `make data` unpacks; SFUMATO_UNPACKED overrules it
PAIRS = 7  # interleaved pairs that a ratio is the median of, at least


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line of what must be shown: what, how much is needed, what was measured, and between which bounds it lies."""

    what: str
    needed: str
    measured: float | str
    spread: Sequence[float] | str
    holds: bool | str  # or "not measured: why"


def unpacked() -> Path:
    """The unpacked data sets; a sentence when they are not there."""
    folder = Path(os.environ.get("SFUMATO_UNPACKED", DATA))
    if not folder.is_dir():
        sys.exit(f"There is no data in {folder}: run `make data` (SFUMATO_DATA names the archives), or set SFUMATO_UNPACKED.")
    return folder


def write(name: str, bars: Sequence[Bar], **more: Any) -> Path:
    """Write a result file and print its bars."""
    path = RESULTS / f"{name}.json"
    head = {
        "name": name,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(),
        "commit": _commit(),
        "command": "python "
        + " ".join([str(Path(sys.argv[0]).name if "bench" not in sys.argv[0] else f"bench/{Path(sys.argv[0]).name}"), *sys.argv[1:]]),
        "bars": [asdict(bar) for bar in bars],
    }
    files.write_json(path, {**head, **more})
    for bar in bars:
        verdict = {True: "holds", False: "DOES NOT HOLD"}.get(bar.holds, bar.holds) if isinstance(bar.holds, bool) else bar.holds
        print(f"{verdict:15}{bar.what}: needed {bar.needed}, measured {bar.measured}, spread {bar.spread}")
    return path


def machine() -> dict[str, Any]:
    """Processor and cores; nothing that names a host."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system()}


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("sfumato", "torch", "numpy", "pillow", "opencv-python-headless", "scikit-image", "fastai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def paired(
    ours: Callable[[], float], theirs: Callable[[], float], pairs: int = PAIRS
) -> tuple[float, list[float], list[tuple[float, float]]]:
    """Median of ours / theirs over interleaved pairs, all ratios sorted, and the raw values."""
    raw = [(ours(), theirs()) for _ in range(pairs)]
    ratios = sorted(one / other for one, other in raw)
    return statistics.median(ratios), ratios, raw


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
