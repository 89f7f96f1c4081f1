"""Recipes on the command line: built-in ones, new ones, changes."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.core import builtin
from sfumato.tasks import catalogue

TypeIn = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", builtin.recipes())
def test_every_built_in_recipe_is_one(name: str) -> None:
    catalogue.check(catalogue.read(name, []))


def test_recipes_are_listed_with_what_they_are_for(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes")
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(builtin.recipes())


def test_recipes_are_listed_for_programs(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes", "--json")
    assert [one["name"] for one in json.loads(out)] == list(builtin.recipes())


def test_a_recipe_that_is_printed_can_be_used(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes", "denoise")
    assert tomllib.loads(out)["name"] == "denoise"


def test_a_dry_run_prints_the_whole_recipe_with_the_changes_and_counts_the_pictures(
    type_in: TypeIn, photograph_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photograph_folder.parent)
    words = ["--spoil", "jpeg 30", "--minutes", "2", "--set", "network.kind=residual", "--from", "a b.safetensors", "--dry-run"]
    code, out, _ = type_in("train", "restore", photograph_folder.name, *words)
    recipe = tomllib.loads(out)
    found = (
        recipe["data"]["folders"],
        recipe["spoil"]["chain"],
        recipe["train"]["minutes"],
        recipe["network"]["kind"],
        recipe["start_from"],
    )
    assert (code, *found) == (0, [photograph_folder.name], "jpeg 30", 2.0, "residual", "a b.safetensors")
    assert f"# 6 pictures in {photograph_folder.name}" in out


def test_a_dry_run_refuses_a_folder_that_is_not_there(type_in: TypeIn) -> None:
    code, _, said = type_in("train", "restore", "nowhere", "--dry-run")
    assert (code, "nowhere does not exist" in said) == (2, True)


def test_a_budget_on_the_command_line_replaces_the_recipes(tmp_path: Path, type_in: TypeIn) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nepochs = 3")
    _, out, _ = type_in("train", str(path), "--steps", "7", "--dry-run")
    assert {name: tomllib.loads(out)["train"][name] for name in ("minutes", "steps", "epochs")} == {
        "minutes": "off",
        "steps": 7,
        "epochs": "off",
    }


def test_a_new_recipe_is_short_commented_and_reads_back(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    out = tmp_path / "mine.toml"
    assert type_in("new", "restore", str(photograph_folder), "--out", str(out))[0] == 0
    recipe = catalogue.read(str(out), [])
    catalogue.check(recipe)
    assert (recipe.data.folders, out.read_text().count("\n") < 16, out.read_text().startswith("# ")) == (
        (str(photograph_folder),),
        True,
        True,
    )


def test_a_new_recipe_never_replaces_one(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine")
    assert (type_in("new", "restore", str(photograph_folder), "--out", str(out))[0], out.read_text()) == (2, "mine")
