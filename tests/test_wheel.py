"""The built wheel, without this tree: what a person who installs the package has."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("the wheel's builder cannot be had without a network")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, which is all that installing it without its dependencies does."""
    folder = tmp_path_factory.mktemp("alone")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(alone: Path, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(alone), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [sys.executable, "-m", "sfumato", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_wheel_holds_recipes_weights_the_page_and_the_mark_of_types(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith(".py")}
    kept = [path for path in (ROOT / "src" / "sfumato").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert {path.relative_to(ROOT / "src").as_posix() for path in kept} <= held and "sfumato/py.typed" in held


def test_the_wheel_alone_lists_its_recipes(alone: Path, tmp_path: Path) -> None:
    assert "denoise" in run(alone, tmp_path, "recipes").stdout


def test_the_wheel_alone_runs_the_demo_and_repairs(alone: Path, tmp_path: Path, photograph_folder: Path) -> None:
    learnt = run(alone, tmp_path, "demo", "--minutes", "0.05", "--out", "demo")
    assert learnt.returncode == 0 and (tmp_path / "demo" / "report.html").is_file(), learnt.stderr
    repaired = run(alone, tmp_path, "restore", str(photograph_folder), "--out", "repaired")
    assert repaired.returncode == 0 and len(list((tmp_path / "repaired").rglob("*.*g"))) == 6, repaired.stderr
