"""Several processes that train one network."""

import json
import os
import subprocess
import sys
from itertools import islice

import pytest
import torch

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batches
from sfumato.nets.load import read_header
from sfumato.tasks import restore
from sfumato.tasks.restore_recipe import Restore
from sfumato.train import ranks
from sfumato.train.callbacks.forms import OtherForm
from sfumato.train.ranks import Ranks
from tests.train.conftest import Darkened, toy_learner


def test_alone_a_process_is_the_first_of_one():
    alone = ranks.join("cpu")
    assert (alone.share, alone.writes, alone.sums(1.5, 2)) == ((0, 1), True, [1.5, 2])


@pytest.mark.parametrize("count", [2, 3])
def test_shares_of_a_batch_taken_in_turn_are_the_batch(count):
    def stream(share):
        return islice(Batches(source=Darkened(), batch=6, seed=Seed(3), share=share).stream(0, 0), 9)

    for whole, *parts in zip(stream((0, 1)), *(stream((rank, count)) for rank in range(count)), strict=True):
        assert whole.items == tuple(item for turn in zip(*(part.items for part in parts), strict=True) for item in turn)


def test_a_batch_that_cannot_be_shared_alike_is_refused():
    with pytest.raises(Refusal, match="multiple of 2"):
        Batches(source=Darkened(), batch=5, seed=Seed(3), share=(0, 2))


def test_a_form_that_could_not_be_made_does_not_hide_why():
    class Lost(Ranks):
        def parallel(self, network):
            raise RuntimeError("the other process is gone")

    with pytest.raises(RuntimeError, match="the other process is gone"):
        toy_learner([OtherForm(compiled=False, ranks=Lost())]).fit()


def test_parts_that_stand_still_are_not_trained_in_several_processes():
    task = restore.build(recipes.read(Restore, {}, ["fine_tune.frozen=0.5", "train.tune=false"]))
    task.__dict__["ranks"] = Ranks(rank=0, count=2)
    with pytest.raises(Refusal, match="start it without torchrun"):
        task.plan()


def test_only_words_about_a_lost_process_are_taken_for_one(monkeypatch):
    lost = RuntimeError("[../gloo/transport/tcp/pair.cc:552] Connection closed by peer [127.0.0.1]:3")
    assert not ranks.is_loss(lost)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert ranks.is_loss(lost) and not ranks.is_loss(RuntimeError("shapes differ"))


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch knows no other processes")
def test_two_processes_learn_what_one_does_and_one_of_them_writes(tmp_path):
    pytest.importorskip("accelerate")
    given = ["network.widths=[8,12]", "network.blocks=[1,1]", "network.blocks_up=[1]", "network.norm=batch", "spoil.chain=noise 25"]
    given += ["data.crop=32", "train.batch=4", "train.tune=false", "train.steps=20", "train.valid_every=1000", "previews.count=1"]
    typed = ["-m", "sfumato", "train", "restore", *(word for change in given for word in ("--set", change)), "--out"]
    many = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*many, *typed, str(tmp_path / "two")], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert read_header(tmp_path / "two" / "last.safetensors").card["steps"] == 20
    rows = [json.loads(line) for line in (tmp_path / "two" / "stats.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "step"] == [9, 19]
    plan = (tmp_path / "two" / "plan.txt").read_text()
    assert "2, each with 2 of a batch's 4 pictures" in plan and "batch norm takes its statistics" in plan
