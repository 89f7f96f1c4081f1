"""What every benchmark writes: bench/results/NAME.json, with its bars, spreads, machine, versions and the command that made it."""

from __future__ import annotations

import importlib.util
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

import torch

import sfumato
from sfumato.core import files

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
DATA = ROOT / "build" / "data"  # where `make data` unpacks; SFUMATO_UNPACKED overrules it
PEERS = ROOT / ".venv-peers" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")  # `make peers`; SFUMATO_PEERS overrules it
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


def weights(name: str) -> Path:
    """A file of published weights among the data."""
    return Path(os.environ.get("SFUMATO_DATA", ROOT.parent / "shared" / "data"), "weights", f"{name}.safetensors")


def peers_python() -> Path | None:
    """The python of the peers' environment, where there is one."""
    python = Path(os.environ.get("SFUMATO_PEERS", PEERS))
    return python if python.is_file() else None


def in_peers() -> None:
    """Go on in the peers' environment, where both sides of a ratio run: this process, or the same command there, whose end is ours."""
    if importlib.util.find_spec("fastai") is not None:
        return
    python = peers_python()
    if python is None:
        sys.exit(f"There is no peers' environment ({PEERS}): run `make peers`, or set SFUMATO_PEERS to its python.")
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run([python, *sys.argv], env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, check=False)
    sys.exit(done.returncode)


def write(name: str, bars: Sequence[Bar], **more: Any) -> Path:
    """Write a result file and print its bars."""
    path = RESULTS / f"{name}.json"
    head = {
        "name": name,
        **when_and_where(),
        "command": " ".join(["python", "/".join(Path(sys.argv[0]).absolute().parts[-2:]), *map(_without_place, sys.argv[1:])]),
        "bars": [asdict(bar) for bar in bars],
    }
    files.write_json(path, {**head, **more})
    say(bars)
    return path


def say(bars: Sequence[Bar]) -> None:
    """Print them."""
    for bar in bars:
        verdict = {True: "holds", False: "DOES NOT HOLD"}[bar.holds] if isinstance(bar.holds, bool) else bar.holds
        print(f"{verdict:15}{bar.what}: needed {bar.needed}, measured {bar.measured}, spread {bar.spread}")


def when_and_where() -> dict[str, Any]:
    """What stands beside every measurement."""
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": versions(), "commit": commit()}


def _without_place(argument: str) -> str:
    """A path of this machine, as seen from the repository; of what lies elsewhere only the name."""
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def machine() -> dict[str, Any]:
    """Processor, cores and GPU; nothing that names a host."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    found = {"processor": model, "cores": os.cpu_count(), "system": platform.system()}
    return {**found, "gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else found


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    found = {"python": platform.python_version(), "sfumato": sfumato.__version__}
    for name in ("torch", "numpy", "pillow", "opencv-python-headless", "scikit-image", "fastai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def paired(
    ours: Callable[[], float], theirs: Callable[[], float], pairs: int = PAIRS
) -> tuple[float, list[float], list[tuple[float, float]]]:
    """Median of ours / theirs over interleaved pairs, all ratios sorted, and the raw values.

    Who goes first changes from pair to pair, so that a machine that warms up or is busier for a while favours nobody.
    """
    raw = []
    for turn in range(pairs):
        if turn % 2:
            other, one = theirs(), ours()
        else:
            one, other = ours(), theirs()
        raw.append((one, other))
    ratios = sorted(one / other for one, other in raw)
    return statistics.median(ratios), ratios, raw


def commit() -> str:
    """The commit that was measured; with a plus where code differed from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "bench/*.py")
    return f"{head}{'+' if changed else ''}" if head else "unknown"


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:  # no git here
        return ""
