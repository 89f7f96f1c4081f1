"""A GPU learns and repairs as the processor does.  `make gpu` runs these."""

import json

import numpy as np
import pytest

from sfumato.core import recipe as recipes
from sfumato.tasks import catalogue
from sfumato.tasks.parts import restorer
from sfumato.tasks.restore_recipe import Restore

pytestmark = pytest.mark.gpu

SMALL = [
    "network.widths=[16,24]",
    "network.blocks=[1,1]",
    "network.blocks_up=[1]",
    "data.crop=64",
    "data.crops_per_picture=16",
    "spoil.chain=noise 25",
    "train.batch=8",
    "train.device=cuda",
    "optimiser.rate=0.002",
    "previews.count=1",
]


def learn(run, *changes):
    catalogue.train(recipes.read(Restore, {}, [*SMALL, *changes]), run)
    return [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]


def losses(rows, kind):
    return np.array([row["loss"] for row in rows if row["kind"] == kind])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tuned training with workers on the GPU, as a person has it who asks for nothing."""
    run = tmp_path_factory.mktemp("runs") / "tuned"
    learn(run, "train.steps=300")
    return run


def test_it_learns_as_on_the_processor(tmp_path):
    plain = ["train.steps=12", "train.tune=false", "train.precision=float32", "optimiser.kind=adamw"]
    there, here = (learn(tmp_path / device, *plain, f"train.device={device}") for device in ("cuda", "cpu"))
    assert losses(there, "step") == pytest.approx(losses(here, "step"), rel=5e-3)  # convolutions of a GPU round to ten bits (TF32)
    assert losses(there, "valid") == pytest.approx(losses(here, "valid"), rel=5e-3)


def test_a_tuned_training_takes_bfloat16_and_workers_and_learns(trained):
    plan = (trained / "plan.txt").read_text()
    assert "cuda" in plan and "bfloat16" in plan
    assert json.loads((trained / "scores.json").read_text())["gains"]["psnr_rgb"]["mean"] > 2  # dB


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_learns(precision, tmp_path):
    rows = learn(tmp_path / "run", "train.steps=200", "train.tune=false", f"train.precision={precision}", "optimiser.kind=adamw")
    assert losses(rows, "valid")[-1] < 0.8 * losses(rows, "valid")[0]


def test_repairs_alone_and_in_tiles_are_those_of_the_processor(trained, portrait):
    there, here = (restorer.load(trained / "last.safetensors", device=device) for device in ("cuda", "cpu"))
    large = np.tile(portrait, (7, 9, 1))
    for picture in (portrait, large):
        apart = np.abs(there.restore(picture).astype(int) - here.restore(picture))
        assert apart.max() <= 2 and apart.mean() < 0.1
