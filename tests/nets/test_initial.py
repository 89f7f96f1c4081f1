"""A start measured on data."""

import dataclasses

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.surgery.initial import lsuv_
from tests.nets.classifiers import SMALL, make, pictures

LAYERS = nn.Conv2d | nn.Linear
BARE = ResNet(widths=(16, 24), blocks=(2, 2), norm="none", classes=5)


def outputs(network: nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's, as in training, without moving any statistics that are looked at here."""
    seen = {}
    hooks = [
        part.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output.clone()}))
        for name, part in network.named_modules()
        if isinstance(part, LAYERS)
    ]
    with torch.no_grad():
        network.train()(batch)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("start", ["orthonormal", "kaiming", "given"])
def test_every_layers_output_has_mean_0_and_deviation_1(start):
    network, batch = make(BARE), pictures(16)
    lsuv_(network, batch, generator=torch.Generator().manual_seed(0), start=start, tolerance=0.01)
    for name, output in outputs(network, batch).items():
        assert output.std().item() == pytest.approx(1, abs=0.01)
        assert abs(output.mean().item()) < 1e-3 or network.get_submodule(name).bias is None


ALIVE = [spec for spec in SMALL if not getattr(spec, "dropout", 0) and not (getattr(spec, "squeeze", False) and spec.norm == "group")]


@pytest.mark.parametrize("spec", ALIVE, ids=str)  # not where a norm is zero at first, and what weighs its channels sees nothing
def test_every_layer_of_every_classifier_gets_unit_spread(spec):
    network, batch = make(spec), pictures(16)
    lsuv_(network, batch, generator=torch.Generator().manual_seed(0))
    assert all(output.std().item() == pytest.approx(1, abs=0.02) for output in outputs(network, batch).values())


def test_without_it_a_deep_bare_network_is_far_from_that():
    spreads = [output.std().item() for output in outputs(make(dataclasses.replace(BARE, blocks=(8, 8))), pictures(16)).values()]
    assert max(spreads) > 5


def test_directions_of_a_layer_are_orthonormal_up_to_one_factor():
    network = make(BARE)
    divided = lsuv_(network, pictures(16), generator=torch.Generator().manual_seed(0))
    rows = divided["head.linear"] * network.head.linear.weight
    assert (rows @ rows.T - torch.eye(len(rows))).abs().max() < 1e-5


def test_norms_statistics_modes_and_hooks_are_as_before():
    network = make(SMALL[3]).eval()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    lsuv_(network, pictures(16), generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())
    assert not any(part.training or part._forward_hooks for part in network.modules())


def test_a_dead_input_is_refused_by_the_layers_name_and_the_hooks_come_off():
    network = make(BARE)
    with pytest.raises(Refusal, match=r"body\.stem\.conv"):
        lsuv_(network, torch.zeros(4, 3, 24, 24), generator=torch.Generator().manual_seed(0))
    assert not any(part._forward_hooks for part in network.modules())


def test_the_same_generator_gives_the_same_start():
    first, second = make(BARE), make(BARE)
    for network in (first, second):
        lsuv_(network, pictures(16), generator=torch.Generator().manual_seed(4))
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters()))
