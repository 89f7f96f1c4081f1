"""Depth from a folder of pictures and depth maps to a model, as a person has it."""

import dataclasses
import json
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.data import depths, items
from sfumato.report.page import write_report
from sfumato.tasks import catalogue, depth
from sfumato.tasks.depth_recipe import Depth

SMALL = [
    "data.crop=32",
    "train.tune=false",
    "train.batch=4",
    "previews.count=2",
    "network.width=8",
    "network.encoder.widths=[8,16]",
    "network.encoder.blocks=[1,1]",
    "optimiser.kind=adamw",
    "optimiser.rate=0.01",
    "light.brightness=0.02",
    "light.contrast=0.05",
]


def scene(rng, height=40, width=48):
    """A floor that is darker the farther away it is, a box on it; and how far all is, in steps of a centimetre, one corner unknown."""
    metres = np.repeat(np.geomspace(20, 2, height)[:, None], width, 1)
    left, top = rng.integers(2, width - 14), rng.integers(4, height - 14)
    metres[top : top + 10, left : left + 10] = metres[top + 9, 0]
    light = 40 + 200 * (np.log(20) - np.log(metres)) / np.log(10)
    picture = (light[..., None] + rng.normal(0, 6, (height, width, 3))).clip(0, 255).astype(np.uint8)
    steps = np.rint(100 * metres).astype(np.uint16)
    steps[:5, :5] = 0
    return picture, steps


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty scenes as files."""
    root, rng = tmp_path_factory.mktemp("rooms"), np.random.default_rng(1)
    for number in range(30):
        for kind, pixels in zip(("pictures", "maps"), scene(rng), strict=True):
            path = root / kind / f"{number:02d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


def recipe(folder, *changes):
    places = [f"data.folders={json.dumps([str(folder / 'pictures')])}", f"data.depths={json.dumps(str(folder / 'maps'))}"]
    return recipes.read(Depth, {}, [*SMALL, *places, "data.unit=0.01", *changes])


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A short training."""
    path = tmp_path_factory.mktemp("runs") / "depth"
    catalogue.train(recipe(folder, "train.steps=150"), path)
    return path


@pytest.fixture(scope="module")
def model(run):
    return depth.load(run / "last.safetensors", device="cpu")


def looking_as_far_as_it_can(model):
    """The same model before it was measured how far it looks in effect."""
    contract = dataclasses.replace(model.contract, effective=None)
    return dataclasses.replace(model, header=dataclasses.replace(model.header, contract=contract))


def test_it_learns_how_far_away_each_pixel_is(run):
    scores = json.loads((run / "scores.json").read_text())
    constant, network = scores["rows"]
    assert network["delta1"]["mean"] > 0.9 > 0.5 > constant["delta1"]["mean"]
    assert network["abs_rel"]["mean"] < 0.15 and scores["gains"]["delta1"]["low"] > 0


def test_a_person_can_look_at_it(run):
    for name in ("batch", "worst"):
        assert (run / "instruments" / f"{name}.png").stat().st_size > 500
    assert (run / "previews" / "sheet.png").is_file()
    page = write_report(run).read_text()
    assert "depth within a factor of 1.25" in page and "one depth for everything" in page and "Better than" in page


def test_pictures_of_any_size_come_out_in_theirs_in_metres(model, rng):
    for height, width in ((33, 47), (8, 100), (1, 1)):
        found = model.depth(scene(rng, 60, 120)[0][:height, :width])
        assert found.shape == (height, width) and found.dtype == np.float32 and found.min() > 0


def test_tiles_give_what_one_piece_gives(model, rng, monkeypatch):
    picture, _ = scene(rng, 200, 300)
    whole = model.depth(picture)
    monkeypatch.setattr("sfumato.tasks.parts.cutting.CPU_BYTES", 3e6)
    monkeypatch.setattr("sfumato.tasks.parts.cutting.WORTH", 0)  # tiles that are mostly margin
    assert model.cutter.tiles(200, 300).side < 200
    assert np.abs(model.depth(picture) / whole - 1).max() < 1 / 255
    assert np.abs(looking_as_far_as_it_can(model).depth(picture) / whole - 1).max() < 1e-4


def test_pictures_and_maps_are_moved_alike(folder):
    """What is bright is near, whatever was drawn."""
    task = depth.build(recipe(folder, "augment.rotate=30.0", "augment.zoom=[1.0,1.0]", "augment.quarter_turns=true"))
    batches = list(islice(task.batches.stream(0, 0), 6))
    assert all(batch.target.dtype == torch.float32 and batch.target.shape == (4, 32, 32) for batch in batches)
    light, target = torch.cat([batch.input.mean(1) for batch in batches]), torch.cat([batch.target for batch in batches])
    known = target > 0
    expected = (40 + 200 * (np.log(20) - target[known].log()) / np.log(10)) / 255
    assert (light[known] - expected).abs().mean() < 0.03 and not known.all()


def test_what_is_made_larger_comes_nearer(folder):
    changes = ["augment.zoom=[0.5,0.5]", "light.brightness=0.0", "light.contrast=0.0"]
    task = depth.build(recipe(folder, *changes))
    batch = next(task.batches.stream(0, 0))
    light, known = batch.input.mean(1), batch.target > 0
    expected = (40 + 200 * (np.log(20) - (2 * batch.target[known]).log()) / np.log(10)) / 255
    assert (light[known] - expected).abs().mean() < 0.03
    assert not depth.build(recipes.read(Depth, {}, [*SMALL, "data.leaves=12"])).source.nears  # leaves are large or small by chance


def test_without_folders_it_learns_from_made_scenes(tmp_path):
    changes = ["data.leaves=12", "train.steps=4", "data.crop=64"]
    catalogue.train(recipes.read(Depth, {}, [*SMALL, *changes]), tmp_path / "run")
    model = depth.load(tmp_path / "run" / "last.safetensors", device="cpu")
    assert model.unit == depths.LEAF_UNIT and json.loads((tmp_path / "run" / "scores.json").read_text())["rows"]


def test_a_model_is_scored_on_other_pictures(model, folder):
    matched = depths.from_folders(items.from_folder(folder / "pictures"), items.from_folder(folder / "maps"), model.unit)
    scores = depth.evaluate(model, matched, seed=depth.Seed(1))
    assert scores["rows"][-1]["delta1"]["n"] == 30 and scores["rows"][-1]["delta1"]["mean"] > 0.9


def test_a_held_out_map_of_which_nothing_is_known_is_left_out_and_said(model, folder, tmp_path, capsys):
    for kind in ("pictures", "maps"):
        (tmp_path / kind).mkdir()
        for name in ("00.png", "01.png"):
            (tmp_path / kind / name).write_bytes((folder / kind / name).read_bytes())
    Image.fromarray(np.zeros((40, 48), np.uint16)).save(tmp_path / "maps" / "01.png")
    matched = depths.from_folders(items.from_folder(tmp_path / "pictures"), items.from_folder(tmp_path / "maps"), model.unit)
    assert depth.evaluate(model, matched, seed=depth.Seed(1))["rows"][-1]["delta1"]["n"] == 1
    assert "1 of 2 held-out depth maps know no pixel's depth" in capsys.readouterr().err
    with pytest.raises(Refusal, match="None of the 1 held-out depth maps"):
        depth.evaluate(model, matched.filter(lambda index: index == 1), seed=depth.Seed(1))


def test_own_pictures_need_both_places(folder):
    with pytest.raises(Refusal, match=r"data\.depths, but only one"):
        recipes.read(Depth, {}, [f"data.depths={json.dumps(str(folder / 'maps'))}"])


def test_the_plan_names_pictures_depth_and_network(folder):
    plan = depth.build(recipe(folder)).plan()
    assert "m in the middle; one step of a map is 0.01 m" in plan and "encoder-unet" in plan and "by hash" in plan
