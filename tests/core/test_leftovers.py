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


def halves(folder: Path) -> set[Path]:
    return {path for path in folder.iterdir() if files.is_aside(path)}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_where_others_write_only_what_the_killed_left_of_the_files_that_are_named_is_swept_away(left: Path) -> None:
    [others] = [path for path in halves(left) if path.name.startswith("..owner.")]
    nameless = left / ".model.safetensors.999999999-0123abcd.part.safetensors"
    nameless.write_text("of a machine that is not told")
    with files.replacing(left / "model.safetensors") as aside:
        aside.write_text("being written")
        files.sweep_of([left / "model.safetensors", left / "nowhere" / "model.safetensors"])
        assert halves(left) == {aside, others, nameless}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_where_others_write_what_another_machine_may_be_writing_stays(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = halves(left)
    monkeypatch.setattr(files, "_machine", lambda: "another")
    files.sweep_of([left / "model.safetensors", left / ".owner"])
    assert halves(left) == before and len(before) == 2
