"""Every classifier of the catalogue keeps the same promises."""

import dataclasses
import itertools
import json

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue, load
from sfumato.nets.classify_arguments import Dense, Plain, ResNet
from sfumato.nets.load import Contract, Header
from sfumato.nets.reach import LIMIT
from tests.nets.classifiers import PUBLISHED, SMALL, TWO, make, pictures, wake

DEEP = {"widths": (16, 32, 64), "strides": (1, 2, 2), "stride_in": "first", "shortcut": "pad", "classes": 10}


def count(spec, channels: int) -> int:
    return sum(parameter.numel() for parameter in catalogue.outline(spec, channels).parameters())


def header(spec, **changes) -> Header:
    described = {
        "task": "classify",
        "network": json.loads(json.dumps(dataclasses.asdict(spec))),
        "contract": Contract(channels=3, stride=1, reach=LIMIT, tiles=False),
        "recipe": {},
        "scores": {},
        "versions": {"sfumato": "0.1.0"},
        "data": {},
        "licence": "CC0",
        "card": {},
    }
    return Header(**described | changes)


def test_every_kind_that_needs_no_extra_is_tried_here_or_among_the_published_ones():
    assert {spec.kind for spec in [*SMALL, *PUBLISHED]} == set(catalogue.CLASSIFIERS) - {"timm"}


def test_a_kind_names_a_restorer_or_a_classifier_and_never_both():
    assert set(catalogue.CLASSIFIERS) & set(catalogue.NETWORKS) == set()


@pytest.mark.parametrize(
    ("spec", "channels", "parameters"),
    [
        (Plain(classes=10), 1, 12_126),  # the lecture's two
        (Plain(classes=10, block="residual", bias=False), 1, 41_132),
        (ResNet(blocks=(3, 3, 3), **DEEP), 3, 269_722),  # ResNet-20 and ResNet-56 for CIFAR-10, shortcuts without weights
        (ResNet(blocks=(9, 9, 9), **DEEP), 3, 853_018),
        (ResNet(blocks=(9, 9, 9), merge="none", **DEEP), 3, 853_018),  # the same without skips
        (Dense(classes=10, growth=12, layers=(16, 16, 16)), 3, 769_162),  # DenseNet-BC-100 with growth 12
    ],
    ids=["plain", "plain-residual", "resnet-20", "resnet-56", "plain-56", "densenet-bc-100"],
)
def test_published_networks_have_their_published_number_of_parameters(spec, channels, parameters):
    assert count(spec, channels) == parameters


def test_the_lectures_network_ends_at_a_single_px():
    network = make(Plain(classes=10), channels=1).eval()
    grid = network.head.last(network.body(torch.rand(2, 1, 28, 28)))
    assert grid.shape == (2, 10, 1, 1)


@pytest.mark.parametrize("spec", SMALL, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (7, 3), (24, 24), (33, 17)])
def test_pictures_of_any_size_get_a_logit_for_each_class(spec, size):
    assert wake(make(spec)).eval()(torch.rand(2, 3, *size)).shape == (2, 5)


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_grey_pictures_are_as_welcome_as_coloured_ones(spec):
    grey = dataclasses.replace(spec, mean=spec.mean[:1], spread=spec.spread[:1])
    assert make(grey, channels=1).eval()(pictures(channels=1)).shape == (4, 5)


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_no_parameter_is_dead(spec):
    network = wake(make(spec)).train()
    nn.functional.cross_entropy(network(pictures(8)), torch.arange(8) % 5).backward()
    dead = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert dead == []


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_logits_turn_about_with_the_last_layer_for_nothing_rectifies_them(spec):
    network = wake(make(spec)).eval()
    last = [part for part in network.modules() if any(True for _ in part.parameters(recurse=False))][-1]
    with torch.no_grad():
        logits = network(pictures())
        for parameter in last.parameters():
            parameter.neg_()
    torch.testing.assert_close(network(pictures()), -logits)


@pytest.mark.parametrize("spec", [spec for spec in SMALL if not (isinstance(spec, Plain) and spec.bias)], ids=str)
def test_no_convolution_before_a_norm_has_a_bias(spec):
    """The norm would take it away again: a parameter that does nothing."""
    layers = [part for part in make(spec).modules() if not any(True for _ in part.children())]
    norms = nn.BatchNorm2d | nn.GroupNorm
    before = [one for one, then in itertools.pairwise(layers) if isinstance(one, nn.Conv2d) and isinstance(then, norms)]
    assert [one for one in before if one.bias is not None] == []


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_a_model_file_gives_a_classifier_back_bit_for_bit(spec, tmp_path):
    network = wake(make(spec)).eval()
    load.write(tmp_path / "model.safetensors", network.state_dict(), header(spec))
    with torch.no_grad():
        assert torch.equal(load.read(tmp_path / "model.safetensors", task="classify").network(pictures()), network(pictures()))


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_the_order_of_memory_changes_nothing_but_the_last_digits(spec):
    network = wake(make(spec)).eval()
    with torch.no_grad():
        expected = network(pictures())
        found = network.to(memory_format=torch.channels_last)(pictures().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_half_precision_gives_the_same_logits_but_for_its_coarseness(spec):
    network = wake(make(spec)).eval()
    expected = network(pictures())
    with torch.autocast("cpu", torch.bfloat16):
        found = network(pictures())
        found.float().square().sum().backward()
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_gradients_are_those_of_finite_differences(spec):
    """In place or not: what a backward pass needs has not been written over."""
    network = wake(make(dataclasses.replace(spec, dropout=0.0) if hasattr(spec, "dropout") else spec)).double().train()
    picture = pictures(2, side=8).double().requires_grad_()
    network(picture).square().sum().backward()
    step = 1e-5 * torch.rand(picture.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        change = network(picture + step).square().sum() - network(picture - step).square().sum()
    assert (2 * step * picture.grad).sum().item() == pytest.approx(change.item(), rel=1e-3)


def test_pictures_are_normalised_inside_by_numbers_that_are_not_weights():
    spec = ResNet(**TWO, mean=(0.1, 0.2, 0.3), spread=(0.5, 0.6, 0.7))
    network, bare = make(spec).eval(), make(ResNet(**TWO)).eval()
    assert network.state_dict().keys() == bare.state_dict().keys()
    by_hand = (pictures() - torch.tensor(spec.mean).view(3, 1, 1)) / torch.tensor(spec.spread).view(3, 1, 1)
    torch.testing.assert_close(network(pictures()), bare(by_hand))


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_blocks_that_start_at_zero_are_their_shortcuts(order, norm):
    network = make(ResNet(widths=(8,), strides=(1,), blocks=(1,), order=order, norm=norm, zero_last=True, classes=2)).train()
    block, x = network.body.stages[0][0], torch.rand(2, 8, 6, 6)
    assert torch.equal(block(x), x)


def test_after_the_last_stage_before_which_norms_stand_comes_one_more_and_the_first_block_has_none():
    network = make(ResNet(**TWO, order="pre", stem_width=8))
    kinds = [type(part) for part in network.body.stages[0][0].first.modules() if not any(True for _ in part.children())]
    assert kinds == [nn.Conv2d] and [type(part) for part in network.body.stages[-1].after] == [nn.BatchNorm2d, nn.ReLU]


def test_a_dense_block_hands_on_what_it_was_given():
    network = make(ResNet(widths=(8,), strides=(1,), blocks=(2,), merge="dense", order="pre", stem_width=4, classes=2)).eval()
    x = torch.rand(2, 4, 6, 6)
    assert torch.equal(network.body.stages[0][1](network.body.stages[0][0](x))[:, :4], x)


def test_a_flattened_grid_is_the_linear_layers_whole_input():
    network = make(ResNet(**TWO, head="flatten", side=28))
    assert network.head.linear.in_features == 12 * 7 * 7


@pytest.mark.parametrize(
    ("make_spec", "said"),
    [
        (lambda: catalogue.build(ResNet(widths=(8,), blocks=(1,))), "classes is 0"),
        (lambda: catalogue.build(ResNet(**TWO, head="flatten")), "needs network.side"),
        (lambda: catalogue.build(ResNet(**TWO, mean=(0.5,), spread=(0.2,)), 3), "need 3"),
        (lambda: ResNet(**TWO, mean=(0.5,)), "one for each channel"),
        (lambda: ResNet(widths=(8, 8), blocks=(1,)), "needs 2 number"),
        (lambda: ResNet(**TWO, merge="none", zero_last=True), "would give nothing"),
        (lambda: ResNet(**TWO, merge="dense"), "must exceed"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_reason(make_spec, said):
    with pytest.raises(Refusal, match=said):
        make_spec()


@pytest.mark.parametrize("task", ["restore", "classify"])
def test_a_model_of_one_task_with_a_network_of_the_other_is_refused(task, tmp_path):
    from sfumato.nets import arguments

    spec = arguments.Residual(width=8, blocks=1) if task == "classify" else SMALL[0]
    load.write(tmp_path / "model.safetensors", make(spec).state_dict(), header(spec, task=task))
    with pytest.raises(Refusal, match=rf"the task '{task}' has a network of the kind '{spec.kind}'"):
        load.read(tmp_path / "model.safetensors")


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_what_a_recipe_says_of_a_classifier_reads_back(spec):
    values = json.loads(json.dumps(dataclasses.asdict(spec)))
    assert catalogue.specification(spec.kind, values) == spec
