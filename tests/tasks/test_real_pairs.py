"""Pairs that are there already: matched by name, moved alike, learnt from and scored."""

import json

import numpy as np
import pytest
from PIL import Image

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.levels import batch_to_levels
from sfumato.tasks import catalogue, restore
from sfumato.tasks.restore_recipe import Restore


@pytest.fixture
def folders(photograph_folder, tmp_path):
    """Darker copies as inputs."""
    for path in photograph_folder.rglob("*.*"):
        dark = tmp_path / "dark" / path.relative_to(photograph_folder).with_suffix(".png")
        dark.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path)) // 2).save(dark)
    return tmp_path / "dark", photograph_folder


def recipe(folders, *changes):
    small = ["data.crop=48", "train.tune=false", "train.batch=4", "train.steps=30", "previews.count=1", "network.widths=[8,12]"]
    small += ["network.blocks=[1,1]", "network.blocks_up=[1]", f"data.folders={json.dumps([str(folders[1])])}"]
    return recipes.read(Restore, {}, [*small, f"data.inputs={json.dumps(str(folders[0]))}", *changes])


def test_both_are_moved_alike_and_nothing_is_spoilt(folders):
    task = restore.build(recipe(folders, "augment.quarter_turns=true"))
    batch = next(task.batches.stream(0, 0))
    dark, good = (batch_to_levels(part).numpy().astype(int) for part in (batch.input, batch.target))
    assert np.abs(dark - good // 2).max() <= 1  # JPEG files are decoded once more
    assert "nothing: inputs from" in task.plan()


def test_pairs_for_a_recipe_that_enlarges_are_refused(folders):
    with pytest.raises(Refusal, match="enlarge 4 times, but real pairs belong pixel to pixel"):
        restore.build(recipe(folders, "spoil.chain=shrink 4")).plan()


def test_it_learns_the_way_back(folders, tmp_path):
    catalogue.train(recipe(folders), tmp_path / "run")
    gains = json.loads((tmp_path / "run" / "scores.json").read_text())["gains"]
    assert gains["psnr_rgb"]["mean"] > 1


def test_grey_inputs_of_colourful_targets_teach_to_give_colour(folders):
    assert not restore.build(recipe(folders)).contract.colours
    for path in folders[0].rglob("*.png"):
        Image.open(path).convert("L").convert("RGB").save(path)
    assert restore.build(recipe(folders)).contract.colours


def test_inputs_that_are_nobodys_are_counted_once_and_nothing_is_said_of_perfect_pairs(folders, tmp_path, capsys):
    catalogue.train(recipe(folders, "train.steps=1"), tmp_path / "one")
    assert "of the same name" not in " ".join(capsys.readouterr().err.split())
    (folders[1] / "left" / "coffee0.jpg").unlink()
    catalogue.train(recipe(folders, "train.steps=1"), tmp_path / "two")
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("of the same name") == 1 and "1 of 6 inputs have no target" in said


def test_a_target_without_an_input_is_named(folders):
    (folders[0] / "left" / "coffee0.png").unlink()
    with pytest.raises(Refusal, match=r"no input of the same name in .*dark.*coffee0.jpg"):
        restore.build(recipe(folders)).pairs.pair(0, 0)


def test_a_pair_of_unlike_sizes_is_named(folders):
    for path in folders[0].rglob("*.png"):
        Image.new("RGB", (20, 30)).save(path)
    with pytest.raises(Refusal, match="is 160 x 120 px, but its input is 20 x 30 px"):
        restore.build(recipe(folders)).held  # noqa: B018  # made when it is asked for


def test_one_pair_of_unlike_sizes_is_named_before_anything_is_learnt(folders):
    path = sorted(folders[0].rglob("*.png"))[-1]
    Image.new("RGB", (20, 30)).save(path)
    with pytest.raises(Refusal, match=f"{path.stem}.* is 160 x 120 px, but its input is 20 x 30 px"):
        restore.build(recipe(folders)).pairs  # noqa: B018  # made when it is asked for
