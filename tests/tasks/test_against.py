"""What a critic makes small, against closed forms: its slope now and then, as strong as if it were always taken."""

import pytest
import torch
from torch import nn

from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.losses import adversarial
from sfumato.tasks.parts.against import Enough, Telling
from sfumato.train.callbacks.game import ACCURACY
from sfumato.train.objective import Outcome
from tests.train.conftest import objective, toy_learner

STEPS, EVERY = 1600, 16


class Linear(nn.Module):
    """An opinion whose slope is its weight everywhere."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 12))

    def forward(self, pictures):
        return pictures.flatten(1) @ self.weight[:, None]


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    one, other = (torch.rand(4, 3, 2, 2, generator=draw) for _ in range(2))
    return Batch(one, other, tuple(range(4)))


def draws():
    """The generators of so many steps, as the Learner gives them."""
    return (torch.Generator().manual_seed(Seed(1).number("draw", 0, step)) for step in range(STEPS))


def test_the_slope_taken_now_and_then_is_as_strong_as_if_it_were_always_taken(batch):
    """Half the squared weight of a linear critic, times `slope`: as a mean over steps, within three deviations of so many draws."""
    critic, telling = Linear(), Telling(nn.Identity(), adversarial.game("hinge"), slope=2.0, every=EVERY)
    found = [telling(critic, batch, draw).parts.get("r1", torch.zeros(())).item() for draw in draws()]
    taken = [value for value in found if value]
    expected = 2.0 * critic.weight.square().sum().item() / 2
    assert all(value == pytest.approx(EVERY * expected, rel=1e-5) for value in taken)
    assert sum(found) / STEPS == pytest.approx(expected, rel=3 / (STEPS / EVERY) ** 0.5)


def test_the_slope_reaches_the_critics_weights(batch):
    """The loss less the game's alone has the weight times slope times `every` as its gradient."""
    critic = Linear()
    gradients = {}
    for slope in (0.0, 2.0):
        critic.zero_grad()
        telling = Telling(nn.Identity(), adversarial.game("hinge"), slope=slope)
        telling(critic, batch, torch.Generator().manual_seed(0)).loss.backward()
        gradients[slope] = critic.weight.grad.clone()
    torch.testing.assert_close(gradients[2.0] - gradients[0.0], 2.0 * critic.weight.detach(), rtol=1e-4, atol=1e-5)


def test_a_critics_turn_gives_the_generator_no_gradient(batch):
    generator = nn.Conv2d(3, 3, 1)
    Telling(generator, adversarial.game("logistic"))(Linear(), batch, torch.Generator().manual_seed(0)).loss.backward()
    assert all(parameter.grad is None for parameter in generator.parameters())


@pytest.mark.parametrize(("accuracy", "steps"), [(1.0, 12), (0.9, 20), (0.8, 40)])
def test_a_teaching_ends_when_the_smoothed_accuracy_is_there(accuracy, steps):
    """From 0.5 towards the accuracy by a tenth of the way a step, it is at 0.85 after log((1 - 0.85) / (1 - 0.5)) / log(0.9), or never."""

    def tell(network, batch, draw):
        return Outcome(objective(network, batch, draw).loss, {ACCURACY: torch.tensor(accuracy)})

    learner = toy_learner([Enough(0.85)], objective=tell, steps=40)
    learner.fit()
    assert learner.step == steps
