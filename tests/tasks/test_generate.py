"""Pictures from noise: a short Wasserstein game on any folder, and a model that makes the same pictures again."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.core import recipe as recipes
from sfumato.core.errors import Interrupted, Refusal
from sfumato.report.page import write_report
from sfumato.tasks import catalogue, generate
from sfumato.tasks.generate_recipe import Generate
from sfumato.tasks.parts import fitting
from sfumato.train.callback import Callback

SMALL = ["data.side=16", "network.side=16", "network.width=8", "network.noise=8", "critic.width=8", "train.batch=16", "train.tune=false"]


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Pictures of one bright disc on a dark ground."""
    folder = tmp_path_factory.mktemp("discs")
    rng, (rows, columns) = np.random.default_rng(1), np.mgrid[:16, :16]
    for index in range(64):
        y, x = rng.uniform(5, 11, 2)
        disc = np.where((rows - y) ** 2 + (columns - x) ** 2 < 16, 230, 20).astype(np.uint8)
        Image.fromarray(np.stack([disc] * 3, -1)).save(folder / f"{index}.png")
    return folder


def recipe(folder, *changes):
    return recipes.read(Generate, {}, [*SMALL, f"data.folders={json.dumps([str(folder)])}", *changes])


@pytest.fixture(scope="module")
def trained(discs, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "discs"
    catalogue.train(recipe(discs, "train.steps=900", "optimiser.rate=0.001", "critic.rate=0.001"), run)
    return run


def test_what_it_makes_comes_to_look_like_what_it_saw(trained):
    """Dark at the border and bright in the middle, as all it was shown."""
    made = generate.load(trained / "last.safetensors", device="cpu").sample(64, seed=1)
    middle, border = made[:, 6:10, 6:10].mean(), made[:, [0, -1]].mean()
    assert middle - border > 60


def test_a_picture_follows_from_its_seed_and_number_alone(trained):
    model = generate.load(trained / "last.safetensors", device="cpu")
    assert np.array_equal(model.sample(5, seed=3)[:2], model.sample(2, seed=3))
    assert not np.array_equal(model.sample(2, seed=3), model.sample(2, seed=4))


def test_its_report_speaks_of_pictures_that_were_made(trained):
    page = write_report(trained).read_text(encoding="utf-8")
    assert "How it came to make pictures" in page and "pictures from the same noise, sheet 1" in page and "held-out picture" not in page


def test_the_critic_plays_five_times_as_often(trained):
    rows = [json.loads(line) for line in (trained / "stats.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if row["kind"] == "step"]
    assert steps[1] - steps[0] == 60  # ten of the network's turns, with five of the critic's before each
    assert all({"distance", "penalty", "critic"} <= set(row["parts"]) for row in rows if row["kind"] == "step")


def test_clipped_weights_stay_within_their_limit(discs, tmp_path):
    task = generate.build(recipe(discs, "train.steps=12", "critic.keep=clip"))
    fitting.train(task, tmp_path / "run")
    assert max(weight.abs().max().item() for weight in task.critic.parameters()) <= 0.01 + 1e-7


class Stop(Callback):
    """As if somebody had pressed Ctrl-C after six batches."""

    def after_batch(self, learner):
        if learner.step == 6:
            learner.stopping = "stopped for a test"


def test_a_game_goes_on_where_it_was(discs, tmp_path, monkeypatch):
    made = recipe(discs, "train.steps=12", "train.state_steps=6")
    catalogue.train(made, tmp_path / "whole")
    watching = generate.GenerateTask.watching
    with monkeypatch.context() as patch:
        patch.setattr(generate.GenerateTask, "watching", lambda self, run, stats: [*watching(self, run, stats), Stop()])
        with pytest.raises(Interrupted, match="for a test"):
            catalogue.train(made, tmp_path / "stopped")
    catalogue.resume(tmp_path / "stopped")
    models = [generate.load(tmp_path / name / "last.safetensors", device="cpu") for name in ("whole", "stopped")]
    whole, stopped = (model.network.state_dict() for model in models)
    assert all(torch.equal(tensor, stopped[name]) for name, tensor in whole.items())


def test_sizes_that_contradict_each_other_are_refused(discs):
    with pytest.raises(Refusal, match="32 px"):
        recipe(discs, "network.side=32")
