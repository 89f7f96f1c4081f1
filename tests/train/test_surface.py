"""The loss around a network: where it is exact, and that the network itself is left alone."""

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.train.objective import Outcome
from sfumato.train.surface import direction, surface
from tests.train.conftest import objective, small_network

CPU = torch.device("cpu")


def batches(count: int = 2) -> list[Batch]:
    generator = torch.Generator().manual_seed(3)
    return [
        Batch(*(torch.rand(4 + index, 3, 8, 8, generator=generator) for _ in range(2)), tuple(range(4 + index))) for index in range(count)
    ]


def slice_(network, **options):
    return surface(network, batches(), options.pop("objective", objective), seed=Seed(1), device=CPU, **{"steps": 5, **options})


def squared(network, batch, draw):
    return Outcome(network.weight.square().sum())


def test_the_middle_is_the_network_itself():
    network, held = small_network().eval(), batches()
    with torch.no_grad():
        losses = [objective(network, batch, None).loss.item() for batch in held]
    wanted = np.average(losses, weights=[len(batch.items) for batch in held])
    assert slice_(network).losses[2, 2] == pytest.approx(wanted, rel=1e-6)


def test_the_network_keeps_every_bit_and_its_mode():
    network = small_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    slice_(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items()) and network.training


def test_each_filter_of_a_direction_is_as_long_as_the_networks():
    weights = dict(small_network().named_parameters())
    found = direction(weights, Seed(1), 0)
    for name in ("0.weight", "3.weight"):
        assert found[name].flatten(1).norm(dim=1).detach().numpy() == pytest.approx(
            weights[name].flatten(1).norm(dim=1).detach().numpy(), rel=1e-5
        )


def test_biases_and_norms_stay_where_they_are():
    assert sorted(direction(dict(small_network().named_parameters()), Seed(1), 0)) == ["0.weight", "3.weight"]


def test_a_filter_of_zeros_does_not_move():
    assert not direction({"weight": torch.zeros(2, 3, 3, 3)}, Seed(1), 0)["weight"].any()


def test_the_same_seed_gives_the_same_slice_and_another_another():
    first, second = slice_(small_network()), slice_(small_network())
    other = surface(small_network(), batches(), objective, seed=Seed(2), device=CPU, steps=5)
    assert (first.losses == second.losses).all() and (first.losses != other.losses).any()


def test_a_quadratic_loss_is_a_parabola_along_a_line():
    """|w + t d|^2 with |d| = |w|: its second differences are 2 |w|^2 h^2, whatever the direction."""
    network = nn.Linear(6, 1, bias=False)
    grid = slice_(network, objective=squared)
    wanted = 2 * network.weight.square().sum().item() * 0.5**2
    assert np.diff(grid.losses[:, 2], 2) == pytest.approx([wanted] * 3, rel=1e-4) and grid.places == (-1.0, -0.5, 0.0, 0.5, 1.0)


def test_the_first_index_goes_along_the_first_direction():
    network = nn.Linear(6, 1, bias=False)
    weight = network.weight.detach()
    end = weight + direction({"weight": weight}, Seed(1), 0)["weight"]
    assert slice_(network, objective=squared).losses[4, 2] == pytest.approx(end.square().sum().item(), rel=1e-5)


def test_noise_inside_an_objective_is_the_same_at_every_place():
    noisy = lambda net, batch, draw: Outcome(torch.rand((), generator=draw))  # noqa: E731
    assert np.ptp(slice_(small_network(), objective=noisy).losses) == 0


@pytest.mark.parametrize("steps", [1, 4])
def test_a_slice_without_a_middle_is_refused(steps):
    with pytest.raises(Refusal, match="odd number of steps"):
        slice_(small_network(), steps=steps)
