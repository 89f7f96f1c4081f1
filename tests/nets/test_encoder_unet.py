"""U-Nets over a classifier's body: its weights are really there, gradients reach it, and options do what they say."""

import dataclasses

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue, encoder_unet
from sfumato.nets.blocks import Attention, ShuffleUp
from sfumato.nets.classify_arguments import ResNet, SqueezeNet
from sfumato.nets.encoder_arguments import EncoderUNet
from sfumato.nets.reach import reach
from sfumato.nets.surgery import groups, pyramid
from tests.nets.classifiers import make, pictures, wake

BODY = ResNet(widths=(8, 12, 16), blocks=(1, 1, 1), strides=(1, 2, 2), stem_stride=2, mean=(0.4,) * 3, spread=(0.3,) * 3)
SPEC = EncoderUNet(encoder=BODY, width=8)


@pytest.mark.parametrize("skips", ["add", "concat"])
@pytest.mark.parametrize("cross", [False, True])
def test_gradients_reach_the_encoder_through_every_skip(skips, cross):
    """The old library cut them off.  Each level alone, through the whole network: all others are held where the encoder gives them."""
    network = wake(make(dataclasses.replace(SPEC, skips=skips, cross=cross))).train()
    picture = pictures(2, side=32)
    for place in network.places:

        def only(_encoder, _given, levels, place=place):
            return [level if index == place else level.detach() for index, level in enumerate(levels)]

        hook = network.encoder.register_forward_hook(only)
        network.zero_grad(set_to_none=True)
        network(picture).square().sum().backward()
        hook.remove()
        reached = [parameter.grad is not None and bool(parameter.grad.any()) for parameter in network.encoder.units()[0].parameters()]
        assert reached and all(reached), place  # the stem, which lies before every level
    network.zero_grad(set_to_none=True)
    network(picture).square().sum().backward()
    assert [name for name, parameter in network.encoder.named_parameters() if not parameter.grad.any()] == []


def test_with_norms_on_skips_it_does_not_matter_how_large_features_are():
    network = wake(make(dataclasses.replace(SPEC, skip_norm="batch"))).train()
    picture = pictures(2, side=32)
    features = [network.encoder(picture)[place] for place in network.places]
    once, larger = (network.decoder(picture, [times * feature for feature in features]) for times in (1, 50))
    assert (once - picture).abs().max() > 0.01
    torch.testing.assert_close(larger, once, rtol=1e-3, atol=1e-3)


def test_a_lent_body_sees_what_the_classifier_sees():
    classifier = wake(make(dataclasses.replace(BODY, classes=5))).eval()
    network = make(SPEC).eval()
    encoder_unet.lend(classifier, network)
    theirs = pyramid.cut(classifier, "stage3")(pictures(2, side=32))
    assert all(torch.equal(one, other) for one, other in zip(network.encoder(pictures(2, side=32)), theirs, strict=True))


def test_a_body_of_other_widths_is_not_lent():
    classifier = make(dataclasses.replace(BODY, widths=(8, 12, 20), classes=5))
    with pytest.raises(RuntimeError, match="size mismatch"):
        encoder_unet.lend(classifier, make(SPEC))


def test_fewer_levels_make_a_shallower_network():
    assert (make(SPEC).stride, make(dataclasses.replace(SPEC, levels=2)).stride) == (8, 2)
    with pytest.raises(Refusal, match="the encoder has 4"):
        make(dataclasses.replace(SPEC, levels=9))


def test_started_small_it_gives_nearly_its_input_and_no_parameter_waits():
    network = make(dataclasses.replace(SPEC, start="small"))
    picture = pictures(2, side=32)
    given = network(picture)
    assert 0 < (given - picture).abs().max() < 0.05
    given.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.encoder.parameters())


def test_a_bounded_output_never_leaves_the_range_of_pictures():
    network = wake(make(dataclasses.replace(SPEC, output="bounded")))
    with torch.no_grad():
        network.decoder.head.weight.mul_(100)
    given = network(pictures(2, side=32))
    assert given.min() >= 0 and given.max() <= 1


def test_an_encoder_whose_first_convolution_has_no_padding_is_given_a_row_and_a_column():
    """Then its grids are as even as its strides, nothing is stretched, and a piece comes out as in the whole."""
    network = wake(make(EncoderUNet(encoder=SqueezeNet(), width=8))).eval()
    assert network(torch.rand(1, 3, 75, 90)).shape == (1, 3, 75, 90) and (network.tiles, network.lead) == (True, 1)
    side, reached = 1024, reach(network)
    sizes: list[tuple[int, ...]] = []
    hook = network.encoder.register_forward_hook(lambda *given: sizes.extend(level.shape[-2:] for level in given[2]))
    picture = torch.rand(1, 3, 32, side)
    with torch.no_grad():
        whole, piece = network(picture), network(picture[..., side // 4 :])
    hook.remove()
    assert {(32 // rows, side // columns) for rows, columns in sizes[: len(sizes) // 2]} == {(2, 2), (4, 4), (8, 8), (16, 16)}
    torch.testing.assert_close(piece[..., reached:], whole[..., side // 4 + reached :])


def test_a_network_with_attention_is_not_cut_into_tiles():
    assert make(SPEC).tiles and not make(dataclasses.replace(SPEC, attention=True)).tiles


def test_stem_stages_and_decoder_are_frozen_one_by_one():
    network = make(SPEC)
    parts = groups.units(network)
    assert len(parts) == 5 and parts[-1] is network.decoder
    groups.freeze(parts[:-1])
    network.train()(pictures(2, side=32)).square().sum().backward()
    moved = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert moved == {"decoder"}


def test_shuffled_enlargement_begins_as_nearest():
    up = ShuffleUp(6, 4)
    x = torch.rand(2, 6, 5, 7)
    grown = up(x)
    assert torch.allclose(grown, grown[..., ::2, ::2].repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_attention_is_a_weighed_mean_over_all_places():
    attention = Attention(16)
    with torch.no_grad():
        attention.share.fill_(1)
    x = torch.rand(2, 16, 3, 4)
    rows = x.flatten(2)
    asks, answers, says = (nn.functional.conv2d(x, part.weight).flatten(2) for part in (attention.asks, attention.answers, attention.says))
    weights = (asks.mT @ answers / asks.shape[1] ** 0.5).softmax(-1)
    torch.testing.assert_close(attention(x), (rows + says @ weights.mT).view_as(x))


def test_a_network_is_described_without_the_file_its_body_came_from():
    spec = dataclasses.replace(SPEC, encoder_from="somewhere")
    assert catalogue.bare(spec) == dataclasses.replace(SPEC)
