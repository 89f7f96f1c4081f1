"""What a kill must not break: the story, the last validation, the last step, the place of a stop."""

import pytest
import torch
from torch import nn

from sfumato.core.errors import Interrupted
from sfumato.tasks.parts import training
from sfumato.train import run as runs
from sfumato.train.callback import Callback
from sfumato.train.callbacks import state
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.callbacks.state import SaveState
from sfumato.train.callbacks.stats import Stats
from sfumato.train.steps.muon import Muon
from tests.train.conftest import small_network, toy_learner


class Die(Exception):
    """Nothing is saved, as when the process is killed."""


class DieAt(Callback):
    def __init__(self, step):
        self.step = step

    def after_batch(self, learner):
        if learner.step == self.step and learner.phase == "train":
            raise Die


class StopAt(Callback):
    """Asks the run to stop after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def after_batch(self, learner):
        self.left -= learner.phase == "train"
        if self.left == 0:
            learner.stopping = "for the test"


class Note(Callback):
    """What was done."""

    def __init__(self):
        self.batches, self.validations = 0, []

    def after_batch(self, learner):
        self.batches += learner.phase == "train"

    def after_phase(self, learner):
        if learner.phase == "valid":
            self.validations.append(learner.step)


def learner_in(run, extra=(), *, steps=20, every=5, network=None, muon=False, **options):
    network = network or small_network()
    optimiser = Muon(network, rate=0.01, rest_rate=0.01) if muon else None
    callbacks = [SkipNonFinite(), WeightAverage(half_life=3), Stats(run, every=2), SaveState(run, steps=every, seconds=1e9), *extra]
    return toy_learner(callbacks, steps=steps, network=network, optimiser=optimiser, **options)


def resumed_in(run, extra=(), **options):
    learner = learner_in(run, extra, **options)
    learner.resumed = state.newest(run)
    return learner


def story(run):
    return [line.split('"seconds"')[0] for line in run.stats.read_text().splitlines()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_run_that_was_killed_before_any_state_tells_its_story_anew(tmp_path):
    whole, run = runs.create(tmp_path / "whole"), runs.create(tmp_path / "killed")
    learner_in(whole).fit()
    with pytest.raises(Die):
        learner_in(run, [DieAt(4)]).fit()
    assert run.stats.stat().st_size > 0
    resumed_in(run).fit()
    assert story(run) == story(whole)


def test_a_run_that_was_stopped_after_its_last_step_has_only_a_validation_left_to_do(tmp_path, held_out):
    run, left = runs.create(tmp_path / "run"), Note()
    with pytest.raises(Interrupted):
        learner_in(run, [StopAt(20)], held_out=held_out).fit()
    resumed_in(run, [left], held_out=held_out).fit()
    assert (left.batches, left.validations) == (0, [20])


def test_the_last_step_is_saved_before_it_is_validated(tmp_path, held_out):
    class DieInTheEnd(Callback):
        def before_phase(self, learner):
            if learner.phase == "valid" and learner.step == 20:
                raise Die

    run, left = runs.create(tmp_path / "run"), Note()
    with pytest.raises(Die):
        learner_in(run, [DieInTheEnd()], held_out=held_out, every=7).fit()
    resumed_in(run, [left], held_out=held_out).fit()
    assert (left.batches, left.validations) == (0, [20])


def test_a_finished_run_that_is_resumed_trains_no_step(tmp_path):
    run, left = runs.create(tmp_path / "run"), Note()
    learner_in(run).fit()
    resumed_in(run, [left]).fit()
    assert left.batches == 0


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("killed", [25, 37])  # there are six steps an epoch, and every third or fourth one is followed by scores
def test_a_resumed_run_validates_where_it_would_have(tmp_path, held_out, killed, within):
    def validations(run, extra, start):
        seen = Note()
        learner = start(run, [seen, *extra], steps=200, every=2, held_out=held_out, valid_due=training.due("auto", within=within))
        try:
            learner.fit()
        except Die:
            saved = state.newest(run)["learner"]["step"]
            return [step for step in seen.validations if step < saved]
        return seen.validations

    run = runs.create(tmp_path / "run")
    whole = validations(runs.create(tmp_path / "whole"), [], learner_in)
    assert validations(run, [DieAt(killed)], learner_in) + validations(run, [], resumed_in) == whole


def test_validation_is_due_at_the_first_epochs_end_after_each_tenth(tmp_path, held_out):
    seen = Note()
    toy_learner([seen], steps=200, held_out=held_out, valid_due=training.due("auto")).fit()
    ends = [6 * epoch for epoch in range(1, 34)]
    assert seen.validations == [0, *(next(end for end in ends if end >= tenth) for tenth in range(20, 200, 20)), 200]


@pytest.mark.parametrize(("every", "expected"), [("auto", [20, 40, 60, 80]), (3, [18, 20, 36, 40, 54, 60, 72, 80]), (99, [20, 40, 60, 80])])
def test_nobody_waits_for_the_end_of_a_long_epoch_to_see_how_it_goes(tmp_path, held_out, every, expected):
    """There are six steps an epoch, of two batches each, and the epochs of twenty tenths."""
    seen = Note()
    toy_learner([seen], steps=200, batch=2, accumulate=2, held_out=held_out, valid_due=training.due(every, within=True)).fit()
    assert seen.validations[: len(expected) + 1] == [0, *expected] and seen.validations[-1] == 200


def test_a_state_that_was_saved_where_a_look_within_an_epoch_is_due_looks_first(tmp_path, held_out):
    """Killed after the state and before the look: weights and rows as if nobody had stopped it."""

    class DieBeforeTheLook(Callback):
        def before_phase(self, learner):
            if learner.phase == "valid" and learner.step == 20:
                raise Die

    due = {"held_out": held_out, "steps": 200, "every": 10, "valid_due": training.due("auto", within=True)}
    whole, run, seen = runs.create(tmp_path / "whole"), runs.create(tmp_path / "run"), Note()
    wanted, found = small_network(), small_network()
    learner_in(whole, network=wanted, **due).fit()
    with pytest.raises(Die):
        learner_in(run, [DieBeforeTheLook()], network=small_network(), **due).fit()
    resumed_in(run, [seen], network=found, **due).fit()
    assert seen.validations == list(range(20, 201, 20)) and same(wanted, found) and story(run) == story(whole)


@pytest.mark.parametrize("batches", [7, 8])  # in the middle of a step, at its end
def test_a_stop_comes_after_the_whole_step_where_gradients_are_gathered(tmp_path, batches):
    whole = learner_in(runs.create(tmp_path / "whole"), accumulate=2)
    whole.fit()
    run = runs.create(tmp_path / "run")
    with pytest.raises(Interrupted):
        learner_in(run, [StopAt(batches)], accumulate=2).fit()
    assert state.newest(run)["learner"]["step"] == 4
    second = resumed_in(run, accumulate=2)
    second.fit()
    assert same(whole.network, second.network)


@pytest.mark.parametrize("muon", [False, True], ids=["adamw", "muon"])
def test_weights_that_lie_channels_last_resume_bit_for_bit(tmp_path, muon):
    def network() -> nn.Module:
        return small_network().to(memory_format=torch.channels_last)

    whole = learner_in(runs.create(tmp_path / "whole"), network=network(), muon=muon)
    whole.fit()
    run = runs.create(tmp_path / "run")
    with pytest.raises(Die):
        learner_in(run, [DieAt(13)], network=network(), muon=muon).fit()
    second = resumed_in(run, network=network(), muon=muon)
    second.fit()
    assert same(whole.network, second.network)


def test_a_folder_whose_run_was_killed_before_it_had_a_recipe_is_taken_again(tmp_path):
    for name in (".lock", ".owner", "..owner.17-0123abcd.part", ".recipe.toml.17-0123abcd.part.toml"):
        (tmp_path / name).write_text("half")
    assert runs.create(tmp_path).folder == tmp_path
