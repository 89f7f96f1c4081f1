"""Losses of a game: a critic tells real pictures from made ones, a generator wants to be taken for real.

Each takes the critic's opinions, float (B, ...) of any grid, without a sigmoid: above zero is real.  All in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sfumato.core.errors import unknown


@dataclass(frozen=True)
class Game:
    """What each side of a game makes small.  Both are told opinions of real and of made pictures, and give a scalar."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    relative: bool = False  # opinions mean something beside the others' alone: the generator's side looks at the real pictures too

    def on_real(self, real: Tensor, made: Tensor) -> Tensor:
        """Share of real pictures that are taken for real.  -> a scalar tensor in 0..1"""
        return taken_for_real(real, than=made if self.relative else None)

    def fooled(self, real: Tensor, made: Tensor) -> Tensor:
        """Share of made pictures that are taken for real.  -> a scalar tensor in 0..1"""
        return taken_for_real(made, than=real if self.relative else None)

    def accuracy(self, real: Tensor, made: Tensor) -> Tensor:
        """Share of pictures told rightly.  -> a scalar tensor in 0..1"""
        return (self.on_real(real, made) + 1 - self.fooled(real, made)) / 2


def _logistic(opinion: Tensor) -> Tensor:
    return functional.softplus(-opinion.float()).mean()


def _hinge_critic(real: Tensor, made: Tensor) -> Tensor:
    return ((1 - real.float()).relu().mean() + (1 + made.float()).relu().mean()) / 2


def _square(opinion: Tensor, wanted: float) -> Tensor:
    return (opinion.float() - wanted).square().mean()


def _relative(one: Tensor, other: Tensor) -> Tensor:
    """How much more real than the other's mean each of one is, and how much less each of the other than the mean of one."""
    one, other = one.float(), other.float()
    return (_logistic(one - other.mean()) + _logistic(one.mean() - other)) / 2


GAMES: dict[str, Game] = {
    "hinge": Game(_hinge_critic, lambda real, made: -made.float().mean()),  # Lim and Ye 2017
    "logistic": Game(  # Goodfellow et al. 2014
        lambda real, made: (_logistic(real) + _logistic(-made)) / 2, lambda real, made: _logistic(made)
    ),
    "squares": Game(  # Mao et al. 2017
        lambda real, made: (_square(real, 1) + _square(made, -1)) / 2, lambda real, made: _square(made, 1)
    ),
    "relativistic": Game(_relative, lambda real, made: _relative(made, real), relative=True),  # Jolicoeur-Martineau 2019, average
    "wasserstein": Game(  # Arjovsky et al. 2017: with a gradient penalty or clipped weights
        lambda real, made: made.float().mean() - real.float().mean(), lambda real, made: -made.float().mean()
    ),
}


def game(kind: str) -> Game:
    """A game by its name; an unknown one is refused with the nearest."""
    if kind not in GAMES:
        raise unknown("game", kind, GAMES)
    return GAMES[kind]


def r1(critic: nn.Module, real: Tensor) -> Tensor:
    """Half the mean squared slope of the critic at real pictures (Mescheder et al. 2018).  (B, C, H, W) -> a scalar

    In float32, whatever it is called under.
    """
    with torch.autocast(real.device.type, enabled=False):
        return _slopes(critic, real.float()).square().sum(1).mean() / 2


def gradient_penalty(critic: nn.Module, real: Tensor, made: Tensor, draw: torch.Generator) -> Tensor:
    """Mean squared distance from 1 of the critic's slope between real and made pictures (Gulrajani et al. 2017).

    Two (B, C, H, W) -> a scalar; `draw`: where between them.  In float32.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=draw, device=real.device)
    with torch.autocast(real.device.type, enabled=False):
        between = torch.lerp(made.float(), real.float(), share)
        steepness: Tensor = torch.linalg.vector_norm(_slopes(critic, between), dim=1)
        return (steepness - 1).square().mean()


def _slopes(critic: nn.Module, pictures: Tensor) -> Tensor:
    """Gradient of each picture's mean opinion with respect to it.  (B, C, H, W) -> (B, C * H * W), itself differentiable"""
    seen = pictures.detach().requires_grad_(True)
    opinion = critic(seen)
    (slopes,) = torch.autograd.grad(opinion.flatten(1).mean(1).sum(), seen, create_graph=True)
    return slopes.flatten(1)


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float) -> None:
    """Every weight within +-limit (Arjovsky et al. 2017)."""
    for weight in critic.parameters():
        weight.clamp_(-limit, limit)


def taken_for_real(opinions: Tensor, *, than: Tensor | None = None) -> Tensor:
    """Share of pictures that are taken for real, each by the mean of its opinions: above zero, or above the others'.  -> a scalar, 0..1"""
    bar = 0.0 if than is None else than.detach().float().mean()
    return (opinions.detach().float().flatten(1).mean(1) > bar).float().mean()
