"""Groups from stem to head: frozen, thawed, and each at its own rate."""

import copy

import pytest
import torch
from torch import nn

from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.surgery.groups import freeze, rates, unfreeze, units
from tests.nets.classifiers import SMALL, make, pictures, wake

SPEC = ResNet(widths=(8, 12, 16), blocks=(1, 2, 1), classes=5)


def train(network: nn.Module, steps: int = 3) -> None:
    """As the Learner does: everything into training mode, then steps with decay and momentum."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(steps):
        network.train()
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(pictures()), torch.arange(4)).backward()
        optimiser.step()


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def moved(module: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_neither_frozen_weights_nor_their_norms_statistics_move_by_a_bit(spec):
    network = wake(make(spec))
    freeze([network.body])
    body, head = state(network.body), state(network.head)
    train(network)
    assert moved(network.body, body) == set() and moved(network.head, head)


def test_a_network_frozen_in_the_middle_of_training_stands_still_at_once():
    network = make(SPEC)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    nn.functional.cross_entropy(network(pictures()), torch.arange(4)).backward()
    optimiser.step()
    freeze([network.body])
    before = state(network.body)
    nn.functional.cross_entropy(network(pictures()), torch.arange(4)).backward()
    optimiser.step()
    assert moved(network.body, before) == set()


def test_a_copy_of_a_frozen_network_is_frozen_and_leaves_the_first_one_alone():
    network = make(SPEC)
    freeze([network.body])
    twin = copy.deepcopy(network)
    unfreeze([network.body])
    before = state(twin.body)
    train(twin)
    assert moved(twin.body, before) == set()
    train(network)
    assert moved(network.body, before) == set(before)


def test_frozen_norms_work_with_the_statistics_they_have():
    network = wake(make(SPEC))
    freeze([network.body])
    with torch.no_grad():
        assert torch.equal(network.train().body(pictures()), network.eval().body(pictures()))


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_units_hold_every_parameter_once_and_end_with_the_head(spec):
    network = make(spec)
    made = units(network)
    found = [parameter for part in made for parameter in part.parameters()]
    assert len(found) == len({*found}) and {*found} == {*network.parameters()}
    assert made[-1] is network.head and len(made) == len(network.body.stages) + 2


def test_each_group_learns_slower_by_the_factor_than_the_one_behind_it():
    network = make(SPEC)
    made = rates(network, 0.08, 2.0)
    assert [group["lr"] for group in made] == [0.005, 0.01, 0.02, 0.04, 0.08]
    assert {*made[-1]["params"]} == {*network.head.parameters()}
    assert {parameter for group in made for parameter in group["params"]} == {*network.parameters()}
    torch.optim.AdamW(made)
