"""From labelled pictures to a model that names them, and what is refused on the way."""

import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image

import sfumato
from sfumato.core import recipe as recipes
from sfumato.core.errors import Interrupted, Refusal
from sfumato.core.seed import Seed
from sfumato.data.rows import FirstBatches, Rows
from sfumato.tasks import catalogue, classify
from sfumato.tasks.classify_recipe import Classify
from sfumato.tasks.parts import fitting
from sfumato.train.callback import Callback

SMALL = [
    "network.widths=[8,16]",
    "network.blocks=[1,1]",
    "train.tune=false",
    "train.batch=16",
    "optimiser.rate=0.01",
]
KINDS = ("across", "checks", "down")


def drawing(kind, rng):
    """uint8 (16, 16, 3): stripes or checks of any phase and colour, in noise."""
    y, x = np.indices((16, 16)) + rng.integers(0, 8, 2)[:, None, None]
    pattern = {"across": y // 3 % 2, "down": x // 3 % 2, "checks": (y // 3 + x // 3) % 2}[kind]
    colours = rng.integers(60, 196, (2, 3))
    return np.clip(colours[pattern] + rng.normal(0, 20, (16, 16, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(3)
    for kind in KINDS:
        (place / kind).mkdir()
        for number in range(60):
            Image.fromarray(drawing(kind, rng)).save(place / kind / f"{number}.png")
    return place


def recipe(folder, *changes):
    return recipes.read(Classify, {}, [f"data.folders={json.dumps([str(folder)])}", "data.valid=0.25", *SMALL, *changes])


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "stripes"
    catalogue.train(recipe(folder, "train.epochs=25", "augment.chain=pad-crop 2"), run)
    return run


def test_it_learns(trained):
    [row] = json.loads((trained / "scores.json").read_text())["rows"]
    assert row["accuracy"]["mean"] > 0.9  # a guess is right for a third


def test_a_model_names_pictures_it_never_saw(trained):
    model, rng = sfumato.load(trained / "last.safetensors"), np.random.default_rng(99)
    right = [model.classify(drawing(kind, rng), top=1)[0][0] == kind for kind in KINDS for _ in range(20)]
    assert np.mean(right) > 0.85


def test_probabilities_of_a_picture_and_its_mirror_image_are_averaged(trained):
    model, picture = sfumato.load(trained / "last.safetensors"), drawing("checks", np.random.default_rng(5))
    one, other = model.probabilities(np.stack([picture, picture[:, ::-1]]))
    [both] = model.probabilities(picture[None], views="flip")
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-6)


def test_models_together_answer_the_mean_of_their_answers(trained):
    one, other = (sfumato.load(trained / name) for name in ("best.safetensors", "last.safetensors"))
    picture = drawing("down", np.random.default_rng(7))[None]
    np.testing.assert_allclose(one.beside([other]).probabilities(picture), (one.probabilities(picture) + other.probabilities(picture)) / 2)


def test_models_of_unlike_classes_do_not_answer_together(trained):
    one = sfumato.load(trained / "best.safetensors")
    other = replace(one, header=replace(one.header, card={**one.header.card, "classes": ["a", "b", "c"]}))
    with pytest.raises(Refusal, match="classes"):
        one.beside([other])


def test_a_run_says_where_it_erred(trained):
    written = {path.name for path in (trained / "instruments").iterdir()}
    assert {"confusion.png", "calibration.png", "top-losses.png", "summary.txt"} <= written


class Stop(Callback):
    """Asks for an end after ten steps."""

    def after_batch(self, learner):
        if learner.step == 10:
            learner.stopping = "asked to stop"


@dataclass(frozen=True)
class Stopped(classify.ClassifyTask):
    def watching(self, run, stats):
        return [*super().watching(run, stats), Stop()]


def test_a_stopped_run_goes_on_to_the_same_weights(folder, tmp_path):
    changes = ["train.steps=20", "augment.mix=mixup", "augment.chain=flip", "train.state_steps=5"]
    catalogue.train(recipe(folder, *changes), tmp_path / "whole")
    with pytest.raises(Interrupted):
        fitting.train(Stopped(recipe(folder, *changes)), tmp_path / "half")
    catalogue.resume(tmp_path / "half")
    one, other = (sfumato.load(tmp_path / name / "last.safetensors").network.state_dict() for name in ("whole", "half"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_item_has_the_same_partner_in_any_batch():
    rows = Rows(np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1), np.arange(10), Seed(1), partners=True)
    together, alone = rows.gather([(2, 3), (2, 7)]), rows.gather([(2, 7)])
    assert torch.equal(together[0][3], alone[0][1]) and together[1].tolist()[:2] == [3, 7]


def test_the_first_batches_are_the_same_in_every_epoch():
    rows = FirstBatches(Rows(np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1), np.arange(10), Seed(1), partners=True), 4)
    assert torch.equal(rows.gather([(0, 1)])[0], rows.gather([(5, 1)])[0]) and len(rows) == 4


def test_an_item_of_a_set_without_files_is_called_by_its_number():
    rows = Rows(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, np.int64), Seed(0))
    assert FirstBatches(rows, 2).name(1) == "picture 1"


def test_one_batch_is_learnt_by_heart(folder, tmp_path):
    catalogue.train(recipe(folder, "train.overfit=1", "train.steps=60"), tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows if row["kind"] == "step"][-1] < 0.05  # a guess has 1.1


def test_unlike_sizes_are_refused_with_what_to_set(tmp_path):
    for kind, side in (("one", 16), ("two", 20)):
        (tmp_path / kind).mkdir()
        for number in range(4):
            Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(tmp_path / kind / f"{number}.png")
    with pytest.raises(Refusal, match="side"):
        _ = classify.build(recipe(tmp_path)).network_spec
    assert classify.build(recipe(tmp_path, "data.side=16")).network_spec.side == 16


def test_all_pictures_may_be_learnt_from(folder, tmp_path, capsys):
    best = catalogue.train(recipe(folder, "data.split=none", "train.steps=3"), tmp_path / "run")
    assert best.is_file() and not (tmp_path / "run" / "scores.json").exists()
    assert "No picture was held out" in capsys.readouterr().err


def test_pictures_that_cannot_be_read_are_left_out_and_counted(folder, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "down" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    task = classify.build(recipe(copy))
    split = task.split
    assert len(split.train) + len(split.held) == 179 and "1 picture(s) could not be read" in " ".join(capsys.readouterr().err.split())
    kinds = [task.source.name(item).partition("/")[0] for item in range(len(task.source))]  # of the files that the others are called by
    assert kinds == [split.train.classes[label] for label in split.train.labels]


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_fine_tuning_moves_the_head_alone_at_first_then_all(kind, folder, trained, tmp_path):
    start = str(trained / "last.safetensors")
    changes = ["train.steps=8", "train.average=off", "fine_tune.factor=3.0", f"start_from={json.dumps(start)}", "train.state_steps=4"]

    def moved(frozen):
        run = tmp_path / str(frozen)
        catalogue.train(recipe(folder, *changes, f"fine_tune.frozen={frozen}", f"optimiser.kind={kind}"), run)
        before, after = (sfumato.load(path).network.state_dict() for path in (start, run / "last.safetensors"))
        return {name for name in before if not torch.equal(before[name], after[name])}

    assert all(name.startswith("head.") for name in moved(0.99)) and any(name.startswith("body.stem.") for name in moved(0.5))


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_each_stage_learns_at_a_rate_of_its_own(kind, folder):
    """The head at the highest, each stage before it at half the rate of the next; matrices and the rest alike."""
    task = classify.build(recipe(folder, f"optimiser.kind={kind}", "optimiser.rate=0.02", "fine_tune.factor=2.0"))
    rates = {id(p): group["lr"] for group in task.optimiser(task.network, True).param_groups for p in group["params"]}
    stages = task.network.units()
    for before, stage in enumerate(reversed(stages)):
        assert {rates[id(p)] for p in stage.parameters() if p.ndim > 1} == {0.02 / 2**before}
    assert len(rates) == len(list(task.network.parameters()))


def test_decoupled_mixing_without_mixing_is_refused(folder):
    with pytest.raises(Refusal, match=r"augment\.mix"):
        recipe(folder, "loss.decoupled=0.1")


def test_a_batch_and_one_picture_drawn_again_and_again_can_be_looked_at(folder):
    task = classify.build(recipe(folder, "augment.chain=pad-crop 4 | flip", "augment.mix=cutmix"))
    batch, item = task.show_batch(6), task.show_item(0, times=6)
    assert batch.dtype == item.dtype == np.uint8 and batch.shape == item.shape


def test_all_pictures_of_a_batch_can_share_one_draw_and_by_default_do_not(folder):
    def shifts(same):
        task = classify.build(recipe(folder, "augment.chain=pad-crop 4", f"augment.same={json.dumps(same)}"))
        batch = next(task.batches.stream(0, 0))
        changed = task.change(batch)
        blank = (changed.input == 0).all(dim=1)  # what a shift left empty
        return {(*one.all(dim=0).tolist(), *one.all(dim=1).tolist()) for one in blank}

    assert len(shifts(True)) == 1 and len(shifts(False)) > 4


def test_a_slice_of_the_loss_without_a_middle_is_refused_before_anything_is_learnt(folder):
    with pytest.raises(Refusal, match=r"look\.surface is 4, but must be odd.*give 5"):
        recipe(folder, "look.surface=4")


def test_a_slice_of_the_loss_and_the_layers_stand_in_the_run(folder, tmp_path):
    catalogue.train(recipe(folder, "train.steps=24", "look.surface=3", "look.every=8"), tmp_path / "run")
    written = {path.name for path in (tmp_path / "run" / "instruments").iterdir()}
    assert {"surface.png", "activations.png", "gradients.png", "batch.png", "classes.png"} <= written


def test_a_class_that_is_seen_in_validation_only_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy / "train")
    shutil.copytree(folder / "down", copy / "valid" / "down")
    shutil.copytree(folder / "down", copy / "valid" / "dots")
    with pytest.raises(Refusal, match="dots"):
        _ = classify.build(recipe(copy, "data.split=folder")).split
