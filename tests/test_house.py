"""What holds for the whole house beside who imports whom, which import-linter checks: what stands in one place only, what is there."""

import ast
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

from sfumato.core.system.machine import EXTRAS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "sfumato"
FILES = sorted(SOURCE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def numbers(path: Path) -> set[str]:
    with path.open("rb") as file:
        return {token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.NUMBER}


def test_every_folder_of_code_has_an_init_for_import_linter_passes_over_any_other() -> None:
    assert all((path.parent / "__init__.py").is_file() for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_number_of_levels_stands_in_one_file(path: Path) -> None:
    assert path.name == "levels.py" or not {"255", "255.0", "65535", "65535.0"} & numbers(path)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_devices_are_named_in_one_file(path: Path) -> None:
    code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
    assert path.name == "devices.py" or ".cuda(" not in code


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_touches_a_global_generator(path: Path) -> None:
    forbidden = re.compile(
        r"np\.random\.(seed|rand|randn|randint|random|choice|shuffle|normal|uniform)\(|^import random\b|^from random\b", re.MULTILINE
    )
    assert forbidden.search(path.read_text()) is None


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py" and path.parent != SOURCE], ids=name_of)
def test_a_folders_init_only_says_what_the_folder_is(path: Path) -> None:
    [said] = ast.parse(path.read_text()).body
    assert isinstance(said, ast.Expr) and "May import" in str(ast.literal_eval(said.value)) and path.read_text().count("\n") == 3


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_has_outgrown_one_thing(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_the_wheel_carries_what_is_not_code() -> None:
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/sfumato"] and (SOURCE / "py.typed").is_file()


def test_everything_that_is_imported_is_a_dependency_or_an_extra() -> None:
    distributions = {"PIL": "pillow", "cv2": "opencv-python-headless", "skimage": "scikit-image", "markupsafe": "jinja2"}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(name for names in project["optional-dependencies"].values() for name in names)]
    known = {re.split(r"[<>=\[]", name)[0].lower() for name in wanted}
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            found |= {module.split(".")[0] for module in modules if module}
    others = found - set(sys.stdlib_module_names) - {"sfumato"}
    assert {distributions.get(name, name.replace("_", "-")).lower() for name in others} <= known


def test_constraints_name_a_version_of_every_dependency() -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["dev"], *extras["demo"]]
    assert {re.split(r"[<>=\[]", name)[0].lower() for name in wanted} <= pinned


def test_every_module_can_be_imported_with_no_extra_installed() -> None:
    modules = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in FILES if path.name != "__main__.py"]
    hide = f"for name in {list(EXTRAS.values())!r}: sys.modules[name] = None"  # as if it were not there
    code = f"import importlib, sys\n{hide}\nfor name in {modules!r}: importlib.import_module(name)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "module",
    [
        "sfumato",
        "sfumato.cli.main",
        "sfumato.core.recipe",
        "sfumato.tasks.restore_recipe",
        "sfumato.spoil.catalogue",
        "sfumato.nets.catalogue",
    ],
)
def test_what_verbs_need_at_once_imports_neither_torch_nor_opencv(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'cv2'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "\n"
