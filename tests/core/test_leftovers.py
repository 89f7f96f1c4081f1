"""What a kill leaves half written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfumato.core import files

KILLED = """
import os, signal, sys
from pathlib import Path
from sfumato.core import files
with files.replacing(Path(sys.argv[1])) as aside:
    aside.write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder with whole files, in which a process was killed while it replaced one of them, and one without a suffix."""
    for name in ("model.safetensors", ".owner", "notes.part.txt", ".hidden"):
        (tmp_path / name).write_text("whole")
        if name in ("model.safetensors", ".owner"):
            subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name)], timeout=60)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_what_a_kill_left_half_written_is_swept_away_and_nothing_else(left: Path) -> None:
    assert len(list(left.iterdir())) == 6
    files.sweep(left, left / "nowhere")
    assert {path.name: path.read_text() for path in left.iterdir()} == dict.fromkeys(
        ("model.safetensors", ".owner", "notes.part.txt", ".hidden"), "whole"
    )
