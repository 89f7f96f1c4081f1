"""Means with their intervals."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.metrics.score import gain, interval, over_pictures


def test_the_interval_holds_the_true_mean_about_nineteen_times_in_twenty():
    rng = np.random.default_rng(3)
    held = [low <= 30 <= high for low, high in (interval(rng.normal(30, 4, 40), seed=trial) for trial in range(300))]
    assert 0.90 <= np.mean(held) <= 0.98  # 0.95, less about 0.01 for 40 pictures, within three deviations of 300 trials


def test_the_interval_is_as_wide_as_theory_says():
    values = np.random.default_rng(4).normal(30, 4, 400)
    low, high = interval(values, seed=1)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(400), rel=0.06)


def test_the_interval_of_many_values_is_drawn_piece_by_piece_as_in_one(monkeypatch):
    values = np.random.default_rng(4).normal(30, 4, 77)
    whole = interval(values, seed=1)
    monkeypatch.setattr("sfumato.metrics.score.AT_ONCE", 1000)
    assert interval(values, seed=1) == whole


def test_the_same_values_and_seed_give_the_same_score():
    values = [31.0, 28.5, 40.2]
    assert over_pictures(values, protocol="p", seed=5) == over_pictures(values, protocol="p", seed=5)


def test_a_single_picture_has_a_mean_but_no_interval():
    score = over_pictures([31.5], protocol="p", seed=1)
    assert (score.mean, score.low, score.high) == (31.5, None, None)


def test_a_score_goes_through_json():
    score = over_pictures([31.0, 28.0], protocol="p", seed=5)
    assert type(score)(**json.loads(json.dumps(score.row()))) == score


def test_a_gain_that_is_the_same_on_every_picture_has_no_width():
    score = gain([20, 30, 40], [22, 32, 42], protocol="PSNR", seed=1)
    assert (score.mean, score.low, score.high) == (2, 2, 2)


@pytest.mark.parametrize("change", [{"protocol": "PSNR on luma"}, {"n": 3}, {"seed": 6}])
def test_scores_that_were_not_measured_alike_are_not_compared(change):
    score = over_pictures([31.0, 28.0], protocol="PSNR on RGB", seed=5)
    with pytest.raises(Refusal, match=f"unlike {next(iter(change))}"):
        score.gain_over(replace(score, **change))


def test_scores_that_were_measured_alike_are_compared():
    before, after = (over_pictures(values, protocol="p", seed=5) for values in ([20.0, 30.0], [21.0, 33.0]))
    assert after.gain_over(before) == 2


def test_no_picture_is_refused():
    with pytest.raises(Refusal, match="no picture"):
        over_pictures([], protocol="p", seed=1)


def test_a_score_that_is_not_finite_is_refused():
    with pytest.raises(Refusal, match="1 of 2"):
        over_pictures([np.inf, 30], protocol="p", seed=1)


def test_of_what_is_nearer_the_less_it_is_less_is_a_gain():
    assert gain([3.0, 4.0], [1.0, 1.0], protocol="A distance; less is nearer.", seed=1).mean == 2.5
    assert gain([3.0, 4.0], [1.0, 1.0], protocol="Nearness.", seed=1).mean == -2.5
