"""What a run works with is measured once, changes nothing, and is written down."""

import json
import math
from dataclasses import asdict, replace

import pytest
import torch

from sfumato.core.seed import Seed
from sfumato.data.batches import Batches
from sfumato.train import tune
from sfumato.train.tune import Trial, Tuned
from tests.train.conftest import Darkened, objective, small_network


def trial(*, steps=1e6, optimiser=torch.optim.AdamW):
    return Trial(
        network=small_network(),
        objective=objective,
        batches=Batches(source=Darkened(), batch=4, seed=Seed(5)),
        device=torch.device("cpu"),
        optimiser=lambda network, fused: optimiser(network.parameters(), lr=0.1, fused=fused),
        seconds=math.inf,
        steps=steps,
    )


@pytest.fixture(scope="module")
def measured():
    tried = trial()
    before = {name: value.clone() for name, value in tried.network.state_dict().items()}
    return tried, before, torch.get_num_threads(), tune.tune(tried, precision="auto", workers=None)


def test_measuring_changes_neither_the_network_nor_the_threads(measured):
    tried, before, threads, _ = measured
    assert all(torch.equal(value, before[name]) for name, value in tried.network.state_dict().items())
    assert torch.get_num_threads() == threads


def test_the_plan_says_what_every_choice_was_measured_to_take(measured):
    why = measured[3].why
    assert "float32 channels-last" in why and "bfloat16" in why and "AdamW" in why and "compile" in why


def test_what_was_chosen_comes_back_from_its_file(measured):
    assert Tuned(**json.loads(json.dumps(asdict(measured[3])))) == measured[3]


def test_a_file_of_an_older_version_that_knew_fewer_choices_is_read():
    assert Tuned(**{"precision": "float32", "why": "float32: then", "threads": 2}).workers == 0


def test_what_the_recipe_says_is_taken():
    found = tune.tune(trial(steps=1e5), precision="bfloat16", workers=1)
    assert (found.precision, found.workers) == ("bfloat16", 1)


def test_a_short_training_spends_no_time_on_finding_out_how_to_load():
    found = tune.tune(trial(steps=50), precision="float32", workers=None)
    assert found.workers == 0 and "batch to batch" not in found.why


def test_the_quickest_way_to_load_is_taken(monkeypatch):
    monkeypatch.setattr(tune.devices, "cores", lambda: 4)
    times = {(4, 0): 10.0, (3, 1): 7.0, (4, 1): 8.0, (4, 4): 9.0}
    monkeypatch.setattr(tune, "_loop_ms", lambda trial, found, threads, workers: times[threads, workers])
    start = Tuned(precision="float32", why="", threads=4)
    found, _ = tune._loading(trial(), start, None, step_ms=1.0)
    assert found == replace(start, threads=3, workers=1)


def test_another_way_must_win_by_more_than_a_machine_wavers(monkeypatch):
    monkeypatch.setattr(tune.devices, "cores", lambda: 2)
    monkeypatch.setattr(tune, "_loop_ms", lambda trial, found, threads, workers: 10.0 if workers == 0 else 9.5)
    start = Tuned(precision="float32", why="", threads=2)
    assert tune._loading(trial(), start, None, step_ms=1.0)[0] == start


@pytest.mark.slow
def test_a_compiled_run_learns_what_a_plain_one_does():
    from sfumato.train.callbacks.forms import OtherForm
    from sfumato.train.ranks import Ranks
    from tests.train.conftest import toy_learner

    ends = []
    for forms in ([], [OtherForm(compiled=True, ranks=Ranks())]):
        learner = toy_learner(forms, steps=20)
        learner.fit()
        ends.append(torch.cat([parameter.detach().flatten() for parameter in learner.network.parameters()]))
    assert torch.allclose(*ends, rtol=1e-3, atol=1e-5)
