"""A run that was stopped goes on as if it had not been: bit for bit."""

import json

import pytest
import torch
from torch import nn

from sfumato.core.errors import Interrupted, Refusal, Unwritable
from sfumato.train import run as runs
from sfumato.train.callback import Callback
from sfumato.train.callbacks import state
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.callbacks.state import SaveState
from sfumato.train.callbacks.stats import Stats
from sfumato.train.steps.muon import Muon
from tests.train.conftest import small_network, toy_learner


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def after_batch(self, learner):
        if learner.step == self.step:
            learner.stopping = "for the test"


def learner_in(run, extra=(), *, muon=False, workers=0, every=5, dropout=False):
    network = nn.Sequential(nn.Dropout2d(0.3), *small_network()) if dropout else small_network()
    optimiser = Muon(network, rate=0.01, rest_rate=0.01) if muon else None
    callbacks = [SkipNonFinite(), WeightAverage(half_life=3), Stats(run, every=2), SaveState(run, steps=every, seconds=1e9), *extra]
    return toy_learner(callbacks, steps=20, network=network, optimiser=optimiser, workers=workers)


@pytest.mark.parametrize("muon", [False, True], ids=["adamw", "muon"])
@pytest.mark.parametrize("stop", [1, 6, 13, 19])  # in the middle of an epoch of six batches, at its end, near the end
def test_stop_and_resume_equals_no_stop(tmp_path, stop, muon):
    whole = learner_in(runs.create(tmp_path / "whole"), muon=muon)
    whole.fit()
    run = runs.create(tmp_path / "parts")
    with pytest.raises(Interrupted):
        learner_in(run, [StopAt(stop)], muon=muon).fit()
    second = learner_in(run, muon=muon)
    second.resumed = state.newest(run)
    second.fit()
    for one, other in ((whole.network, second.network), (whole.shown, second.shown)):
        for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b), name
    strip = lambda text: [line.split('"seconds"')[0] for line in text.splitlines()]  # noqa: E731
    assert strip(run.stats.read_text()) == strip((tmp_path / "whole" / "stats.jsonl").read_text())


def test_a_run_may_be_resumed_with_another_number_of_workers(tmp_path):
    whole = learner_in(runs.create(tmp_path / "whole"))
    whole.fit()
    run = runs.create(tmp_path / "parts")
    with pytest.raises(Interrupted):
        learner_in(run, [StopAt(8)], workers=2).fit()
    second = learner_in(run, workers=0)
    second.resumed = state.newest(run)
    second.fit()
    assert all(torch.equal(a, b) for a, b in zip(whole.network.state_dict().values(), second.network.state_dict().values(), strict=True))


def test_what_dropout_drops_follows_from_the_seed_and_the_step(tmp_path):
    torch.manual_seed(1)
    whole = learner_in(runs.create(tmp_path / "whole"), dropout=True)
    whole.fit()
    run = runs.create(tmp_path / "parts")
    torch.manual_seed(2)  # whatever was drawn before
    with pytest.raises(Interrupted):
        learner_in(run, [StopAt(8)], dropout=True, workers=2).fit()
    second = learner_in(run, dropout=True)
    second.resumed = state.newest(run)
    second.fit()
    assert all(torch.equal(a, b) for a, b in zip(whole.network.state_dict().values(), second.network.state_dict().values(), strict=True))


def test_a_damaged_state_is_passed_over_for_the_one_before(tmp_path):
    run = runs.create(tmp_path / "run")
    learner_in(run).fit()
    newest = max(run.states.glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:200])
    assert state.newest(run)["learner"]["step"] == 15


def test_only_two_states_are_kept(tmp_path):
    run = runs.create(tmp_path / "run")
    learner_in(run, every=2).fit()
    assert len(list(run.states.iterdir())) == 2


def test_a_run_folder_is_never_overwritten(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(Refusal, match="not empty"):
        runs.create(tmp_path)


def test_a_tree_of_tensors_and_values_comes_back(tmp_path):
    tree = {"a": [1, 2.5, "x", None, True], "b": {"c": torch.arange(6).reshape(2, 3), "d": torch.tensor(3)}}
    state.write(tmp_path / "tree.safetensors", tree)
    back = state.read(tmp_path / "tree.safetensors")
    assert back["a"] == tree["a"]
    assert torch.equal(back["b"]["c"], tree["b"]["c"]) and torch.equal(back["b"]["d"], tree["b"]["d"])


class LimitAt(Callback):
    def __init__(self, step, limit):
        self.step, self.limit = step, limit

    def after_update(self, learner):
        if learner.step == self.step:
            self.limit()


def test_a_state_for_which_there_is_no_room_stops_the_run_and_the_one_before_it_stays(tmp_path, sizes_limited):
    run = runs.create(tmp_path / "run")
    with pytest.raises(Unwritable, match="00000010.safetensors could not be written: File too large"):
        learner_in(run, [LimitAt(7, lambda: sizes_limited(2000))]).fit()
    assert [path.name for path in run.states.iterdir()] == ["00000005.safetensors"]
    assert state.newest(run)["learner"]["step"] == 5


def test_lines_for_which_there_is_no_room_stop_the_run_and_leave_no_half_line(tmp_path, sizes_limited):
    run = runs.create(tmp_path / "run")
    with pytest.raises(Unwritable, match="stats.jsonl could not be written"):
        learner_in(run, [LimitAt(7, lambda: sizes_limited(run.stats.stat().st_size + 30))]).fit()
    assert [json.loads(line)["step"] for line in run.stats.read_text().splitlines()] == [1, 3, 5]  # the end of an epoch, after step 6


def test_a_run_that_begins_again_for_want_of_a_state_forgets_the_lines_of_its_first_start(tmp_path):
    run = runs.create(tmp_path / "run")
    run.stats.write_text('{"kind": "step", "step": 1}\n{"kind": "st')
    learner_in(run).fit()
    assert [json.loads(line)["step"] for line in run.stats.read_text().splitlines()][:2] == [1, 3]
