"""Games against closed forms: what a critic and a generator make small, and how steep a critic may be."""

import math

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.losses import adversarial


class Linear(nn.Module):
    """A critic whose slope is its weight everywhere."""

    def __init__(self, count: int):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, count))

    def forward(self, pictures):
        return pictures.flatten(1) @ self.weight[:, None]


def test_r1_of_a_linear_critic_is_half_its_squared_weight():
    critic = Linear(12)
    value = adversarial.r1(critic, torch.rand(5, 3, 2, 2))
    assert value.item() == pytest.approx(critic.weight.square().sum().item() / 2)
    value.backward()
    torch.testing.assert_close(critic.weight.grad, critic.weight.detach())


def test_the_gradient_penalty_of_a_linear_critic_is_known():
    critic = Linear(12)
    draw = torch.Generator().manual_seed(1)
    value = adversarial.gradient_penalty(critic, torch.rand(5, 3, 2, 2), torch.rand(5, 3, 2, 2), draw)
    assert value.item() == pytest.approx((critic.weight.norm().item() - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("kind", adversarial.GAMES)
def test_gradients_of_both_sides_are_those_of_finite_differences(kind):
    game = adversarial.game(kind)
    torch.manual_seed(2)
    opinions = [torch.randn(4, 1, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def in_double(side):
        """The losses turn to float32: the step of the differences is as wide as that allows."""
        return lambda real, made: 32 * side(real, made).double()

    for side in (game.critic, game.generator):
        assert torch.autograd.gradcheck(in_double(side), opinions, eps=1e-2, atol=5e-2, rtol=3e-2)


def test_the_gradient_of_the_penalty_on_slopes_is_that_of_finite_differences():
    """With respect to the critic's own weights, through the slope at the pictures."""
    real, made = (torch.rand(3, 2, 2, 2, generator=torch.Generator().manual_seed(seed)) for seed in (3, 4))

    class Bent(nn.Module):
        """Not linear, so that the slope depends on where it is taken."""

        def __init__(self, weight):
            super().__init__()
            self.weight = weight

        def forward(self, pictures):
            return torch.tanh(pictures.flatten(1) @ self.weight.float())[:, None]

    def penalty(weight):
        return 32 * adversarial.gradient_penalty(Bent(weight), real, made, torch.Generator().manual_seed(5)).double()

    weight = torch.linspace(-1, 1, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penalty, (weight,), eps=1e-2, atol=5e-2, rtol=3e-2)


SLOPES = {
    "r1": lambda critic, real, made: adversarial.r1(critic, real),
    "gradient penalty": lambda critic, real, made: adversarial.gradient_penalty(critic, real, made, torch.Generator().manual_seed(5)),
}


@pytest.mark.parametrize("slope", SLOPES.values(), ids=SLOPES)
def test_slopes_and_what_is_learnt_from_them_are_the_same_under_autocast(slope):
    """In bfloat16 a convolution keeps three digits; these agree in six."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        critic = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Conv2d(8, 1, 3))
    real, made = (torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in (7, 8))
    found = []
    for half in (False, True):
        critic.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            value = slope(critic, real, made)
        value.backward()
        found.append([value.detach(), *(one.grad.clone() for one in critic.parameters() if one.grad is not None)])
    assert len(found[0]) > 3 and all(one.dtype == torch.float32 for one in found[1])
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", adversarial.GAMES)
def test_a_critic_gains_by_being_right_and_a_generator_by_its_being_wrong(kind):
    game = adversarial.game(kind)
    high, low = torch.full((4, 1), 0.5), torch.full((4, 1), -0.5)
    assert game.critic(high, low) < game.critic(low, high)
    assert game.generator(low, high) < game.generator(high, low)


def test_known_values():
    zero = torch.zeros(3, 1)
    assert adversarial.game("hinge").critic(zero, zero).item() == 1
    assert adversarial.game("logistic").critic(zero, zero).item() == pytest.approx(math.log(2))
    assert adversarial.game("relativistic").critic(zero, zero).item() == pytest.approx(math.log(2))
    assert adversarial.game("squares").critic(zero + 1, zero - 1).item() == 0
    assert adversarial.game("hinge").accuracy(zero + 1, zero + 1).item() == 0.5


def test_a_relative_critic_is_right_by_what_it_says_of_one_kind_beside_the_other():
    real, made = torch.tensor([[5.0], [6.0]]), torch.tensor([[3.0], [2.0]])
    plain, relative = adversarial.game("hinge"), adversarial.game("relativistic")
    assert (plain.accuracy(real, made).item(), plain.fooled(real, made).item()) == (0.5, 1)
    assert (relative.accuracy(real, made).item(), relative.fooled(real, made).item(), relative.on_real(real, made).item()) == (1, 0, 1)
    assert relative.accuracy(made, real).item() == 0


@pytest.mark.parametrize("kind", adversarial.GAMES)
def test_losses_are_float32_whatever_the_opinions_are(kind):
    game = adversarial.game(kind)
    real, made = torch.randn(2, 8, 1, generator=torch.Generator().manual_seed(1))
    whole, half = game.critic(real, made), game.critic(real.bfloat16(), made.bfloat16())
    assert half.dtype == torch.float32 and half.item() == pytest.approx(whole.item(), abs=0.01)


def test_clipped_weights_stay_within_their_limit():
    critic = Linear(12)
    adversarial.clip_weights(critic, 0.1)
    assert critic.weight.abs().max() <= 0.1


def test_an_unknown_game_is_refused_with_the_nearest():
    with pytest.raises(Refusal, match="Did you mean 'hinge'"):
        adversarial.game("hinges")
