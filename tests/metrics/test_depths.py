"""Scores of depth maps on hand-made ones whose scores are known."""

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.metrics import depths


@pytest.fixture
def truth(rng):
    metres = rng.uniform(1, 10, (20, 30)).astype(np.float32)
    metres[:, :5] = 0
    return metres


def test_what_is_a_fifth_too_far_is_within_reach_and_a_fifth_off(truth):
    found = depths.measured(1.2 * truth, truth)
    assert found["delta1"] == 1 and found["abs_rel"] == pytest.approx(0.2, rel=1e-5)
    assert found["abs_rel_scaled"] == pytest.approx(0, abs=1e-6)


def test_what_is_unknown_counts_nowhere(truth):
    seen = truth.copy()
    seen[:, :5] = 1e6
    assert depths.measured(seen, truth) == {"delta1": 1, "abs_rel": 0, "delta1_scaled": 1, "abs_rel_scaled": 0}


@pytest.mark.parametrize(("factor", "share"), [(1.24, 1), (1.26, 0), (1 / 1.24, 1), (1 / 1.26, 0)])
def test_within_a_factor_counts_either_way(truth, factor, share):
    assert depths.delta1(np.float32(factor) * truth, truth) == share


def test_half_wrong_is_half_right(truth):
    seen = truth.copy()
    seen[:10] *= 3
    assert depths.delta1(seen, truth) == 0.5 and depths.abs_rel(seen, truth) == pytest.approx(1.0, rel=1e-5)


def test_unlike_sizes_and_maps_of_nothing_are_refused(truth):
    with pytest.raises(Refusal, match="shapes"):
        depths.abs_rel(truth[1:], truth)
    with pytest.raises(Refusal, match="knows no pixel"):
        depths.delta1(truth, np.zeros_like(truth))
