"""A run that is killed at any moment is resumed as if nothing had been.  bench/kills.py tries more of the same."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from sfumato.core import files
from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.system import locks
from sfumato.nets.load import read_header
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts.watch import Previews, Scores
from sfumato.train import run as runs
from sfumato.train.callbacks.stats import Stats
from tests.tasks.test_restore import recipe
from tests.train.conftest import toy_learner

needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


def killed(run, folder, *changes):
    """A training in a process of its own, killed with its workers at a random moment after its first validation."""
    spec = recipe(folder, "spoil.chain=noise 25", "train.steps=100", "train.state_steps=10", *changes)
    files.write_text(run.with_suffix(".toml"), recipes.to_toml(spec))
    words = [sys.executable, "-m", "sfumato", "-q", "train", str(run.with_suffix(".toml")), "--out", str(run)]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # as many as the run it is compared with
    process = subprocess.Popen(words, start_new_session=True, env={**os.environ, **threads})
    while process.poll() is None and not (run / "best.safetensors").is_file():
        time.sleep(0.005)
    moment = np.random.default_rng().uniform(0, 0.5)  # s, truly at random
    print(f"killed {moment:.3f} s after the first validation")
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@needs_signals
def test_a_run_that_is_killed_at_a_random_moment_resumes_bit_for_bit_with_other_workers(tmp_path, photograph_folder):
    catalogue.train(recipe(photograph_folder, "spoil.chain=noise 25", "train.steps=100", "train.workers=0"), tmp_path / "whole")
    killed(tmp_path / "run", photograph_folder, "train.workers=2")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
    kept = (tmp_path / "run" / "recipe.toml").read_bytes()
    catalogue.resume(tmp_path / "run", workers=0)
    for name in ("last.safetensors", "best.safetensors"):
        assert read_header(tmp_path / "run" / name).sha256 == read_header(tmp_path / "whole" / name).sha256
    assert (tmp_path / "run" / "recipe.toml").read_bytes() == kept


def test_a_training_in_a_folder_that_is_in_use_names_the_owner(tmp_path, photograph_folder):
    with locks.owned(tmp_path / "run"):
        (tmp_path / "run" / "recipe.toml").write_text("the first one's")
        with pytest.raises(Refusal, match=f"process {os.getpid()} on "):
            catalogue.train(recipe(photograph_folder), tmp_path / "run")
    assert (tmp_path / "run" / "recipe.toml").read_text() == "the first one's"


def test_a_damaged_note_of_what_was_measured_is_named(tmp_path, photograph_folder):
    run = runs.create(tmp_path / "run")
    files.write_text(run.recipe, recipes.to_toml(recipe(photograph_folder)))
    run.tuned.write_text('{"precision": "flo')
    with pytest.raises(Refusal, match="tuned.json is damaged"):
        catalogue.resume(run.folder)


def test_previews_of_steps_that_a_kill_undid_go(tmp_path, photograph_folder):
    run = runs.create(tmp_path / "run")
    held = restore.build(recipe(photograph_folder)).held
    learner = toy_learner()
    learner.resumed = {"learner": {"step": 20}}
    run.previews.mkdir()
    for name in ("0000010-00.png", "0000020-00.png", "0000030-00.png", "sheet.png"):
        (run.previews / name).write_bytes(b"")
    Previews(run, held, Scores(held, Stats(run)), count=1).before_fit(learner)
    assert {path.name for path in run.previews.iterdir()} == {
        "0000010-00.png", "0000020-00.png", "sheet.png", "input-00.png", "target-00.png"
    }  # fmt: skip
