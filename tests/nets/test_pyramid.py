"""Networks cut at a stage."""

import copy

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.surgery.pyramid import Level, cut, describe, last_of_each_grid, names
from tests.nets.classifiers import SMALL, make, pictures, wake

SPEC = ResNet(widths=(8, 12, 16), blocks=(1, 2, 1), strides=(1, 2, 2), stem_width=4, classes=5)


def inside(network: nn.Module, picture: torch.Tensor) -> list[torch.Tensor]:
    """Features seen by hooks while the whole network works."""
    seen: list[torch.Tensor] = []
    for part in (network.body.stem, *network.body.stages):
        part.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    network(picture)
    return seen


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_an_encoders_features_are_those_inside_the_whole_network_bit_for_bit(spec):
    network = wake(make(spec)).eval()
    for name in names(network):
        encoder = cut(network, name)
        with torch.no_grad():
            found, expected = encoder(pictures()), inside(copy.deepcopy(network), pictures())
        assert encoder.names[-1] == name and len(found) == len(encoder.names)
        assert all(torch.equal(one, other) for one, other in zip(found, expected))


def test_a_dry_run_finds_channels_and_strides():
    expected = [Level("stem", 4, 1), Level("stage1", 8, 1), Level("stage2", 12, 2), Level("stage3", 16, 4)]
    assert describe(make(SPEC), 3, 33) == expected


def test_of_levels_of_one_grid_the_last_is_where_it_changes():
    levels = last_of_each_grid(describe(make(SPEC), 3, 32))
    assert [level.name for level in levels] == ["stage1", "stage2", "stage3"]


def test_a_side_too_small_to_tell_strides_is_refused():
    with pytest.raises(Refusal, match="larger side"):
        describe(make(ResNet(widths=(4,) * 4, blocks=(1,) * 4, classes=2)), 3, 5)


def test_an_encoder_is_a_copy_with_the_networks_names():
    network = make(SPEC)
    encoder = cut(network, "stage2")
    assert {*encoder.state_dict()} == {name for name in network.state_dict() if not name.startswith(("head", "body.stages.2"))}
    nn.init.zeros_(encoder.body.stem.conv.weight)
    assert network.body.stem.conv.weight.any()


def test_an_unknown_level_is_refused_with_the_nearest():
    with pytest.raises(Refusal, match="Did you mean 'stage2'"):
        cut(make(SPEC), "stag2")


def test_a_restorer_has_no_stages_to_be_cut_at():
    from sfumato.nets import arguments

    with pytest.raises(Refusal, match="has no stages"):
        cut(make(arguments.Residual(width=8, blocks=1)), "stem")
