"""The command line where there is no room.  bench/disks.py tries many more faults."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.cli import learn, verb
from sfumato.core.errors import Unwritable

TypeIn = Callable[..., tuple[int, str, str]]
ENVIRONMENT = {**os.environ, "NO_COLOR": "1"}


def typed(*words: str, stdout: str | None = None, stderr: str | None = None) -> "subprocess.CompletedProcess[str]":
    with open(stdout or os.devnull, "w") as out, open(stderr or os.devnull, "w") as err:
        command = [sys.executable, "-m", "sfumato", *words]
        return subprocess.run(
            command,
            stdout=out if stdout else subprocess.PIPE,
            stderr=err if stderr else subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            timeout=60,
            check=False,
        )


full = pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")


@full
@pytest.mark.parametrize("words", [["recipes"], ["--help"]])
def test_a_full_stdout_is_one_sentence_and_status_2(words: list[str]) -> None:
    ended = typed(*words, stdout="/dev/full")
    said = "sfumato: What was asked for could not be written to stdout: No space left on device.\n"
    assert (ended.returncode, ended.stderr) == (2, said)


@full
def test_a_full_stderr_leaves_the_status_as_it_is() -> None:
    assert typed("restore", "nowhere.png", stderr="/dev/full").returncode == 2


def test_a_report_that_cannot_be_written_takes_nothing_from_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text('task = "restore"')
    (run / "report.html").mkdir()  # in the way
    (run / "report.html" / "letter.txt").write_text("dear")
    code = verb.guarded(lambda: learn._finish(run, lambda: run / "best.safetensors"))
    said = capsys.readouterr()
    assert (code, said.out) == (3, f"{run / 'best.safetensors'}\n")
    assert "report.html could not be written: Is a directory" in said.err and f"sfumato report {run}" in said.err


def test_a_report_that_cannot_be_written_hides_no_other_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    (run / "report.html" / "in the way").mkdir(parents=True)
    (run / "recipe.toml").write_text('task = "restore"')

    def fails() -> Path:
        (run / "stats.jsonl").touch()
        raise Unwritable("The state could not be written.")

    assert verb.guarded(lambda: learn._finish(run, fails)) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "sfumato: The state could not be written."


def test_a_training_below_a_regular_file_is_refused_by_its_name(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for verb_of, out in (("train", "run"), ("new", "mine.toml")):
        words = [verb_of, "restore", photograph_folder, "--out", tmp_path / "letter.txt" / out]
        code, _, err = type_in(*words)
        assert (code, err.count("sfumato: "), "letter.txt" in err) == (2, 1, True), err
