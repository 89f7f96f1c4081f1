"""The command line as a person types it: help, errors in words, exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato import __version__
from sfumato.cli import verb
from sfumato.core.errors import INTERRUPTED, OURS, REFUSED, Interrupted, Refusal

TypeIn = Callable[..., tuple[int, str, str]]
LEARN = ["demo", "new", "new classify", "new restore", "plan", "train", "resume", "find-lr"]
DATA = ["data", "data list", "data get", "data check", "data show"]
USE = ["restore", "classify", "segment", "depth", "sample", "eval", "crappify"]
VERBS = [*LEARN, *DATA, *USE, "recipes", "models", "runs", "report", "doctor"]


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help(name: str, type_in: TypeIn) -> None:
    code, out, _ = type_in(*name.split(), "--help")
    assert code == 0 and "Usage:" in out


@pytest.mark.parametrize("name", [name for name in VERBS if name not in ("new", "data")])
def test_every_verbs_help_shows_how_it_is_typed(name: str, type_in: TypeIn) -> None:
    _, out, _ = type_in(*name.split(), "--help")
    assert f"  sfumato {name}" in out.split("Examples:")[1]


def test_the_version_is_printed(type_in: TypeIn) -> None:
    assert type_in("--version") == (0, f"sfumato {__version__}\n", "")


def test_an_unknown_verb_gets_the_nearest_one(type_in: TypeIn) -> None:
    code, _, err = type_in("trian")
    assert code == REFUSED and "train" in err


def test_help_comes_at_once(sfumato: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    spent = []
    for _ in range(3):
        before = os.times()
        assert sfumato("--help").returncode == 0
        after = os.times()
        spent.append(after.children_user - before.children_user + after.children_system - before.children_system)
    assert min(spent) < 0.4  # seconds of the processor, for others may be at work; bench/step_cost.py measures by the clock


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["recipes"], ["train", "restore", "--dry-run"]])
def test_what_needs_no_network_imports_no_torch(words: list[str]) -> None:
    look = f"import sys; from sfumato.cli import main\ntry: main.app({words!r})\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60)
    assert ended.stderr.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Refusal("The cat is not a picture."), REFUSED, "sfumato: The cat is not a picture.\n"),
        (Interrupted("Stopped at step 3."), INTERRUPTED, "sfumato: Stopped at step 3.\n"),
        (KeyboardInterrupt(), INTERRUPTED, "sfumato: interrupted.\n"),
        (FileNotFoundError(2, "No such file or directory", "x.png"), REFUSED, "sfumato: x.png: No such file or directory.\n"),
        (ZeroDivisionError("by nought"), OURS, f"sfumato: {verb.REPORT} (ZeroDivisionError: by nought).\n"),
    ],
)
def test_an_error_becomes_one_sentence_and_an_exit_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "_verbose", False)

    def fail() -> None:
        raise error

    assert (verb.guarded(fail), capsys.readouterr().err) == (code, words)


def test_an_error_of_ours_shows_where_it_comes_from_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "_verbose", True)
    with pytest.raises(ZeroDivisionError):
        verb.guarded(lambda: print(1 // 0))


REFUSED_COMMANDS = {
    "an unknown key": (["train", "restore", "--dry-run", "--set", "epochs=3"], "train.epochs"),
    "a wrong type": (["train", "restore", "--dry-run", "--set", "train.batch=many"], "whole number"),
    "a field that is not there": (["train", "restore", "--dry-run", "--set", "data.moon=1"], "data.moon"),
    "an unknown task": (["train", "restor", "--dry-run"], "'restore'"),
    "a recipe that is not there": (["train", "nowhere.toml"], "nowhere.toml"),
    "a chain that does not parse": (["train", "restore", "--dry-run", "--spoil", "jpeg 20..60 | txt"], "'text'"),
    "a folder that is not there": (["new", "restore", "nowhere"], "nowhere"),
    "a picture that is not there": (["restore", "nowhere.jpg"], "nowhere.jpg"),
    "a run that is not there": (["resume", "nowhere"], "nowhere"),
    "no runs": (["runs", "nowhere"], "nowhere"),
    "a folder in place of a task": (["train", "."], "such as: restore ."),
    "a place for one run's report": (["report", "runs/a", "--out", "page.html"], "give --ladder"),
    "a plot that is no PNG": (["find-lr", "restore", "--out", "rates.pdf"], "rates.png"),
    "a model that is not there": (["models", "nowhere.safetensors"], "nowhere.safetensors"),
}


@pytest.mark.parametrize("what", REFUSED_COMMANDS)
def test_a_wrong_request_gets_one_sentence_and_status_2(what: str, type_in: TypeIn, tmp_path: Path) -> None:
    words, said = REFUSED_COMMANDS[what]
    with pytest.MonkeyPatch.context() as here:
        here.chdir(tmp_path)
        code, out, err = type_in(*words)
    assert (code, out, err.count("\n"), err.startswith("sfumato: "), said in err) == (REFUSED, "", 1, True, True), err
