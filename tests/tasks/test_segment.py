"""Segmentation from a folder of pictures and masks to a model, as a person has it."""

import dataclasses
import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.core import recipe as recipes
from sfumato.core.errors import Interrupted, Refusal
from sfumato.core.levels import VOID, batch_to_levels, batch_to_unit
from sfumato.data.reading.read import read_levels
from sfumato.nets import load as model_files
from sfumato.report.page import write_report
from sfumato.tasks import catalogue, segment
from sfumato.tasks.parts import fitting, mapped, segmenter
from sfumato.tasks.segment_recipe import Segment
from sfumato.train.callback import Callback
from tests.data import icc
from tests.tasks.test_depth import looking_as_far_as_it_can

LEGEND = "0\tground\t40,40,40\n1\tdisc\t200,40,40\n2\tsquare\t40,40,200\n7\tvoid\t0,0,0\n"
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
]


def scene(rng, height=40, width=48):
    """A disc and a square on noise, and which pixels are which; the lowest row is not known."""
    y, x = np.indices((height, width))
    mask = np.zeros((height, width), np.uint8)
    left, top = rng.integers(2, width - 14), rng.integers(2, height - 14)
    mask[top : top + 12, left : left + 12] = 2
    middle = rng.integers(8, height - 8), rng.integers(8, width - 8)
    mask[(y - middle[0]) ** 2 + (x - middle[1]) ** 2 < 49] = 1
    colours = np.array([[90, 110, 90], [170, 80, 80], [80, 80, 170]])
    picture = (colours[mask] + rng.normal(0, 20, (height, width, 3))).clip(0, 255).astype(np.uint8)
    mask[-1] = 7
    return picture, mask


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty scenes as files, with a legend."""
    root, rng = tmp_path_factory.mktemp("scenes"), np.random.default_rng(1)
    (root / "legend.txt").write_text(LEGEND)
    for number in range(30):
        for kind, pixels in zip(("pictures", "masks"), scene(rng), strict=True):
            path = root / kind / f"{number:02d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


def recipe(folder, *changes):
    places = [f"data.folders={json.dumps([str(folder / 'pictures')])}", f"data.masks={json.dumps(str(folder / 'masks'))}"]
    return recipes.read(Segment, {}, [*SMALL, *places, f"data.legend={json.dumps(str(folder / 'legend.txt'))}", *changes])


class Stop(Callback):
    """Asks for an end after seven steps."""

    def after_batch(self, learner):
        if learner.step == 7:
            learner.stopping = "asked to stop"


@dataclass(frozen=True)
class Stopped(segment.SegmentTask):
    def watching(self, run, stats):
        return [*super().watching(run, stats), Stop()]


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A short training."""
    path = tmp_path_factory.mktemp("runs") / "segment"
    catalogue.train(recipe(folder, "train.steps=150", "loss.dice=0.5"), path)
    return path


@pytest.fixture(scope="module")
def model(run):
    return segment.load(run / "last.safetensors", device="cpu")


def test_it_learns_what_each_pixel_shows(run):
    [row] = json.loads((run / "scores.json").read_text())["rows"]
    assert row["pixel_accuracy"]["mean"] > 0.95 and row["mean_iou"]["mean"] > 0.8 and row["pixel_accuracy"]["n"] >= 1


def test_a_person_can_look_at_it(run):
    for name in ("batch", "classes-key", "confusion", "classes", "worst"):
        assert (run / "instruments" / f"{name}.png").stat().st_size > 500
    assert {path.name for path in (run / "previews").glob("input-*.png")} == {"input-00.png", "input-01.png"}
    assert (run / "previews" / "sheet.png").is_file()


def test_a_report_names_classes_and_pixels(run):
    page = write_report(run).read_text()
    assert "pixel accuracy" in page and "disc" in page and "held-out picture" in page


def test_pictures_of_any_size_come_out_in_theirs(model, rng):
    for size in ((33, 47), (8, 100), (1, 1)):
        picture, _ = scene(rng, 60, 120)
        mask = model.segment(picture[: size[0], : size[1]])
        assert mask.shape == size and mask.dtype == np.uint8 and mask.max() < 3


def test_probabilities_sum_to_one_in_tiles_as_in_one_piece(model, rng, monkeypatch):
    picture, _ = scene(rng, 200, 300)
    whole = model.probabilities(picture)
    assert np.abs(whole.sum(2) - 1).max() < 1e-5
    monkeypatch.setattr("sfumato.tasks.parts.cutting.CPU_BYTES", 3e6)
    monkeypatch.setattr("sfumato.tasks.parts.cutting.WORTH", 0)  # tiles that are mostly margin
    assert model.cutter.tiles(200, 300).side < 200
    assert np.abs(model.probabilities(picture) - whole).max() < 1 / 255
    assert np.abs(looking_as_far_as_it_can(model).probabilities(picture) - whole).max() < 1e-5


def test_of_a_large_picture_only_the_likeliest_classes_are_held(model, rng, monkeypatch):
    picture, shapes = scene(rng, 200, 300)[0], []
    monkeypatch.setattr("sfumato.tasks.parts.cutting.CPU_BYTES", 3e6)
    monkeypatch.setattr("sfumato.tasks.parts.cutting.WORTH", 0)  # tiles that are mostly margin
    wanted, likeliest = model.probabilities(picture).argmax(2), segmenter.likeliest
    monkeypatch.setattr(segmenter, "likeliest", lambda rows: (shapes.append(rows.shape), likeliest(rows))[1])
    np.testing.assert_array_equal(model.segment(picture), wanted)
    assert {shape[1:] for shape in shapes} == {(300, 3)}
    assert sum(shape[0] for shape in shapes) == 200 and max(shape[0] for shape in shapes) <= 64


def test_a_picture_is_seen_in_use_as_it_is_by_the_looks_while_the_network_learns(model, rng):
    """Nothing is put around it: a network that learnt from crops knows no mirror images."""
    picture, _ = scene(rng)
    with torch.inference_mode():
        bare = model.network(batch_to_unit(torch.from_numpy(picture[None]))).softmax(1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(model.probabilities(picture), bare, atol=1e-5)


def test_of_a_large_photograph_the_middle_is_looked_at_while_learning_and_all_of_it_at_the_end(folder, monkeypatch, tmp_path):
    monkeypatch.setattr("sfumato.tasks.parts.mapped.LOOKED_AT", 32)
    task = segment.build(recipe(folder, "train.steps=1"))
    assert {picture.shape[:2] for picture in task.held.pictures} == {one.shape for one in task.held.maps} == {(32, 32)}
    whole = next(mapped.scenes(task.split.held))
    np.testing.assert_array_equal(task.held.maps[0], whole.map[4:36, 8:40])
    assert whole.picture.shape == (40, 48, 3)


def test_of_many_pictures_some_are_looked_at_while_learning_and_all_at_the_end(folder, monkeypatch, tmp_path):
    changes = ["train.steps=1", "data.valid=0.5"]
    task = segment.build(recipe(folder, *changes))
    assert len(task.held) == len(task.split.held) > 5
    monkeypatch.setattr("sfumato.tasks.parts.mapped.MOST_LOOKED_AT", 4 * 40 * 48)
    assert len(segment.build(recipe(folder, *changes)).held) == 4
    assert len(segment.build(recipe(folder, *changes, "previews.count=5")).held) == 5
    catalogue.train(recipe(folder, *changes), tmp_path / "run")
    [row] = json.loads((tmp_path / "run" / "scores.json").read_text())["rows"]
    assert row["pixel_accuracy"]["n"] == len(task.split.held)


def test_a_held_out_mask_that_does_not_fit_stops_before_the_training(folder, monkeypatch, tmp_path):
    shutil.copytree(folder, tmp_path / "scenes")
    monkeypatch.setattr("sfumato.tasks.parts.mapped.MOST_LOOKED_AT", 40 * 48)
    changes = ["data.valid=0.5", "previews.count=1"]
    held = segment.build(recipe(tmp_path / "scenes", *changes)).split.held
    Image.fromarray(np.zeros((7, 7), np.uint8)).save(tmp_path / "scenes" / "masks" / held.pictures[len(held) - 2].name)
    with pytest.raises(Refusal, match="its mask is 7 x 7 px"):
        _ = segment.build(recipe(tmp_path / "scenes", *changes)).held


def test_a_single_picture_is_learnt_from_and_nothing_is_scored(folder, tmp_path, capsys):
    for kind in ("pictures", "masks"):
        (tmp_path / kind).mkdir()
        shutil.copy(folder / kind / "00.png", tmp_path / kind)
    shutil.copy(folder / "legend.txt", tmp_path)
    model = catalogue.train(recipe(tmp_path, "train.steps=2"), tmp_path / "run")
    assert "No picture was held out, so nothing was scored" in capsys.readouterr().err
    assert segment.load(model, device="cpu").classes == ("ground", "disc", "square") and not (tmp_path / "run" / "scores.json").exists()


def test_a_model_tells_how_far_it_looks_in_effect(model):
    assert 0 < model.contract.effective <= model.contract.reach


def test_masks_are_written_in_the_numbers_of_their_legend(model, rng):
    picture, _ = scene(rng)
    far = {**model.header.card, "numbers": [3, 700, 9]}
    other = dataclasses.replace(model, header=dataclasses.replace(model.header, card=far))
    drawn = other.draw(picture, "mask")
    assert drawn.dtype == np.uint16
    np.testing.assert_array_equal(drawn, np.array([3, 700, 9])[model.segment(picture)])
    assert model.draw(picture, "mask").dtype == np.uint8 and model.header.card["numbers"] == [0, 1, 2]


def test_a_grey_picture_is_seen_too(model, rng):
    picture, _ = scene(rng)
    assert model.segment(picture[..., :1]).shape == picture.shape[:2]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_a_file_of_several_pictures_is_refused_and_one_of_one_is_seen(model, rng, tmp_path, suffix):
    first, second = (Image.fromarray(scene(rng)[0]) for _ in range(2))
    first.save(tmp_path / f"one{suffix}")
    assert model.segment(tmp_path / f"one{suffix}").shape == (40, 48)
    first.save(tmp_path / f"two{suffix}", save_all=True, append_images=[second])
    with pytest.raises(Refusal, match=f"two{suffix} holds more than one picture"):
        model.segment(tmp_path / f"two{suffix}")


def test_a_file_is_seen_with_the_colours_it_has_in_training(model, portrait, tmp_path):
    through = np.dstack([portrait, np.full(portrait.shape[:2], 200, np.uint8)])
    through[:40, :, 3] = 0
    Image.fromarray(through).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    np.testing.assert_array_equal(model.read(tmp_path / "a.png"), read_levels(tmp_path / "a.png"))


def test_pictures_and_masks_are_moved_alike(folder):
    """Where the mask says disc, the picture is red, whatever was drawn; light apart."""
    task = segment.build(recipe(folder, "augment.rotate=30.0", "augment.zoom=[0.6,1.5]", "augment.quarter_turns=true"))
    batch = next(task.batches.stream(0, 0))
    pictures, masks = batch_to_levels(batch.input).numpy().astype(int), batch.target.numpy()
    assert batch.target.dtype == torch.int64 and masks.shape == (4, 32, 32)
    red = pictures[..., 0] - pictures[..., 2]
    assert red[masks == 1].mean() > 60 and red[masks == 2].mean() < -60 and abs(red[masks == 0].mean()) < 10
    assert set(np.unique(masks)) <= {0, 1, 2, VOID}


def test_light_is_each_pictures_own_and_leaves_masks(folder):
    task = segment.build(recipe(folder))
    batch = next(task.batches.stream(0, 0))
    lit = task.change(batch)
    moved = (lit.input - batch.input).mean((1, 2, 3))
    assert torch.equal(lit.target, batch.target) and len(set(moved.tolist())) == 4


def test_a_scene_that_cannot_be_read_is_replaced_in_training_and_left_out_of_scores(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "scenes")
    task = segment.build(recipe(tmp_path / "scenes"))
    names = [task.split.train.pictures[0].name, task.split.train.pictures[1].name, task.split.held.pictures[0].name]
    for kind, name in zip(("pictures", "masks", "pictures"), names, strict=True):
        path = tmp_path / "scenes" / kind / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    catalogue.train(recipe(tmp_path / "scenes", "train.steps=12", "train.workers=0", "loss.classes=balanced"), tmp_path / "run")
    [row] = json.loads((tmp_path / "run" / "scores.json").read_text())["rows"]
    said = capsys.readouterr().err
    assert row["pixel_accuracy"]["n"] == len(task.split.held) - 1
    assert [name for name in names if name not in said] == [], said
    assert "taken in its place" in said and "left out of the counting of classes" in said and "left out of the held-out pictures" in said


def test_weights_go_on_bit_for_bit_after_a_stop(folder, tmp_path):
    changes = ["train.steps=12", "train.state_steps=6"]
    catalogue.train(recipe(folder, *changes), tmp_path / "whole")
    with pytest.raises(Interrupted):
        fitting.train(Stopped(recipe(folder, *changes)), tmp_path / "half")
    catalogue.resume(tmp_path / "half")
    one, two = (model_files.read(tmp_path / name / "last.safetensors").network.state_dict() for name in ("whole", "half"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_dense_network_learns_too(folder, tmp_path):
    changes = [one for one in SMALL if not one.startswith("network.")]
    places = [f"data.folders={json.dumps([str(folder / 'pictures')])}", f"data.masks={json.dumps(str(folder / 'masks'))}"]
    asked = [*changes, *places, f"data.legend={json.dumps(str(folder / 'legend.txt'))}", "train.steps=60"]
    asked += ["network.kind=dense-unet", "network.growth=8", "network.layers=[2,2]", "network.middle=2", "network.stem=16"]
    catalogue.train(recipes.read(Segment, {}, [*asked, "network.dropout=0.1"]), tmp_path / "run")
    [row] = json.loads((tmp_path / "run" / "scores.json").read_text())["rows"]
    assert row["pixel_accuracy"]["mean"] > 0.8


def test_rare_classes_weigh_more_where_it_is_asked_for(folder):
    weights = segment.build(recipe(folder, "loss.classes=balanced")).objective.weights
    assert len(weights) == 3 and weights[0] < weights[1] and weights[0] < weights[2]


def test_classes_are_weighed_by_name(folder):
    assert segment.build(recipe(folder, 'loss.weights=["disc=3", "square=0.5"]')).objective.weights == (1, 3, 0.5)
    more = ([], ['loss.weights=["disc=3"]'])
    balanced, both = (segment.build(recipe(folder, "loss.classes=balanced", *one)).objective.weights for one in more)
    assert both == pytest.approx((balanced[0], 3 * balanced[1], balanced[2]))
    with pytest.raises(Refusal, match="no class called 'disk'. Did you mean 'disc'"):
        segment.build(recipe(folder, 'loss.weights=["disk=3"]')).objective  # noqa: B018  # made when it is asked for
    for wrong in (["disc"], ["=3"], ["disc=-1"], ["disc=many"], ["disc=3", "disc = 2"]):
        with pytest.raises(Refusal, match=r"such as .*pedestrian=3"):
            recipe(folder, f"loss.weights={json.dumps(wrong)}")


def test_what_is_no_class_must_be_in_the_legend(folder):
    with pytest.raises(Refusal, match=r"data.void names 'skye', which is not in .*legend.txt: ground, disc, square"):
        _ = segment.build(recipe(folder, 'data.void=["void", "skye"]')).split
    assert segment.build(recipe(folder, 'data.void=["Void", "disc"]')).classes == ("ground", "square")


def test_own_pictures_need_all_three_places(folder):
    with pytest.raises(Refusal, match="data.legend, but only masks is given"):
        recipes.read(Segment, {}, [f"data.masks={json.dumps(str(folder / 'masks'))}"])


def test_the_plan_names_pictures_classes_and_network(folder):
    plan = segment.build(recipe(folder)).plan()
    assert "classes        3: ground, disc, square" in plan and "encoder-unet" in plan and "by hash" in plan
