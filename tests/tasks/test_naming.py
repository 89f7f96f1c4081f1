"""The objective of naming, computed by hand."""

import math

import pytest
import torch
from torch import nn

from sfumato.data.batches import Batch
from sfumato.tasks.parts.naming import Naming

LIKELY = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])  # of two pictures
MIXED = torch.tensor([[0.0, 0.75, 0.0, 0.25], [1.0, 0.0, 0.0, 0.0]])  # the second is of one class alone
CROSS_ENTROPY = -(0.75 * math.log(0.2) + 0.25 * math.log(0.4) + math.log(0.25)) / 2
APART = (math.log(0.6 / 0.2) + math.log(0.8 / 0.4)) / 2  # each of the two classes against all but the other one


def named(objective: Naming, target: torch.Tensor):
    """What comes of a network whose logits are those of LIKELY."""
    return objective(nn.Identity(), Batch(LIKELY.log(), target, (0, 1)), torch.Generator())


def test_mixed_pictures_cost_their_cross_entropy_once_and_the_decoupled_part_by_its_weight():
    outcome = named(Naming(decoupled=0.3), MIXED)
    assert outcome.loss.item() == pytest.approx(CROSS_ENTROPY + 0.3 * APART, rel=1e-6)
    assert outcome.parts["cross_entropy"].item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)
    assert outcome.parts["decoupled"].item() == pytest.approx(0.3 * APART, rel=1e-6)


def test_without_a_weight_or_shares_of_classes_it_is_cross_entropy_alone():
    assert named(Naming(), MIXED).loss.item() == pytest.approx(CROSS_ENTROPY, rel=1e-6)
    outcome = named(Naming(decoupled=0.3), torch.tensor([1, 0]))
    assert outcome.loss.item() == pytest.approx(-(math.log(0.2) + math.log(0.25)) / 2, rel=1e-6)
    assert list(outcome.parts) == ["cross_entropy"]
