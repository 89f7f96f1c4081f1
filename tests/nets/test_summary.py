"""The table of a network."""

import itertools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sfumato.nets import arguments, catalogue
from sfumato.nets.classify_arguments import Plain
from sfumato.nets.surgery.groups import freeze
from sfumato.nets.surgery.summary import summary
from tests.nets.classifiers import SMALL, make

RESTORERS = [
    arguments.UNet(widths=(8, 12), blocks=(1, 1), blocks_up=(1,), cross=True, norm="batch"),
    arguments.Residual(width=8, blocks=2, stem="half", enlarges=2),
]


@pytest.mark.parametrize("spec", [*SMALL, *RESTORERS], ids=str)
@pytest.mark.parametrize("side", [24, 37])
def test_multiply_adds_are_half_of_what_torch_counts(spec, side):
    network = make(spec).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.rand(1, 3, side, side))
    assert 2 * summary(network, (3, side, side)).multiply_adds == counter.get_total_flops() > 0


def test_attention_is_counted_too():
    """By hand, for torch's counter leaves it out on the CPU: 16 patches of 4x4x3 numbers become 8 each."""
    network = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), Turn(), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    patches, queries, meetings, out, wide = 16 * 48 * 8, 16 * 8 * 24, 2 * 16 * 16 * 8, 16 * 8 * 8, 2 * 16 * 8 * 16
    assert summary(network, (3, 16, 16)).multiply_adds == patches + queries + meetings + out + wide


class Turn(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


@pytest.mark.parametrize("spec", [*SMALL, *RESTORERS], ids=str)
def test_parameters_of_all_rows_are_those_of_the_network(spec):
    network, table = make(spec), summary(make(spec), (3, 24, 24))
    expected = sum(parameter.numel() for parameter in network.parameters())
    assert sum(row.parameters for row in table.rows) == table.parameters == table.trainable == expected


def test_frozen_parameters_are_told_apart():
    network = make(Plain(classes=10), channels=1)
    freeze([network.body])
    table = summary(network, (1, 28, 28))
    assert (table.parameters, table.trainable) == (12_126, 16 * 10 * 9 + 10 + 20)


def test_the_lectures_network_is_told_layer_by_layer():
    """Sizes by hand: 28, 14, 7, 4, 2, 1; what is seen doubles, for the stride does."""
    convolutions = [row for row in summary(make(Plain(classes=10), channels=1), (1, 28, 28)).rows if row.kind == "Conv2d"]
    assert [row.shape for row in convolutions] == [(8, 14, 14), (16, 7, 7), (32, 4, 4), (16, 2, 2), (10, 1, 1)]
    assert [row.sees for row in convolutions] == [3, 7, 15, 31, 63]
    assert [row.multiply_adds for row in convolutions] == [72 * 196, 1152 * 49, 4608 * 16, 4608 * 4, 1440]


def seen(network: nn.Module, level: int) -> int:
    """px a side from which a gradient comes back to the middle of a level, where no path can cancel another."""
    probe = network.double().eval()
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.fill_(1 / max(1, parameter[0].numel()) if parameter.ndim > 1 else 1)
    widest = 0
    for side in (96, 97):
        picture = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
        feature = probe.body.pyramid(probe.normalise(picture))[level]
        for row, column in itertools.product((feature.shape[2] // 2, feature.shape[2] // 2 + 1), repeat=2):
            (gradient,) = torch.autograd.grad(feature[0, :, row, column].sum(), picture, retain_graph=True)
            widest = max(widest, int(gradient.abs().sum((0, 1, 2)).count_nonzero()))
    return widest


@pytest.mark.parametrize("spec", [spec for spec in SMALL if not getattr(spec, "squeeze", False)], ids=str)
def test_what_a_stage_is_said_to_see_is_what_gradients_come_from(spec):
    network = make(spec)
    rows = {row.name: row for row in summary(network, (3, 96, 96)).rows}
    for level, prefix in enumerate(["body.stem", *(f"body.stages.{number}" for number in range(len(network.body.stages)))]):
        said = max(row.sees for name, row in rows.items() if name == prefix or name.startswith(f"{prefix}."))
        assert said == seen(network, level)


def test_what_weighs_channels_by_the_whole_picture_sees_all_of_it():
    network = make(next(spec for spec in SMALL if getattr(spec, "squeeze", False)))
    assert summary(network, (3, 24, 24)).rows[-1].sees is None


def test_the_network_is_left_as_it_was():
    network = make(SMALL[0]).train()
    summary(network, (3, 24, 24))
    assert network.training and not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())
    assert not next(network.parameters()).is_meta


@pytest.mark.parametrize("spec", [*SMALL, *RESTORERS], ids=str)
def test_the_table_fits_a_terminal_of_80_columns(spec):
    lines = summary(catalogue.outline(spec), (3, 224, 224)).text().splitlines()
    assert max(map(len, lines)) <= 80 and "multiply-adds" in lines[-1]
