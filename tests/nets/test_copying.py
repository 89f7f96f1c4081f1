"""Weights of one network in another."""

import dataclasses
import re

import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.surgery.copying import Unlike, copy_weights
from sfumato.nets.surgery.pyramid import cut
from tests.nets.classifiers import make, pictures, wake

SPEC = ResNet(widths=(8, 12), blocks=(1, 2), classes=5)


def source():
    return wake(make(SPEC)).eval()


def same(one, other) -> bool:
    return all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("by", ["name", "stage"])
def test_a_twin_becomes_equal_bit_for_bit(by):
    network, twin = source(), make(SPEC).eval()
    assert not same(network, twin)
    report = copy_weights(network, twin, by=by)
    assert same(network, twin) and set(report.copied) == set(twin.state_dict())
    assert (report.missing, report.unlike, report.left) == ((), (), ())


def test_a_copied_encoder_gives_equal_features():
    network, encoder = source(), cut(make(SPEC).eval(), "stage2")
    copy_weights(network, encoder, by="stage")
    with torch.no_grad():
        assert all(torch.equal(one, other) for one, other in zip(encoder(pictures()), cut(network, "stage2")(pictures())))


def test_whole_stages_of_one_side_only_are_reported():
    network = source()
    report = copy_weights(network, cut(make(SPEC), "stage1"), by="stage")
    beyond = {name for name in network.state_dict() if name.startswith(("head", "body.stages.1"))}
    assert (set(report.left), report.missing) == (beyond, ())
    back = copy_weights(cut(network, "stage1"), make(SPEC), by="stage")
    assert (set(back.missing), back.left) == (beyond, ())


@pytest.mark.parametrize("by", ["name", "stage"])
def test_a_mismatch_is_refused_by_the_first_layer_that_differs_and_nothing_is_copied(by):
    target = make(dataclasses.replace(SPEC, widths=(8, 16)))
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    said = "'body.stages.1.0.first.conv.weight': the source holds (12, 8, 3, 3), the target (16, 8, 3, 3)"
    with pytest.raises(Refusal, match=re.escape(said)):
        copy_weights(source(), target, by=by)
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


@pytest.mark.parametrize("by", ["name", "stage"])
@pytest.mark.parametrize(("blocks", "said"), [((1, 3), "the target has it, the source has not"), ((1, 1), "the source has it")])
def test_a_block_more_or_less_is_refused(by, blocks, said):
    with pytest.raises(Refusal, match=said):
        copy_weights(source(), make(dataclasses.replace(SPEC, blocks=blocks)), by=by)


def test_without_strictness_what_fits_is_copied_and_the_rest_reported():
    network, target = source(), make(dataclasses.replace(SPEC, classes=7))
    report = copy_weights(network, target, strict=False)
    assert report.unlike == (Unlike("head.linear.weight", (5, 12), (7, 12)), Unlike("head.linear.bias", (5,), (7,)))
    assert set(report.copied) == {name for name in target.state_dict() if not name.startswith("head")}
    assert same(network.body, target.body)
