"""Recipes on the command line: built-in ones, new ones, changes."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core import builtin
from sfumato.core.errors import Refusal
from sfumato.core.recipe import as_dict
from sfumato.nets import load as model_files
from sfumato.tasks import catalogue
from sfumato.tasks.parts.restorer import shipped

TypeIn = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", builtin.recipes())
def test_every_built_in_recipe_is_one_and_is_read_by_its_name(name: str) -> None:
    recipe = catalogue.read(name, [])
    catalogue.check(recipe)
    assert recipe == catalogue.read(str(builtin.recipes()[name].path), [])


@pytest.mark.parametrize(
    ("task", "key"), [("generate", "data.split"), ("restore", "look.surface"), ("segment", "previews.side"), ("depth", "look.surface")]
)
def test_a_key_that_a_task_does_not_read_is_refused_in_its_recipe(task: str, key: str) -> None:
    with pytest.raises(Refusal, match=f"key among the changes.*{key}"):
        catalogue.read(task, [f"{key}=64"])


def test_recipes_are_listed_with_what_they_are_for(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes")
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(builtin.recipes())


def test_recipes_are_listed_for_programs(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes", "--json")
    assert [one["name"] for one in json.loads(out)] == list(builtin.recipes())


def test_a_recipe_that_is_printed_can_be_used(type_in: TypeIn) -> None:
    _, out, _ = type_in("recipes", "denoise")
    assert tomllib.loads(out)["name"] == "denoise"
    assert json.loads(type_in("recipes", "denoise", "--json")[1]) == tomllib.loads(out)


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


def test_a_budget_among_changes_replaces_the_recipes_and_two_are_refused(tmp_path: Path, type_in: TypeIn) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nminutes = 15")
    code, out, _ = type_in("train", path, "--set", "train.epochs=3", "--dry-run")
    assert (code, tomllib.loads(out)["train"]["epochs"], tomllib.loads(out)["train"]["minutes"]) == (0, 3, "off")
    code, _, said = type_in("train", path, "--set", "train.epochs=3", "--steps", "5", "--dry-run")
    assert (code, "train.steps and train.epochs are both given" in said) == (2, True)
    code, out, _ = type_in("train", path, "--steps", "0", "--dry-run")
    assert (code, tomllib.loads(out)["train"]["steps"]) == (0, 0)


def test_real_pairs_teach_either_way(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    dark = tmp_path / "dark"
    for path in photograph_folder.rglob("*.*"):
        (dark / path.relative_to(photograph_folder)).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path)) // 2).save((dark / path.relative_to(photograph_folder)).with_suffix(".png"))
    small = ("train.tune=false", "data.crop=48", "network.widths=[8,12]", "network.blocks=[1,1]", "network.blocks_up=[1]")
    words = [word for change in small for word in ("--set", change)]
    for name, pair in {"lighter": (dark, photograph_folder), "darker": (photograph_folder, dark)}.items():
        code, _, said = type_in("train", "restore", "--pairs", *pair, "--steps", "60", "--out", tmp_path / name, *words)
        gains = json.loads((tmp_path / name / "scores.json").read_text())["gains"]["psnr_rgb"]
        assert code == 0 and gains["mean"] > 1, said


def test_a_critic_brings_all_that_a_game_needs_and_leaves_what_a_recipe_says(tmp_path: Path, type_in: TypeIn) -> None:
    sharp = tomllib.loads(type_in("train", "restore-sharp", "--dry-run")[1])
    asked = tomllib.loads(type_in("train", "restore", "--critic", "--dry-run")[1])
    assert {name: asked[name] for name in ("critic", "game", "optimiser", "loss")} == {
        name: sharp[name] for name in ("critic", "game", "optimiser", "loss")
    }
    assert (asked["train"]["valid_every"], asked["train"]["minutes"]) == (1, "off")
    assert tomllib.loads(type_in("train", "restore", "--critic", "--set", "game.weight=0.5", "--dry-run")[1])["game"]["weight"] == 0.5
    sure = ("--set", "critic.width=32", "--set", "optimiser.beta2=0.95")
    kept = tomllib.loads(type_in("train", "restore", "--critic", *sure, "--dry-run")[1])
    assert (kept["critic"]["width"], kept["optimiser"]["beta2"], kept["optimiser"]["rate"]) == (32, 0.95, sharp["optimiser"]["rate"])
    (tmp_path / "mine.toml").write_text('loss = { colour = 0.1 }\n[optimiser]\nkind = "adamw"\nrate = 0.0001\n[game]\nweight = 0.25\n')
    kept = tomllib.loads(type_in("train", tmp_path / "mine.toml", "--critic", "--dry-run")[1])
    assert (kept["critic"]["kind"], kept["optimiser"]["rate"], kept["optimiser"]["beta1"]) == ("patch", 0.0001, 0.0)
    assert (kept["game"]["weight"], kept["loss"]["colour"]) == (0.25, 0.1)
    own = ["critic.kind=features", "feature.network=tiny-features", "optimiser.kind=adamw", "optimiser.rate=0.003", "optimiser.beta1=0.0"]
    words = [word for change in own for word in ("--set", change)]
    kept = tomllib.loads(type_in("train", "restore", "--critic", *words, "--dry-run")[1])
    assert (kept["critic"]["kind"], kept["optimiser"]["rate"]) == ("features", 0.003)
    code, _, said = type_in("train", "classify", "--critic", "--dry-run")
    assert (code, "critic" in said) == (2, True)


def test_damage_that_nobody_names_is_that_which_the_model_has_learnt_to_undo(tmp_path: Path, type_in: TypeIn) -> None:
    own = "noise 3 | jpeg 40"
    recipe = catalogue.read("restore", ["spoil.chain=" + own, "train.steps=1", "train.tune=false", "data.crop=32"])
    model = tmp_path / "run" / "last.safetensors"
    catalogue.train(recipe, model.parent)
    for more, chain in ((), own), (("--spoil", "blur 2"), "blur 2"), (("--set", "spoil.chain=blur 3"), "blur 3"):
        code, out, _ = type_in("train", "restore", "--from", model, *more, "--dry-run")
        assert (code, tomllib.loads(out)["spoil"]["chain"]) == (0, chain)
    assert tomllib.loads(type_in("train", "denoise", "--from", shipped(), "--dry-run")[1])["spoil"]["chain"].startswith("noise")
    small = ("--set", "data.crop=32", "--set", "train.tune=false")
    code, out, said = type_in("plan", "restore", "--from", model, *small)
    assert code == 0 and own in out and "has learnt to undo" in said
    usual = catalogue.read("restore", []).spoil.chain
    assert tomllib.loads(type_in("train", "restore", "--from", model, "--spoil", usual, "--dry-run")[1])["spoil"]["chain"] == usual


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ('data={inputs = "scans"}', (), "has learnt from real pairs: give --pairs with both folders, or --spoil"),
        ('spoil.steps_file="mine.py"', (), "If you trust it, give --steps-file"),
        ('spoil.steps_file="mine.py"', ("--steps-file", "own.py"), ""),
    ],
)
def test_damage_that_a_model_does_not_bring_must_be_named(
    tmp_path: Path, type_in: TypeIn, change: str, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "own.py").write_text("STEPS = {}\n")
    words = tuple(str(tmp_path / word) if word.endswith(".py") else word for word in words)
    path = tmp_path / "model.safetensors"
    model = model_files.read(shipped())
    recipe = catalogue.read("restore", [change, "spoil.chain=noise 7"])
    model_files.write(path, model.network.state_dict(), replace(model.header, recipe=as_dict(recipe)))
    code, out, err = type_in("train", "restore", "--from", path, *words, "--dry-run")
    if said:
        assert code == 2 and said in " ".join(err.split())
    else:
        assert code == 0 and tomllib.loads(out)["spoil"]["chain"] == "noise 7"


def test_a_plan_and_a_rate_are_asked_for_as_a_training_is(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    small = ["--spoil", "noise 7", "--set", "data.crop=32", "--set", "train.tune=false"]
    code, out, _ = type_in("plan", "restore", photograph_folder, *small)
    assert (code, "noise 7" in out, str(photograph_folder) in out) == (0, True, True)
    code, out, _ = type_in("find-lr", "restore", photograph_folder, *small, "--out", tmp_path / "rates.png")
    assert (code, out.startswith("--set optimiser.rate="), (tmp_path / "rates.png").is_file()) == (0, True, True)


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
