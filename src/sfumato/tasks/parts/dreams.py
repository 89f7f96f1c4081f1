"""A trained network that makes pictures from noise, in use; and both sides of the game that teaches it (Arjovsky et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.core.levels import Levels, batch_to_levels
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch
from sfumato.losses import adversarial
from sfumato.nets import load as model_files
from sfumato.nets.load import Header
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import CRITIC
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome

TASK = "generate"
AT_ONCE = 64  # pictures


@dataclass(frozen=True)
class Dreams:
    """A network with the header it was saved with, on a device."""

    header: Header
    network: nn.Module
    device: torch.device

    def sample(self, count: int, *, seed: int) -> Levels:
        """Pictures uint8 (count, side, side, C).  Picture i follows from (seed, i) alone, however many are asked for."""
        return sampled(self.network, noises(self.header.network["noise"], count, Seed(seed)), self.device)


def noises(length: int, count: int, seed: Seed) -> Tensor:
    """Normal noise, float32 (count, length): row i from (seed, i) alone."""
    return torch.from_numpy(np.stack([seed.at("sample", 0, index).standard_normal(length, np.float32) for index in range(count)]))


def sampled(network: nn.Module, noise: Tensor, device: torch.device) -> Levels:
    """(N, noise) -> uint8 (N, side, side, C), in evaluation mode."""
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        made = [batch_to_levels(network(part.to(device))).cpu().numpy() for part in noise.split(AT_ONCE)]  # type: ignore[no-untyped-call]
    network.train(was_training)
    return np.concatenate(made)


@dataclass(frozen=True)
class Dreaming:
    """The generator's objective: what it makes shall be taken for real."""

    critic: nn.Module
    length: int  # of noise

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """As many pictures as the batch has."""
        made = network(torch.randn(len(batch.items), self.length, generator=draw, device=batch.input.device))
        loss = adversarial.game("wasserstein").generator(made, self.critic(made))
        return Outcome(loss, {"critic": loss.detach()}, made)


@dataclass(frozen=True)
class Judging:
    """The critic's objective: real pictures far above made ones, at a slope of one between them where `penalty` is above zero."""

    generator: nn.Module
    length: int
    penalty: float

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """Parts: the distance of the two as the critic sees it, and the penalty."""
        with torch.no_grad():
            made = self.generator(torch.randn(len(batch.items), self.length, generator=draw, device=batch.input.device)).float()
        loss = adversarial.game("wasserstein").critic(network(batch.input), network(made))
        parts = {"distance": -loss.detach()}
        if self.penalty:
            steep = self.penalty * adversarial.gradient_penalty(network, batch.input, made, draw)
            loss, parts["penalty"] = loss + steep, steep.detach()
        return Outcome(loss, parts)


class Clip(Callback):
    """The critic's weights stay within a limit after each of its updates."""

    players = (CRITIC,)

    def __init__(self, limit: float):
        self.limit = limit

    def after_update(self, learner: Learner) -> None:
        """All of them."""
        adversarial.clip_weights(learner.now.network, self.limit)


def load(path: str | Path, *, device: str = "auto") -> Dreams:
    """A model file on a device."""
    return Dreams(*model_files.ready(path, TASK, device))
