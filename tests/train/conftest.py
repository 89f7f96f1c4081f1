"""A problem small enough to be learnt in a second: pictures darkened by half."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.core.seed import Seed
from sfumato.data.batches import Batches, Pairs, collate
from sfumato.losses.pixel import mse
from sfumato.train.budget import Budget
from sfumato.train.learner import Learner
from sfumato.train.objective import Outcome
from sfumato.train.steps.precision import Precision
from sfumato.train.steps.schedules import make


@dataclass(frozen=True)
class Darkened(Pairs):
    """Random pictures, and the same at half their brightness."""

    count: int = 24
    side: int = 8

    def __len__(self) -> int:
        return self.count

    def prepare(self, indices):
        pass

    def pair(self, epoch, index):
        good = Seed(1).at("toy", epoch, index).integers(0, 256, (self.side, self.side, 3), dtype=np.uint8)
        return good // 2, good


def objective(network, batch, draw):
    outputs = network(batch.input)
    loss = mse(outputs, batch.target)
    return Outcome(loss, {"mse": loss.detach()}, outputs)


def small_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1))


def toy_learner(callbacks=(), *, steps=12, workers=0, batch=4, rate=0.01, accumulate=1, network=None, held_out=(), **options) -> Learner:
    network = network or small_network()
    return Learner(
        network,
        Batches(source=Darkened(), batch=batch, seed=Seed(5), accumulate=accumulate, workers=workers),
        options.pop("objective", objective),
        held_out=held_out,
        optimiser=options.pop("optimiser", None) or torch.optim.AdamW(network.parameters(), lr=rate),
        schedule=make("one-cycle", warm=0.2, start=0.1, end=0.01),
        budget=options.pop("budget", Budget(steps=steps)),
        seed=Seed(5),
        device=torch.device("cpu"),
        precision=Precision("float32", torch.device("cpu")),
        callbacks=callbacks,
        **options,
    )


@pytest.fixture
def held_out():
    return [collate([(*Darkened().pair(99, index), index)]) for index in range(3)]
