"""The command line as a person types it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import main, verb
from sfumato.core import progress

TypeIn = Callable[..., tuple[int, str, str]]


@pytest.fixture
def type_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> TypeIn:
    """Exit code, stdout and stderr of one command, in this process."""
    monkeypatch.setattr(progress, "_quiet", False)
    monkeypatch.setattr(verb, "_verbose", False)

    def type_in(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main.app([str(word) for word in words])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return type_in


@pytest.fixture
def here(type_in: TypeIn) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The same, told as a process tells it: to start one costs more than to score or draw a few small pictures."""

    def here(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        code, out, err = type_in(*words)
        return subprocess.CompletedProcess(words, code, out, err)

    return here


@pytest.fixture
def sfumato() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The same in a process of its own: for what hangs on one, such as signals, encodings and the folder that it stands in."""

    def sfumato(*words: str | Path, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "sfumato", *map(str, words)]
        environment = {**os.environ, "NO_COLOR": "1"}
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)

    return sfumato
