"""A run told to TensorBoard as well."""

import sys

import pytest

from sfumato.core.errors import Interrupted, Refusal
from sfumato.train import run as runs
from sfumato.train.callback import Callback
from sfumato.train.callbacks import state
from sfumato.train.callbacks.state import SaveState
from sfumato.train.callbacks.stats import Stats
from sfumato.train.callbacks.track import Track
from tests.train.conftest import toy_learner


class Score(Callback):
    """As a task's scores do."""

    def __init__(self, stats):
        self.stats = stats

    def after_phase(self, learner):
        if learner.phase == "valid":
            self.stats.add(learner, "valid", scores={"accuracy": 0.5})


class Stop(Callback):
    def after_batch(self, learner):
        if learner.step == 8:
            learner.stopping = "for the test"


@pytest.mark.parametrize("module", ["tensorboard", "accelerate"])
def test_a_tracker_that_is_not_there_is_refused_with_what_to_install(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there
    with pytest.raises(Refusal, match=rf"{module}.*pip install 'sfumato\[track,multi\]'"):
        Track("run", tmp_path)


def told(folder) -> dict[str, list[int]]:
    """Steps at which each name was told, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def learner_in(run, folder, held_out=(), extra=()):
    stats = Stats(run, every=2)
    saving = SaveState(run, steps=5, seconds=1e9)
    return toy_learner([Track("toy", folder), stats, Score(stats), saving, *extra], steps=12, held_out=held_out)


def test_loss_parts_rate_momentum_and_scores_are_told(tmp_path, held_out):
    pytest.importorskip("tensorboard")
    learner_in(runs.create(tmp_path / "run"), tmp_path / "boards", held_out).fit()
    found = told(tmp_path / "boards" / "toy")
    assert {"step/loss", "step/parts/mse", "step/rate", "step/momentum", "valid/scores/accuracy"} <= found.keys()
    assert found["valid/scores/accuracy"] == [0, 6, 12]


def test_a_resumed_run_tells_every_step_once(tmp_path):
    pytest.importorskip("tensorboard")
    run = runs.create(tmp_path / "run")
    with pytest.raises(Interrupted):
        learner_in(run, tmp_path / "boards", extra=[Stop()]).fit()
    (run.states / "00000008.safetensors").unlink()  # as after a kill: the newest state is that of step 5
    second = learner_in(run, tmp_path / "boards")
    second.resumed = state.newest(run)
    second.fit()
    whole = learner_in(runs.create(tmp_path / "whole"), tmp_path / "whole-boards")
    whole.fit()
    assert told(tmp_path / "boards" / "toy")["step/loss"] == told(tmp_path / "whole-boards" / "toy")["step/loss"]


def test_a_learner_that_writes_nothing_down_has_nothing_to_tell(tmp_path):
    pytest.importorskip("tensorboard")
    with pytest.raises(Refusal, match="no Stats"):
        toy_learner([Track("toy", tmp_path)]).fit()
