"""Losses of classifiers against formulas written out class by class."""

import math

import pytest
import torch

from sfumato.losses.classes import cross_entropy, decoupled


@pytest.fixture
def logits() -> torch.Tensor:
    """float32 (6, 5)"""
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(4)) * 3


def by_the_formula(logits: list[float], target: list[float]) -> float:
    """Liu et al. 2022, equation 5: each of the two classes i against all but the other one j."""
    found = 0.0
    seen = [index for index, weight in enumerate(target) if weight > 0]
    for i in seen:
        for j in seen:
            if i != j:
                found -= math.log(math.exp(logits[i]) / sum(math.exp(logit) for index, logit in enumerate(logits) if index != j))
    return found


def test_labels_and_shares_that_say_the_same_cost_the_same(logits):
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    shares = torch.eye(5)[labels]
    written_out = torch.stack([logits[row].logsumexp(0) - logits[row, label] for row, label in enumerate(labels)]).mean()
    torch.testing.assert_close(cross_entropy(logits, labels), written_out)
    torch.testing.assert_close(cross_entropy(logits, shares), written_out)


def test_smoothing_spreads_its_share_evenly_over_all_classes(logits):
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    smooth = torch.eye(5)[labels] * 0.9 + 0.1 / 5
    torch.testing.assert_close(cross_entropy(logits, labels, smoothing=0.1), cross_entropy(logits, smooth))


def test_a_network_of_half_precision_is_judged_in_full(logits):
    assert cross_entropy(logits.half(), torch.zeros(6, dtype=torch.int64)).dtype == torch.float32
    assert decoupled(logits.bfloat16(), torch.eye(5)[[0, 1, 2, 3, 4, 0]]).dtype == torch.float32


def test_the_decoupled_part_is_that_of_the_formula(logits):
    targets = torch.zeros(6, 5)
    for row, (one, other, share) in enumerate([(0, 1, 0.5), (2, 4, 0.9), (3, 0, 0.01), (1, 2, 0.3), (4, 3, 0.75), (2, 2, 1.0)]):
        targets[row, one] += share
        targets[row, other] += 1 - share
    wanted = sum(by_the_formula(*row) for row in zip(logits.tolist(), targets.tolist(), strict=True)) / 6
    assert decoupled(logits, targets).item() == pytest.approx(wanted, rel=1e-5)


def test_without_a_second_class_there_is_no_decoupled_part(logits):
    assert decoupled(logits, torch.eye(5)[[0, 1, 2, 3, 4, 0]]) == 0


def test_gradients_are_finite_and_lift_both_classes(logits):
    mixed = torch.zeros(6, 5)
    mixed[:, 1], mixed[:, 3] = 0.7, 0.3
    logits.requires_grad_()
    decoupled(logits, mixed).backward()
    plain = logits.grad.clone()
    assert plain.isfinite().all() and (plain[:, [0, 2, 4]] >= 0).all() and (plain.sum(1).abs() < 1e-5).all()


def test_pure_targets_give_finite_gradients_too(logits):
    logits.requires_grad_()
    decoupled(logits, torch.eye(5)[[0, 1, 2, 3, 4, 0]]).backward()
    assert logits.grad.isfinite().all()
