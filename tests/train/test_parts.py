"""Schedules, averages, budgets, Muon and the rate finder, each against what theory says."""

import math

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.train.budget import Budget
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.stats import ShowProgress
from sfumato.train.find_rate import find_rate
from sfumato.train.objective import Outcome
from sfumato.train.steps import schedules
from sfumato.train.steps.muon import Muon, orthogonal
from sfumato.train.steps.precision import Precision
from tests.train.conftest import objective, small_network, toy_learner


def test_one_cycle_rises_to_one_and_falls_to_its_end():
    at = schedules.make("one-cycle", warm=0.25, start=0.1, end=0.01)
    assert [round(at(p), 3) for p in (0, 0.25, 0.625, 1, 2)] == [0.1, 1.0, 0.505, 0.01, 0.01]


def test_an_unknown_schedule_is_refused_with_the_nearest_name():
    with pytest.raises(Refusal, match="Did you mean 'one-cycle'"):
        schedules.make("onecycle", warm=0, start=1, end=0)


def test_the_average_of_a_ramp_has_its_closed_form():
    """Weights 1, 2, 3 ...: the first update copies; then average = sum of d^k (1-d) x, with the first value keeping the rest."""
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(half_life=2.0)
    learner = toy_learner(network=network, optimiser=torch.optim.SGD(network.parameters(), lr=0))
    average.before_fit(learner)
    decay = 0.5**0.5
    expected = 0.0
    for step in range(1, 9):
        with torch.no_grad():
            network.weight.fill_(step)
        average.after_update(learner)
        expected = float(step) if step == 1 else decay * expected + (1 - decay) * step
    assert average.average.weight.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("updates", [90, 6000])
def test_an_average_whose_half_life_follows_its_count_forgets_how_it_began(updates):
    """Weights 1, 2, 3 ...: the average lies behind by about what a half-life of a 60th, and at most 60, makes it."""
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(half_life=None)
    average.before_fit(toy_learner(network=network, optimiser=torch.optim.SGD(network.parameters(), lr=0)))
    for step in range(1, updates + 1):
        with torch.no_grad():
            network.weight.fill_(step)
        average.after_update(None)
    half_life = min(60, updates / 60)
    assert updates - average.average.weight.item() == pytest.approx(half_life / 0.693, rel=0.25)


def test_the_average_follows_buffers():
    network = small_network()
    average = WeightAverage(half_life=50)
    learner = toy_learner([average], network=network, steps=5)
    learner.fit()
    assert torch.equal(learner.shown[1].running_mean, network[1].running_mean)


def test_the_average_of_weights_that_stand_still_gives_their_output_though_they_are_made_less_steep():
    """Unit vectors of spectral norm move on at every step, and must not be averaged: a mean of two unit vectors is none."""
    network = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3)), nn.Conv2d(8, 3, 3, padding=2))
    average = WeightAverage(half_life=3.0)
    still = torch.optim.SGD(network.parameters(), lr=0)
    toy_learner([average], network=network, optimiser=still, steps=12).fit()
    seen = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    network.eval()
    average.average.eval()
    torch.testing.assert_close(average.average(seen), network(seen), rtol=1e-5, atol=1e-6)
    vectors = [value for name, value in average.average.named_buffers() if name.endswith(("_u", "_v"))]
    assert len(vectors) == 2 and all(vector.norm().item() == pytest.approx(1, abs=1e-5) for vector in vectors)


def test_with_noisy_updates_the_average_is_nearer_to_the_optimum_than_the_weights():
    """Descent into w^2 / 2 at rate r = 0.1 with noise of spread 1 in the slope: w varies by r / (2 - r), its average by 0.18 of that."""

    def noisy(network, batch, draw):
        noise = torch.randn(network.weight.shape, generator=draw)
        return Outcome((network.weight.square() / 2 + noise * network.weight).sum())

    network, average = nn.Linear(100, 1, bias=False), WeightAverage(half_life=30)
    learner = toy_learner(
        [average], network=network, objective=noisy, optimiser=torch.optim.SGD(network.parameters(), lr=0.1), batch=1, steps=400
    )
    learner.main.schedule = lambda progress: 1.0
    learner.fit()
    raw, slow = (one.weight.detach().square().mean().item() for one in (network, average.average))
    assert raw == pytest.approx(0.1 / 1.9, rel=0.5) and slow < 0.4 * raw


def test_a_budget_is_steps_or_seconds():
    with pytest.raises(Refusal, match="exactly one"):
        Budget()
    assert Budget(steps=10).progress(5, 1e9) == 0.5
    assert Budget(seconds=10).progress(10**9, 2.5) == 0.25
    assert [Budget(seconds=10).progress(0, spent, began=4) for spent in (4, 7, 10, 12)] == [0, 0.5, 1, 1]
    assert Budget(seconds=10).progress(0, 11, began=11) == 1  # nothing is left


def test_orthogonal_brings_singular_values_near_one_and_keeps_directions():
    matrices = torch.randn(3, 20, 50, generator=torch.Generator().manual_seed(0))
    result = orthogonal(matrices)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.6 and values.max() < 1.3
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    kept = (u.mT @ result @ v.mT).diagonal(dim1=-2, dim2=-1)
    assert kept.min() > 0.5


def test_muon_moves_a_matrix_by_its_rate_whatever_the_gradient():
    for scale in (1e-4, 1e4):
        layer = nn.Linear(30, 30, bias=False)
        before = layer.weight.detach().clone()
        layer.weight.grad = scale * torch.randn(30, 30, generator=torch.Generator().manual_seed(1))
        Muon(layer, rate=0.02, rest_rate=0.1).step()
        moved = torch.linalg.matrix_norm(layer.weight.detach() - before, 2)
        assert 0.7 * 0.02 < moved < 1.3 * 0.02


def test_muon_takes_the_same_step_whatever_the_memory_layout():
    steps = []
    for layout in (torch.contiguous_format, torch.channels_last):
        layer = nn.Conv2d(4, 6, 3, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.linspace(-1, 1, layer.weight.numel()).view(layer.weight.shape))
        layer = layer.to(memory_format=layout)
        layer.weight.grad = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(4))
        Muon(layer, rate=0.1, rest_rate=0.1).step()
        steps.append(layer.weight.detach().contiguous())
    assert torch.allclose(*steps, atol=1e-6)


def test_muon_goes_on_from_momenta_that_lie_otherwise_in_memory():
    ends = []
    for reload in (False, True):
        layer = nn.Conv2d(4, 6, 3, bias=False).to(memory_format=torch.channels_last)
        with torch.no_grad():
            layer.weight.copy_(torch.linspace(-1, 1, layer.weight.numel()).view(layer.weight.shape))
        muon = Muon(layer, rate=0.1, rest_rate=0.1)
        for step in range(3):
            layer.weight.grad = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(step))
            muon.step()
            if reload:
                state = muon.state_dict()
                state["state"] = {key: {name: value.contiguous() for name, value in slots.items()} for key, slots in state["state"].items()}
                muon.load_state_dict(state)
        ends.append(layer.weight.detach().clone())
    assert torch.equal(*ends)


def test_muon_gives_vectors_the_steps_of_adam():
    generator = torch.Generator().manual_seed(2)
    mine, theirs = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    holder = nn.Module()
    holder.vector = mine
    muon, adam = Muon(holder, rate=1, rest_rate=0.01), torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))
    for _ in range(7):
        gradient = torch.randn(5, generator=generator)
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step()
        adam.step()
    assert torch.allclose(mine, theirs, atol=1e-6)


def test_the_rate_finder_restores_everything_and_suggests_a_rate_that_trains():
    learner = toy_learner()
    before = [parameter.clone() for parameter in learner.network.parameters()]
    state = torch.random.get_rng_state()
    found = find_rate(
        learner.network,
        learner.batches.stream(0, 0),
        objective,
        optimiser=lambda network: torch.optim.AdamW(network.parameters(), lr=1e-3),
        seed=Seed(1),
        device=torch.device("cpu"),
        precision=Precision("float32", torch.device("cpu")),
    )
    assert all(torch.equal(one, other) for one, other in zip(before, learner.network.parameters(), strict=True))
    assert torch.equal(state, torch.random.get_rng_state())
    assert 1e-4 < found.suggested < 0.3 and math.isfinite(found.losses[-1])


def test_the_bar_of_a_resumed_run_begins_where_it_was():
    """Else the time left would be told as if all before had been done since."""
    learner = toy_learner()
    learner.progress = 0.9
    shown = ShowProgress()
    shown.before_phase(learner)
    assert (shown.bar.done, shown.bar.left) == (900, None)
    shown.after_fit(learner)
