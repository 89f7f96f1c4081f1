"""The worked examples of CONTRIBUTING.md, run word for word in a copy of the tree, as a new owner would."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WAYS = r"At the end of `(?P<end>[^`]+)`|New file `(?P<new>[^`]+)`|In `(?P<at>[^`]+)`, (?P<how>below|instead of) `(?P<line>[^`]+)`"
STEP = re.compile(rf"^(?:{WAYS}):\n\n```\w+\n(?P<text>.*?)```$|^Then `(?P<command>pytest [^`]+)`", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, list[re.Match[str]]]:
    """The steps of each section that has any."""
    sections = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    return {section.splitlines()[0]: found for section in sections if (found := list(STEP.finditer(section)))}


def follow(step: re.Match[str], tree: Path) -> None:
    """Do to the tree what one step says."""
    if step["end"]:
        with (tree / step["end"]).open("a") as file:
            file.write(step["text"])
    elif step["new"]:
        (tree / step["new"]).write_text(step["text"])
    else:
        path = tree / step["at"]
        lines = path.read_text().splitlines(keepends=True)
        [place] = [number for number, line in enumerate(lines) if line.startswith(step["line"])]
        lines[place] = lines[place] + step["text"] if step["how"] == "below" else step["text"]
        path.write_text("".join(lines))


def test_all_three_examples_are_found() -> None:
    assert list(examples()) == ["A new way to spoil", "A new network", "A new recipe"]


@pytest.mark.parametrize("section", examples())
def test_the_worked_example_passes_its_own_tests(section: str, tmp_path: Path) -> None:
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    *steps, last = examples()[section]
    for step in steps:
        follow(step, tmp_path)
    command = [sys.executable, "-m", *shlex.split(last["command"])]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and " passed" in ended.stdout, ended.stdout[-3000:] + ended.stderr[-1000:]
