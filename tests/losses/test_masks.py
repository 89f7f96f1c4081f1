"""Losses of masks against loops over pixels; what nobody knows counts nowhere."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from sfumato.core.levels import VOID
from sfumato.losses import masks as losses


@pytest.fixture
def case():
    """Logits (2, 3, 4, 5) in float64 and labels with holes."""
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 4, 5, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 5), generator=draw)
    labels[torch.rand(2, 4, 5, generator=draw) < 0.3] = VOID
    return logits, labels


def pixels(logits, labels):
    for picture, row, column in np.ndindex(labels.shape):
        if labels[picture, row, column] != VOID:
            yield logits[picture, :, row, column].double().softmax(0).tolist(), int(labels[picture, row, column])


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("weights", [None, (1.0, 3.0, 0.5)])
def test_cross_entropy_and_focal_are_their_loop(case, gamma, weights):
    total, weight = 0.0, 0.0
    for likely, label in pixels(*case):
        own = 1.0 if weights is None else weights[label]
        total += own * (1 - likely[label]) ** gamma * -math.log(likely[label])
        weight += own
    given = None if weights is None else torch.tensor(weights)
    assert losses.cross_entropy(*case, weights=given, gamma=gamma).item() == pytest.approx(total / weight, rel=1e-5)


def test_what_is_sure_has_a_gradient_whatever_gamma(case):
    logits = torch.tensor([40.0, 0.0, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    losses.cross_entropy(logits, torch.zeros(1, 1, 1, dtype=torch.long), gamma=0.5).backward()
    assert torch.isfinite(logits.grad).all()


def test_dice_is_its_loop(case):
    logits, labels = case
    both, sizes, there = [0.0] * 3, [0.0] * 3, set()
    for likely, label in pixels(*case):
        there.add(label)
        for one in range(3):
            both[one] += likely[one] * (one == label)
            sizes[one] += likely[one] + (one == label)
    wanted = np.mean([1 - 2 * both[one] / sizes[one] for one in sorted(there)])
    assert losses.dice(logits, labels).item() == pytest.approx(wanted, rel=1e-5)


def test_a_class_that_is_not_there_costs_nothing(case):
    logits, labels = case
    labels[labels == 2] = VOID
    assert 0 < losses.dice(logits, labels).item() < 1


def test_what_nobody_knows_gets_no_gradient(case):
    logits, labels = case
    logits.requires_grad_(True)
    (losses.cross_entropy(logits, labels, gamma=1.5) + losses.dice(logits, labels)).backward()
    touched = logits.grad.abs().sum(1) > 0
    assert not touched[labels == VOID].any() and touched[labels != VOID].all()


def test_nothing_known_costs_nothing(case):
    logits, labels = case
    labels[:] = VOID
    assert losses.cross_entropy(logits, labels).item() == 0 == losses.dice(logits, labels).item()


def test_gradients_are_finite_differences():
    draw = torch.Generator().manual_seed(2)
    logits = (3 * torch.randn(1, 2, 2, 2, generator=draw)).requires_grad_(True)
    labels = torch.tensor([[[0, 1], [VOID, 1]]])
    for loss in (lambda x: losses.cross_entropy(x, labels, gamma=2.0), lambda x: losses.dice(x, labels)):
        [slope] = torch.autograd.grad(loss(logits), logits)
        for place in np.ndindex(1, 2, 2, 2):
            step = torch.zeros_like(logits)
            step[place] = 1e-2
            assert slope[place].item() == pytest.approx(((loss(logits + step) - loss(logits - step)) / 2e-2).item(), abs=2e-4)


def test_rare_classes_weigh_more_up_to_a_limit():
    weights = losses.balanced_weights(np.array([[1000, 100, 10, 0, 1]]))
    assert weights.tolist() == pytest.approx([0.055, 0.55, 5.5, 1.0, 10.0])


def test_a_class_is_as_frequent_as_it_is_where_it_is_seen():
    """Eigen and Fergus 2015, section 6.3: pixels of a class over all pixels of the pictures that show it."""
    counts = np.array([[60, 40, 0], [90, 0, 10], [100, 0, 0]])
    frequencies = [250 / 300, 40 / 100, 10 / 100]
    assert losses.balanced_weights(counts).tolist() == pytest.approx([0.4 / one for one in frequencies])


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "loss", [losses.cross_entropy, partial(losses.cross_entropy, gamma=2.0), losses.dice], ids=["plain", "focal", "dice"]
)
def test_half_and_whole_logits_agree(case, loss, kind):
    logits, labels = case[0].to(kind), case[1]
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(logits, labels)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(loss(logits.float(), labels).item(), rel=1e-4)
