"""One case: the command line in a process of its own under a fault, and what must hold after it.

A case collects what is wrong.  Nothing is: the fault was told in one sentence that names what it struck, every file that stands is whole,
what stood there before is untouched, and once the fault is lifted the work goes on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from PIL import Image

from disk_cases.kit import Kit
from sfumato.core.errors import Refusal
from sfumato.nets import load
from sfumato.train.callbacks import state

START = """
import ctypes, os, resource, sys
most, plain = int(sys.argv[1]), sys.argv[2] == "plain"
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
if plain and os.geteuid() == 0:  # root is forbidden nothing unless it lays down its power over rights
    for power in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, out of the set that the next program may have
        if ctypes.CDLL(None).prctl(24, power, 0, 0, 0):
            sys.exit("the power over rights cannot be laid down")
os.execv(sys.argv[3], sys.argv[3:])
"""
HANGS = 180.0  # s
TURNS = 4  # how often a case is tried whose fault came too late
PICTURES = {".png", ".jpg"}


class NotMeasured(Exception):
    """The fault cannot be had on this machine; why."""


class TooLate(Exception):
    """A process was done before the fault struck: on a busy machine that happens, and shows nothing."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """What is said of what went wrong; of files that are named below a sentence, the first."""
        found: list[str] = []
        for line, before in zip(self.err.splitlines(), ["", *self.err.splitlines()]):
            if line.startswith("sfumato: "):
                found.append(line)
            elif line.startswith("  ") and before.startswith("sfumato: "):
                found[-1] += " " + line.strip()
        return found


@dataclass
class Trial:
    """One case under way, in a folder of its own."""

    kit: Kit
    place: Path
    problems: list[str] = field(default_factory=list)
    said: str = ""

    def start(
        self,
        *words: str | Path,
        limit: int = 0,
        plain: bool = False,
        out: IO[Any] | int = subprocess.PIPE,
        err: IO[Any] | int = subprocess.PIPE,
        **environment: str,
    ) -> subprocess.Popen[str]:
        """Begin `sfumato WORDS`.  limit: bytes that a file may have (RLIMIT_FSIZE).  plain: as one to whom rights apply."""
        command = [sys.executable, "-m", "sfumato", *map(str, words)]
        begun = [sys.executable, "-c", START, str(limit), "plain" if plain else "", *command] if limit or plain else command
        around = {**os.environ, **self.kit.environment, "SFUMATO_CACHE": str(self.place / "cache"), **environment}
        return subprocess.Popen(begun, stdout=out, stderr=err, text=True, cwd=self.place, env=around)

    def typed(self, *words: str | Path, **how: Any) -> Ended:
        """`sfumato WORDS`, to its end."""
        return self.wait(self.start(*words, **how))

    def wait(self, process: subprocess.Popen[str]) -> Ended:
        """Its end; a process that hangs is killed, and a problem."""
        try:
            out, err = process.communicate(timeout=HANGS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.must(False, f"it hung for {HANGS:g} s")
        return Ended(process.returncode, out or "", err or "")

    def until(self, process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
        """Wait for a moment in the life of a process."""
        deadline = time.monotonic() + HANGS
        while not there():
            if process.poll() is not None or time.monotonic() > deadline:
                self.wait(process)
                raise TooLate
            time.sleep(0.003)

    def struck(self, process: subprocess.Popen[str]) -> Ended:
        """The end of a process that a fault should have struck on its way."""
        ended = self.wait(process)
        if ended.code == 0:
            raise TooLate
        return ended

    def must(self, holds: bool, otherwise: str) -> None:
        """Note a problem."""
        if not holds:
            self.problems.append(self._without_place(otherwise))

    def _without_place(self, text: str) -> str:
        for folder in (self.place, self.kit.folder):
            text = text.replace(f"{folder}/", "").replace(str(folder), ".")
        return text

    def _says(self, line: str) -> None:
        self.said = self.said or self._without_place(line)

    def told(self, ended: Ended, names: str | Path, codes: Sequence[int] = (2,)) -> None:
        """One sentence that names what was struck, and its status; never a traceback."""
        self._says(ended.sentences[0] if ended.sentences else f"status {ended.code}")
        self.must(ended.code in codes, f"status {ended.code} and not one of {list(codes)}: {ended.err[-600:]}")
        self.must(len(ended.sentences) == 1, f"{len(ended.sentences)} sentences: {ended.err[-600:]}")
        self.must(str(names) in ended.err, f"{names} is not named: {ended.err[-600:]}")
        self._calm(ended)

    def well(self, ended: Ended, says: str = "") -> None:
        """It ended as if there were no fault; `says` stands in what it told on the way."""
        line = next((line for line in ended.err.splitlines() if says in line), "") if says else "all done, status 0"
        self._says(line)
        self.must(ended.code == 0, f"status {ended.code}: {ended.err[-600:]}")
        self.must(says in ended.err, f"{says!r} was not said: {ended.err[-600:]}")
        self._calm(ended)

    def _calm(self, ended: Ended) -> None:
        self.must("Traceback" not in ended.err and "Exception ignored" not in ended.err, f"a traceback: {ended.err[-1500:]}")
        self.must("error of sfumato" not in ended.err, f"an error of ours: {ended.err[-600:]}")

    def whole(self, folder: Path) -> None:
        """Every file below a folder is whole, and none was left aside."""
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            self.must(".part" not in path.name and path.name != ".owner", f"{path} was left behind")
            try:
                read(path)
            except (Refusal, OSError, ValueError, SyntaxError) as error:
                self.must(False, f"{path} is damaged: {error}")

    def same(self, before: dict[Path, bytes]) -> None:
        """What stood there before is byte for byte what stands there now."""
        for path, data in before.items():
            self.must(path.is_file() and path.read_bytes() == data, f"{path} was lost or changed")

    def weights(self, run: Path, reference: Path) -> None:
        """A run ended with the weights of a run without a fault, bit for bit."""
        try:
            mine, theirs = (load.read_header(folder / "last.safetensors").sha256 for folder in (run, reference))
            self.must(mine == theirs, f"{run} ended with other weights than a run without the fault")
        except Refusal as refusal:
            self.must(False, str(refusal))


def read(path: Path) -> None:
    """Read a whole file as what it is by its name; raises what its reader raises."""
    if path.suffix == ".safetensors":
        if path.parent.name == "state":
            state.read(path)
        else:
            load.read(path)
    elif path.suffix in PICTURES:
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".jsonl":
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            raise ValueError("its last line is cut short")
        for line in text.splitlines():
            json.loads(line)
    elif path.suffix == ".toml":
        tomllib.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".html" and not re.search(r"</html>\s*\Z", path.read_text(encoding="utf-8")):
        raise ValueError("its end is missing")


def files(folder: Path) -> dict[Path, bytes]:
    """What stands below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}


@dataclass(frozen=True)
class Case:
    """One fault at one place.  fault: the group it is counted in; tries: finds what is wrong, or raises NotMeasured."""

    fault: str
    name: str
    tries: Callable[[Trial], None]


@dataclass(frozen=True)
class Verdict:
    """What came of a case."""

    case: Case
    problems: tuple[str, ...] = ()
    said: str = ""
    not_measured: str = ""

    def row(self) -> dict[str, Any]:
        """For the result file."""
        return {"fault": self.case.fault, "case": self.case.name, "said": self.not_measured or self.said, "problems": list(self.problems)}


def judge(case: Case, kit: Kit, place: Path) -> Verdict:
    """Try a case in an empty folder; in another one where the fault came too late."""
    for turn in range(TURNS):
        trial = Trial(kit, place / str(turn))
        trial.place.mkdir(parents=True)
        try:
            case.tries(trial)
        except NotMeasured as why:
            return Verdict(case, not_measured=str(why))
        except TooLate:
            continue
        return Verdict(case, tuple(trial.problems), trial.said)
    return Verdict(case, ("the fault came too late each time",))
