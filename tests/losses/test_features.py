"""Feature losses against naive loops and finite differences, on networks that own their normalisation."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.losses import features
from sfumato.losses.features import FeatureNetwork
from sfumato.losses.pixel import charbonnier, in_lab, l1, mse
from sfumato.nets.classify_arguments import ResNet
from tests.nets.classifiers import make, pictures, wake

SPEC = ResNet(widths=(6, 8), blocks=(1, 1), classes=5, mean=(0.4,) * 3, spread=(0.3,) * 3, activation="silu")


@pytest.fixture
def network() -> FeatureNetwork:
    return FeatureNetwork(wake(make(SPEC)))


def test_taps_are_found_where_the_grid_is_about_to_change(network):
    assert network.taps == ["stem", "stage1", "stage2"]
    assert FeatureNetwork(make(SPEC), ["stage2"]).taps == ["stage2"]
    with pytest.raises(Refusal, match="Did you mean 'stage1'"):
        FeatureNetwork(make(SPEC), ["stge1"])
    for unordered in (["stage2", "stage1"], ["stage1", "stage1"]):  # weights would go to other taps than they were meant for
        with pytest.raises(Refusal, match="fine to coarse: take"):
            FeatureNetwork(make(SPEC), unordered)


def test_it_never_moves_whatever_is_asked(network):
    before = copy.deepcopy(network.state_dict())
    seen = pictures(2).requires_grad_(True)
    network.train()
    sum(feature.square().sum() for feature in network(seen)).backward()
    assert seen.grad.any() and not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(part.training for part in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in network.modules())


@pytest.mark.parametrize("change", [lambda x: 255 * x, lambda x: 4 * x - 2])
def test_pictures_of_another_range_are_refused(change, network):
    with pytest.raises(Refusal, match="0..1"):
        network(change(pictures(2)))


def test_the_network_normalises_by_itself(network):
    classifier = wake(make(SPEC)).eval()
    inside = classifier.body.pyramid(classifier.normalise(pictures(2)))
    assert all(torch.equal(one, other) for one, other in zip(network(pictures(2)), inside, strict=True))


def test_grams_are_those_of_a_naive_loop():
    x = torch.rand(2, 3, 4, 5)
    expected = np.zeros((2, 3, 3))
    for picture in range(2):
        for one in range(3):
            for other in range(3):
                for row in range(4):
                    for column in range(5):
                        expected[picture, one, other] += float(x[picture, one, row, column] * x[picture, other, row, column])
    np.testing.assert_allclose(features.gram(x).numpy(), expected / (3 * 4 * 5), rtol=1e-5)


def test_grams_of_large_half_precision_features_are_finite():
    x = torch.full((1, 8, 64, 64), 300.0, dtype=torch.float16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(features.gram(x)).all() and features.gram(x).dtype == torch.float32


@pytest.mark.parametrize("distance", [l1, mse])
@pytest.mark.parametrize("of", [features.feature_distances, features.gram_distances])
def test_gradients_are_those_of_finite_differences(of, distance, network):
    """Along one direction, in steps as wide as float32 allows."""
    good = pictures(2, side=16)
    draw = torch.Generator().manual_seed(3)
    made = (good + 0.2 * torch.rand(good.shape, generator=draw)).requires_grad_(True)
    along = torch.randn(good.shape, generator=draw)
    with torch.no_grad():
        wanted = network(good)

    def loss(x):
        return 1000 * torch.stack(of(network(x), wanted, distance)).sum()

    loss(made).backward()
    step = 2e-3
    with torch.no_grad():
        slope = (loss(made + step * along) - loss(made - step * along)) / (2 * step)
    assert (made.grad * along).sum().item() == pytest.approx(slope.item(), rel=0.02)


def test_the_target_gets_no_gradient_from_a_feature_loss(network):
    from sfumato.tasks.parts.difference import Perception

    made, good = pictures(2).requires_grad_(True), pictures(2).flip(0).requires_grad_(True)
    terms = Perception(network, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), mse).terms(made, good)
    sum(terms.values()).backward()
    assert len(terms) == 6 and made.grad.any() and good.grad is None


@pytest.mark.parametrize("loss", [features.low_colours, partial(charbonnier, epsilon=0.1), l1, mse])
def test_gradients_of_losses_in_pixels_are_those_of_finite_differences(loss):
    """The losses turn to float32: the step of the differences is as wide as that allows, and no pixel lies on a kink."""
    good = pictures(1, side=8).double()
    made = (good + 0.3 * torch.where(good > 0.5, -1.0, 1.0)).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda one: 32 * loss(one, good).double(), (made,), eps=1e-2, atol=5e-2, rtol=3e-2)


def _gram(made, good):
    return features.gram_distances([made], [good], mse)[0]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "loss",
    [features.low_colours, l1, mse, partial(charbonnier, epsilon=0.01), in_lab(mse), _gram],
    ids=["low colours", "l1", "mse", "charbonnier", "lab", "gram"],
)
def test_half_and_whole_inputs_agree(loss, kind):
    """Also where the network runs under autocast: a loss is taken in float32."""
    made, good = pictures(2).to(kind), pictures(2).flip(0).to(kind)
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(made, good)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(loss(made.float(), good.float()).item(), rel=1e-3)


def test_low_colours_see_a_cast_and_not_what_is_fine():
    good = pictures(2, side=64)
    cast = good + torch.tensor([0.1, 0, 0]).view(1, 3, 1, 1)
    grain = good + 0.1 * (torch.arange(64) % 2 * 2 - 1)
    assert features.low_colours(cast, good).item() == pytest.approx(0.1 / 3, rel=1e-4)
    assert features.low_colours(grain, good).item() < 1e-6


def test_enlarged_pictures_are_seen_at_their_new_size():
    network = FeatureNetwork(make(SPEC), enlarge=2)
    assert network(pictures(1, side=16))[0].shape[-1] == 32
    assert isinstance(network, nn.Module)
