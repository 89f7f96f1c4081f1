"""The built-in recipes."""

import tomllib
from pathlib import Path

import pytest

from sfumato.core import builtin
from sfumato.core.errors import Refusal


@pytest.mark.parametrize("name", builtin.recipes())
def test_every_built_in_recipe_says_in_its_first_line_what_it_is_for(name: str) -> None:
    assert builtin.recipes()[name].path.read_text().startswith("# ")


@pytest.mark.parametrize("name", builtin.recipes())
def test_every_built_in_recipe_names_its_task(name: str) -> None:
    assert "task" in tomllib.loads(builtin.recipes()[name].path.read_text())


def test_a_recipe_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert builtin.find(str(path)) == path


@pytest.mark.parametrize("name", ["nowhere", "nowhere.toml", "some/where"])
def test_a_recipe_that_is_neither_file_nor_built_in_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="nowhere|some/where"):
        builtin.find(name)
