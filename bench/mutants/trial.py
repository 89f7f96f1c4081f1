"""One process that tries files, measured file by file: what was said, how long it took, how much memory it held at most.

The parent gives it paths, one at a time, and starts another when it dies or hangs.  Peaks are per file: the kernel's high-water mark is
reset before each (Linux only).
"""

from __future__ import annotations

import importlib
import json
import select
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

HANGS = 30.0  # s, after which a process is taken for hung and killed


@dataclass(frozen=True)
class Mutant:
    """One hostile file: its name ends in what it claims to be; `how` says what was done to it."""

    name: str
    how: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one file.  read: it could be used; refused: a sentence names it; the rest must not happen."""

    outcome: Literal["read", "refused", "error", "died", "hung"]
    said: str = ""
    seconds: float = 0.0  # of the longest single thing that was done with the file, by the clock
    busy: float = 0.0  # of the same, on the processor
    peak: float = 0.0  # MB, of the whole process

    @property
    def fine(self) -> bool:
        """Read, or refused in words."""
        return self.outcome in ("read", "refused")


class Trial:
    """A process in which `module.probe(path, aside)` is called for each file.  A context manager."""

    def __init__(self, module: str, aside: Path):
        self.module, self.aside = module, aside
        self.restarts = -1
        self._start()

    def _start(self) -> None:
        command = [sys.executable, str(Path(__file__)), self.module, str(self.aside)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.restarts += 1

    def __call__(self, path: Path) -> Verdict:
        """Try one file."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], HANGS)[0]:
            return self._ended("hung", f"nothing within {HANGS:g} s")
        line = self.process.stdout.readline()
        if not line:
            return self._ended("died", "the process ended")
        return Verdict(**json.loads(line))

    def _ended(self, outcome: Literal["died", "hung"], said: str) -> Verdict:
        self.process.kill()
        code = self.process.wait()
        self._start()
        return Verdict(outcome=outcome, said=f"{said} (status {code})", seconds=HANGS if outcome == "hung" else 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()


def each(module: str, mutants: Iterable[Mutant], folder: Path) -> Iterator[tuple[Mutant, Verdict]]:
    """Try one file after the other, each alone in a folder."""
    place, aside = folder / "tried", folder / "aside"
    place.mkdir()
    aside.mkdir()
    with Trial(module, aside) as process:
        for mutant in mutants:
            path = place / mutant.name
            path.write_bytes(mutant.data)
            yield mutant, process(path)
            path.unlink()


class Watch:
    """Times single things that are done with a file, and keeps the longest."""

    def __init__(self) -> None:
        self.seconds = self.busy = 0.0

    def __enter__(self) -> Self:
        self.began, self.worked = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds = max(self.seconds, time.perf_counter() - self.began)
        self.busy = max(self.busy, time.process_time() - self.worked)


def judge(probe: Any, path: Path, aside: Path) -> Verdict:
    """Call a probe, which says what it read, refuses, or falls over."""
    from sfumato.core.errors import Refusal

    watch = Watch()
    reset_peak()
    try:
        said, outcome = str(probe(path, aside, watch)), "read"
    except Refusal as refusal:
        said, outcome = str(refusal), "refused"
        if path.name not in said or not said.endswith((".", "?")):
            said, outcome = f"no sentence that names the file: {said}", "error"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said, outcome = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})", "error"
    return Verdict(
        outcome=outcome,  # type: ignore[arg-type]
        said=said[:500],
        seconds=round(watch.seconds, 3),
        busy=round(watch.busy, 3),
        peak=round(peak(), 1),
    )


def reset_peak() -> None:
    """From here on the high-water mark is a new one."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """MB this process has held at most since the mark was reset."""
    status = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


def main() -> None:
    """The child's side: a path a line in, a verdict a line out."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    module, aside = importlib.import_module(sys.argv[1]), Path(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(asdict(judge(module.probe, Path(line.rstrip("\n")), aside))), file=answers, flush=True)


if __name__ == "__main__":
    main()
