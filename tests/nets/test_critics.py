"""Critics: how much of a picture an opinion rests on, weights that are never steep, and opinions of one picture alone."""

import copy

import pytest
import torch

from sfumato.losses.features import FeatureNetwork
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.critic_arguments import Patch
from sfumato.nets.critics import FeatureCritic, PatchCritic, build, patch
from tests.nets.classifiers import make, pictures


def critic(**changes) -> PatchCritic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return build(Patch(**{"layers": 2, "width": 8, **changes}), 3)


def steepest(network: torch.nn.Module) -> float:
    weights = [part.weight for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    return max(torch.linalg.matrix_norm(weight.flatten(1), 2).item() for weight in weights)


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_patch_is_as_large_as_published(layers, side):
    assert patch(layers) == side


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_a_patch_is_as_large_as_the_gradient_of_one_opinion(layers):
    network = critic(layers=layers, width=4, spectral=False).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(0.1)
    side = 10 * 2**layers  # px: eight opinions a side, of which one in the middle sees no border
    seen = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    opinions = network(seen)
    opinions[0, 0, opinions.shape[2] // 2, opinions.shape[3] // 2].backward()
    columns = seen.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert int(columns.max() - columns.min()) + 1 == network.sees


def test_after_a_hundred_steps_no_weight_is_steep_and_in_use_nothing_moves():
    network = critic()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, betas=(0.0, 0.99))
    for step in range(100):
        optimiser.zero_grad()
        (-network(pictures(2, side=32) + 0.01 * step).mean()).backward()
        optimiser.step()
    network(pictures(2, side=32))
    assert steepest(network) <= 1.1
    network.eval()
    before = copy.deepcopy(network.state_dict())
    opinions = network(pictures(2, side=32))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    twin = critic()
    twin.load_state_dict(before)
    assert torch.equal(twin.eval()(pictures(2, side=32)), opinions)


def test_what_a_picture_is_worth_does_not_depend_on_those_beside_it():
    network = critic().eval()
    both = network(pictures(2, side=40))
    torch.testing.assert_close(network(pictures(2, side=40)[:1]), both[:1])


def seeing() -> FeatureCritic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return FeatureCritic(FeatureNetwork(make(ResNet(widths=(6, 8), blocks=(1, 1), classes=5))), width=8, spectral=True)


@pytest.mark.parametrize("made", [critic, seeing])
def test_what_real_pictures_are_worth_in_training_does_not_depend_on_the_fakes_beside_them(made):
    """Asked of copies, for with every training pass the weights become less steep."""
    network, real = made(), pictures(2, side=40)
    fakes = (torch.zeros_like(real), 1 - real)
    one, other = (copy.deepcopy(network).train()(torch.cat([real, fake]))[:2] for fake in fakes)
    torch.testing.assert_close(one, other)


def test_a_picture_smaller_than_a_patch_has_an_opinion_too():
    assert critic(layers=4).eval()(pictures(1, side=20)).numel() >= 1


def test_what_each_tap_says_weighs_the_same_in_a_critic_with_a_classifiers_eyes():
    """Heads that give one number each, on grids of unlike sizes: the mean over opinions is the mean over heads."""
    see = FeatureNetwork(make(ResNet(widths=(6, 8), blocks=(1, 1), strides=(1, 2), classes=5)))
    network = FeatureCritic(see, width=8, spectral=False)
    sizes = [feature.shape[-1] for feature in see(pictures(1, side=24))]
    with torch.no_grad():
        for head, opinion in zip(network.heads, (1.0, 5.0), strict=True):
            head[-1].weight.zero_()
            head[-1].bias.fill_(opinion)
    assert sizes[0] > sizes[1] and network(pictures(1, side=24)).mean().item() == pytest.approx(3)


def test_a_critic_with_a_classifiers_eyes_keeps_them_out_of_its_weights():
    see = FeatureNetwork(make(ResNet(widths=(6, 8), blocks=(1, 1), classes=5)))
    network = FeatureCritic(see, width=8, spectral=True)
    assert not any("see" in name or "encoder" in name for name in network.state_dict())
    seen = pictures(2, side=24).requires_grad_(True)
    network(seen).mean().backward()
    assert network(seen).shape[0] == 2 and seen.grad.any()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(parameter.grad is None for parameter in see.parameters())
