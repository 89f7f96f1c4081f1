"""Every network of the catalogue keeps the same promises."""

import itertools

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets import arguments, catalogue
from sfumato.nets.classify_arguments import Plain, ResNet
from sfumato.nets.encoder_arguments import EncoderUNet
from sfumato.nets.reach import farthest, reach

SMALL = [
    arguments.UNet(widths=(8, 12), blocks=(1, 1), blocks_up=(1,)),
    arguments.UNet(widths=(8, 12, 16), blocks=(1, 0, 1), blocks_up=(1, 1), stem="full", cross=True, norm="batch", activation="gelu"),
    arguments.UNet(widths=(16, 16), blocks=(1, 1), blocks_up=(1,), norm="group", cross=True),
    arguments.Residual(width=8, blocks=2),
    arguments.Residual(width=8, blocks=2, stem="half", norm="batch", activation="silu"),
    arguments.Span(width=8, blocks=2),
    arguments.Span(width=8, blocks=3, folded=True),
    arguments.Johnson(width=8, blocks=1),
    EncoderUNet(encoder=ResNet(widths=(8, 12), blocks=(1, 1), strides=(1, 2)), width=8, output="bounded"),
    EncoderUNet(encoder=ResNet(widths=(8, 12), blocks=(1, 1), strides=(1, 2), mean=(0.4,) * 3, spread=(0.3,) * 3), width=8),
    EncoderUNet(
        encoder=ResNet(widths=(8, 12), blocks=(1, 1), order="pre", stem_stride=2),
        width=8,
        middle=0,
        skips="add",
        cross=True,
        input_skip="add",
        cross_input=True,
        up="nearest",
        start="identity",
    ),
    EncoderUNet(
        encoder=Plain(widths=(8, 12), bias=False), width=8, block="convs", blur=True, input_skip="off", norm="batch", skip_norm="batch"
    ),
]


PUBLISHED = ("johnson",)  # kept as published: they begin anywhere, and have biases that do nothing
OURS = [spec for spec in SMALL if spec.kind not in PUBLISHED]
NEAR = [spec for spec in SMALL if getattr(spec, "norm", "none") != "group"]  # they look no farther than their convolutions


def make(spec) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return catalogue.build(spec)


def wake(network: nn.Module) -> nn.Module:
    """Weights that are nowhere zero, as after training."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network


def test_every_kind_in_the_catalogue_is_tried_here():
    assert {spec.kind for spec in SMALL} == set(catalogue.NETWORKS)


@pytest.mark.parametrize("spec", OURS, ids=str)
def test_an_untrained_network_returns_its_input(spec):
    picture = torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(1))
    assert (make(spec).eval()(picture) - picture).abs().max() < 1e-6


@pytest.mark.parametrize("spec", SMALL, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (1, 130), (7, 3), (33, 17)])
def test_any_size_is_kept(spec, size):
    assert wake(make(spec)).eval()(torch.rand(1, 3, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_no_parameter_is_dead(spec):
    network = wake(make(spec)).train()
    network(torch.rand(2, 3, 32, 32)).square().sum().backward()
    dead = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert dead == []


@pytest.mark.parametrize("spec", NEAR, ids=str)
def test_beyond_its_reach_nothing_changes_an_output(spec):
    network = wake(make(spec)).eval()
    far = reach(network)
    row = torch.rand(1, 3, 16, 512)
    changed = row.clone()
    here = 256
    changed[..., here + far + 1 :] = 0
    changed[..., : here - far] = 0
    assert torch.equal(network(row)[..., here], network(changed)[..., here])


@pytest.mark.parametrize("spec", NEAR, ids=str)
def test_the_reach_is_that_of_every_output_of_a_period(spec):
    """Looked at one by one, where `reach` looks between those only whose views differ."""
    network = make(spec).double().eval()
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.fill_(1 / part.weight[0].numel())
            if isinstance(part, nn.BatchNorm2d):
                part.weight.fill_(1)  # which begins at zero where a branch is to add nothing
    if hasattr(network, "bounded"):
        network.bounded = False
    length, middle = 512, 256
    distances = []
    for here in range(middle, middle + network.stride):
        strip = torch.ones(1, 3, network.stride, length, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(strip)[..., here].sum(), strip)
        seen = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
        distances.append(max(here - int(seen.min()), int(seen.max()) - here))
    assert reach(network) == max(distances)


@pytest.mark.parametrize("spec", NEAR, ids=str)
def test_no_network_looks_farther_than_its_kernels_let_it(spec):
    network = make(spec)
    assert reach(network) <= farthest(network)


@pytest.mark.parametrize("spec", NEAR, ids=str)
def test_at_its_reach_something_changes_an_output(spec):
    """For some output of a period: the measured reach is no larger than it must be."""
    network = wake(make(spec)).eval().double()
    far, stride, middle = reach(network), network.stride, 256
    row = torch.rand(1, 3, 16, 512, dtype=torch.float64, requires_grad=True)
    distances = []
    for here in range(middle, middle + stride):
        (gradient,) = torch.autograd.grad(network(row)[..., here].sum(), row)
        seen = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
        distances.append(max(here - int(seen.min()), int(seen.max()) - here))
    assert 0.8 * far <= max(distances) <= far  # rectifiers that happen to be off hide the very rim


def test_the_residual_network_enlarges_by_nearest_before_it_learns():
    network = make(arguments.Residual(width=8, blocks=1, enlarges=3)).eval()
    picture = torch.rand(1, 3, 5, 7)
    expected = picture.repeat_interleave(3, -1).repeat_interleave(3, -2)
    assert (network(picture) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("spec", OURS, ids=str)
def test_no_convolution_before_a_norm_has_a_bias(spec):
    """The norm would take it away again: a parameter that does nothing."""
    network = make(spec)
    for parent in network.modules():
        children = list(parent.children())
        for first, second in itertools.pairwise(children):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d | nn.GroupNorm):
                assert first.bias is None


def test_building_a_network_from_a_seed_leaves_torch_alone():
    before = torch.random.get_rng_state()
    make(SMALL[0])
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("blocks", "blocks_up"), [((1, 1), (1, 1)), ((1, 1, 1), (1,)), ((), ())])
def test_levels_without_blocks_or_blocks_without_levels_are_refused(blocks, blocks_up):
    with pytest.raises(Refusal, match=r"network\.widths names 3 level"):
        arguments.UNet(widths=(8, 8, 8), blocks=blocks, blocks_up=blocks_up)
