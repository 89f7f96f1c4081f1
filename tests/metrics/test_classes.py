"""Scores of classifiers against formulas, plain loops and worked examples."""

import json
import math

import numpy as np
import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.metrics import classes
from sfumato.metrics.score import share, wilson

NAMES = ["cat", "dog", "fox"]


@pytest.fixture
def answers(rng):
    """Probabilities of 200 pictures over 7 classes, and labels that they are right about more often than not."""
    logits = rng.normal(0, 1, (200, 7))
    labels = rng.integers(0, 7, 200)
    logits[np.arange(200), labels] += 1.2
    grown = np.exp(logits)
    return grown / grown.sum(axis=1, keepdims=True), labels


def certain(seen: list[int], classes_: int = 3) -> np.ndarray:
    return np.eye(classes_)[seen]


def test_accuracy_is_the_share_of_right_answers():
    assert classes.accuracy(certain([0, 1, 2, 2]), [0, 1, 1, 2]) == 0.75


def top_5(probabilities, labels) -> float:
    return classes.scores(probabilities, labels, seed=1)["top_5"].mean


def test_the_first_five_agree_with_a_plain_loop(rng):
    probabilities, labels = rng.dirichlet(np.ones(12), 200), rng.integers(0, 12, 200)
    right = sum(label in sorted(range(12), key=lambda one: -row[one])[:5] for row, label in zip(probabilities, labels))
    assert top_5(probabilities, labels) == pytest.approx(right / 200)


def test_of_classes_that_are_equally_probable_the_first_ones_are_the_answer():
    flat, labels = np.full((12, 12), 1 / 12), list(range(12))
    assert (classes.accuracy(flat, labels), top_5(flat, labels)) == (pytest.approx(1 / 12), pytest.approx(5 / 12))


def test_balanced_accuracy_counts_a_rare_class_as_much_as_a_frequent_one():
    assert classes.balanced_accuracy(certain([0] * 9 + [0]), [0] * 9 + [1]) == 0.5


def test_a_class_without_pictures_has_no_part_in_balanced_accuracy():
    assert classes.balanced_accuracy(certain([0, 2, 2]), [0, 2, 0]) == pytest.approx((1 / 2 + 1) / 2)


def test_cross_entropy_agrees_with_torch(answers):
    probabilities, labels = answers
    wanted = torch.nn.functional.nll_loss(torch.tensor(probabilities).log(), torch.tensor(labels)).item()
    assert classes.cross_entropy(probabilities, labels) == pytest.approx(wanted, rel=1e-12)


def test_a_flat_guess_has_the_cross_entropy_of_the_number_of_classes():
    assert classes.cross_entropy(np.full((5, 8), 1 / 8), [0, 1, 2, 3, 4]) == pytest.approx(math.log(8))


def test_a_true_class_of_probability_zero_costs_much_but_not_everything():
    assert classes.cross_entropy(certain([0]), [1]) == pytest.approx(-math.log(classes.FLOOR))


def test_tensors_and_arrays_have_the_same_scores(answers):
    probabilities, labels = answers
    halves = torch.tensor(probabilities)
    assert classes.accuracy(halves, torch.tensor(labels)) == classes.accuracy(probabilities, labels)


def test_calibration_error_agrees_with_a_plain_loop(answers):
    probabilities, labels = answers
    total = 0.0
    for index in range(15):
        inside = [row for row in range(200) if index / 15 < probabilities[row].max() <= (index + 1) / 15]
        right = sum(probabilities[row].argmax() == labels[row] for row in inside)
        total += abs(right - sum(probabilities[row].max() for row in inside))
    assert classes.calibration(probabilities, labels)[0] == pytest.approx(total / 200, rel=1e-9)


def test_a_network_that_is_right_as_often_as_it_says_has_no_calibration_error():
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert classes.calibration(probabilities, [0, 0, 0, 1])[0] == pytest.approx(0)


def test_a_network_that_is_always_sure_and_half_right_errs_by_half():
    error, rows = classes.calibration(certain([0, 0, 1, 1]), [0, 1, 1, 0])
    assert error == 0.5 and [(row.count, row.confidence, row.accuracy) for row in rows if row.count] == [(4, 1.0, 0.5)]


def test_a_confusion_matrix_agrees_with_a_plain_loop(answers):
    probabilities, labels = answers
    seen = probabilities.argmax(axis=1)
    wanted = np.zeros((7, 7), np.int64)
    for answer, label in zip(seen, labels):
        wanted[label, answer] += 1
    found = classes.confusion(seen, labels, 7)
    assert (found == wanted).all() and found.dtype == np.int64


def test_precision_recall_and_f1_follow_their_definitions():
    matrix = np.array([[8, 2, 0], [1, 6, 3], [0, 0, 0]])
    found = classes.per_class(matrix)
    assert found.precision == pytest.approx([8 / 9, 6 / 8, 0])
    assert found.recall == pytest.approx([8 / 10, 6 / 10, 0])
    assert found.f1[:2] == pytest.approx([2 * p * r / (p + r) for p, r in ((8 / 9, 0.8), (0.75, 0.6))])
    assert found.support.tolist() == [10, 10, 0]


def test_what_is_confused_most_comes_first_and_what_is_confused_once_not_at_all():
    matrix = np.array([[9, 2, 1], [5, 9, 2], [0, 0, 9]])
    found = [(pair.truth, pair.seen_as, pair.count) for pair in classes.most_confused(matrix, NAMES)]
    assert found == [("dog", "cat", 5), ("cat", "dog", 2), ("dog", "fox", 2)]


def test_right_answers_are_no_confusion():
    assert classes.most_confused(np.diag([5, 5, 5]), NAMES, least=0) == []


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_wilsons_interval_is_that_of_newcombe_1998(hits, n, low, high):
    """Table I there, method 3: the score method."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=6e-5)


def test_wilsons_interval_holds_the_true_share_about_nineteen_times_in_twenty():
    hits = np.random.default_rng(2).binomial(500, 0.97, 400)
    held = [low <= 0.97 <= high for low, high in (wilson(int(one), 500) for one in hits)]
    assert 0.92 <= np.mean(held) <= 0.98


def test_the_ends_of_wilsons_interval_are_shares():
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1


def test_a_share_of_nothing_is_refused():
    with pytest.raises(Refusal, match="0 of 0"):
        share(0, 0, protocol="p", seed=1)


def test_every_score_carries_its_protocol_number_and_seed(answers):
    found = classes.scores(*answers, seed=9)
    assert {(score.protocol, score.n, score.seed) for score in found.values()} == {(classes.PROTOCOLS[name], 200, 9) for name in found}


def test_every_mean_lies_in_its_interval(answers):
    bounded = [score for score in classes.scores(*answers, seed=9).values() if score.low is not None]
    assert len(bounded) == 3 and all(score.low < score.mean < score.high for score in bounded)


def test_the_interval_of_balanced_accuracy_is_as_wide_as_theory_says():
    """Two classes of 400 pictures with 300 and 360 right ones: the variance of the mean is a quarter of the two variances' sum."""
    labels = [0] * 400 + [1] * 400
    score = classes.scores(certain([0] * 300 + [1] * 100 + [1] * 360 + [0] * 40, 2), labels, seed=3)["balanced_accuracy"]
    deviation = math.sqrt((0.75 * 0.25 / 400 + 0.9 * 0.1 / 400) / 4)
    assert score.high - score.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)


@pytest.mark.parametrize(("number", "named"), [(7, False), (12, True)])
def test_the_first_five_are_scored_where_there_are_many_classes(number, named):
    assert ("top_5" in classes.scores(np.full((3, number), 1 / number), [0, 1, 2], seed=1)) == named


def test_scores_of_a_run_go_through_json(answers):
    probabilities, labels = answers
    found = classes.judged(probabilities, labels, list("abcdefg"), seed=4)
    assert json.loads(json.dumps(found)) == found


def test_scores_of_a_run_name_every_class_with_its_pictures(answers):
    probabilities, labels = answers
    rows = classes.judged(probabilities, labels, list("abcdefg"), seed=4)["classes"]
    assert [(row["name"], row["n"]) for row in rows] == list(zip("abcdefg", np.bincount(labels, minlength=7).tolist()))


@pytest.mark.parametrize(
    ("probabilities", "labels", "words"),
    [
        (np.array([[2.0, -1.0]]), [0], "Take their softmax"),
        (np.array([[0.5, 0.6]]), [0], "sum to one"),
        (np.array([[np.nan, 1.0]]), [0], "finite"),
        (certain([0]), [3], "outside 0..2"),
        (certain([0]), [0, 1], "shapes"),
        (certain([0]), [0.0], "whole numbers"),
        (np.empty((0, 3)), [], "no picture"),
    ],
)
def test_what_has_no_score_is_refused(probabilities, labels, words):
    with pytest.raises(Refusal, match=words):
        classes.accuracy(probabilities, labels)


def test_a_label_that_is_no_class_is_refused_by_the_confusion_matrix():
    with pytest.raises(Refusal, match=r"A prediction is outside 0\.\.2"):
        classes.confusion([3], [0], 3)
