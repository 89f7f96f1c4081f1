"""Scores of masks against loops over pixels."""

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.core.levels import VOID
from sfumato.metrics import masks as metrics


@pytest.fixture
def pair(rng):
    truth = rng.integers(0, 3, (8, 9), dtype=np.uint8)
    seen = np.where(rng.random((8, 9)) < 0.7, truth, rng.integers(0, 3, (8, 9))).astype(np.uint8)
    truth[rng.random((8, 9)) < 0.2] = VOID
    return seen, truth


def test_scores_are_their_loops(pair):
    seen, truth = pair
    known = [(int(one), int(other)) for one, other in zip(seen.ravel(), truth.ravel(), strict=True) if other != VOID]
    matrix = metrics.confusion(seen, truth, 3)
    assert metrics.pixel_accuracy(matrix) == pytest.approx(np.mean([one == other for one, other in known]))
    ious, recalls = [], []
    for label in range(3):
        both = sum(one == other == label for one, other in known)
        ious.append(both / sum(label in pair for pair in known))
        recalls.append(both / sum(other == label for _, other in known))
    assert metrics.ious(matrix).tolist() == pytest.approx(ious)
    assert metrics.mean_iou(matrix) == pytest.approx(np.mean(ious)) and metrics.mean_accuracy(matrix) == pytest.approx(np.mean(recalls))


def test_a_class_that_is_not_there_is_not_counted_and_one_that_was_seen_wrongly_costs_the_others(pair):
    truth = np.zeros((4, 4), np.uint8)
    seen = truth.copy()
    seen[0] = 2
    matrix = metrics.confusion(seen, truth, 3)
    assert metrics.mean_iou(matrix) == pytest.approx(0.75) and np.isnan(metrics.ious(matrix)[1])


def test_scores_of_a_set_are_over_all_its_pixels_with_an_interval_over_pictures(rng):
    truths = [rng.integers(0, 2, (5, 5), dtype=np.uint8) for _ in range(12)]
    seens = [np.where(rng.random((5, 5)) < share, truth, 1 - truth) for truth, share in zip(truths, np.linspace(0.5, 1, 12), strict=True)]
    matrices = [metrics.confusion(seen, truth, 2) for seen, truth in zip(seens, truths, strict=True)]
    found = metrics.scores(matrices, seed=1)
    right = np.mean([np.mean(seen == truth) for seen, truth in zip(seens, truths, strict=True)])
    assert found["pixel_accuracy"].mean == pytest.approx(right) and found["pixel_accuracy"].n == 12
    assert all(score.low < score.mean < score.high for score in found.values())
    assert found == metrics.scores(matrices, seed=1)


def test_without_a_known_pixel_there_is_no_score():
    with pytest.raises(Refusal, match="no pixel to score"):
        metrics.scores([np.zeros((2, 2), np.int64)], seed=1)
    with pytest.raises(Refusal, match="pixel by pixel"):
        metrics.confusion(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)


def test_what_a_scores_file_holds(pair):
    found = metrics.judged([metrics.confusion(*pair, 3)], ("sky", "road", "tree"), seed=1)
    assert [row["name"] for row in found["classes"]] == ["sky", "road", "tree"] and found["task"] == "segment"
    assert set(found["protocols"]) == {"pixel_accuracy", "mean_iou", "mean_accuracy"} == set(found["rows"][0]) - {"name"}
