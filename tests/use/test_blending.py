"""What a repaired picture keeps of the one that came."""

import numpy as np
import pytest

from sfumato.core.levels import to_levels, to_unit
from sfumato.use import blending


@pytest.fixture
def pair(portrait, rng):
    """As it came, and made: a cast that grows to the right, and new detail."""
    ramp = np.linspace(0, 0.2, portrait.shape[1], dtype=np.float32)[None, :, None] * np.array([1, 0, -1], np.float32)
    given = 0.25 + 0.5 * to_unit(portrait)
    made = given + ramp + rng.normal(0, 0.05, portrait.shape).astype(np.float32)
    return given, made.clip(0, 1)


def test_slow_waves_are_those_that_came_and_quick_ones_those_that_were_made(pair):
    given, made = pair
    kept = blending.keep_colour(given, made)
    rows, columns = (blending._cosines(side, blending.COARSE) for side in given.shape[:2])
    slow = [np.einsum("hk,hwc,wl->klc", rows, one, columns) for one in (given, made, kept)]
    assert np.abs(slow[1] - slow[0]).max() > 1 and np.abs(slow[2] - slow[0]).max() < 5e-3
    quick = [np.diff(one, axis=1) for one in (made, kept)]
    assert np.abs(quick[1] - quick[0]).max() < 0.01
    assert np.abs(blending.keep_colour(given, kept) - kept).max() < 1e-5


@pytest.mark.parametrize("side", [1, 2, 63, 64, 65, 200])
def test_the_waves_are_orthonormal_for_any_side(side):
    waves = blending._cosines(side, 64).astype(np.float64)
    assert np.abs(waves.T @ waves - np.eye(waves.shape[1])).max() < 1e-5


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_every_depth_keeps_its_type(kind, pair):
    given, made = (one if kind == np.float32 else (one * np.iinfo(kind).max).astype(kind) for one in pair)
    for kept in (blending.keep_colour(given, made), blending.between(given, made, 0.5)):
        assert kept.dtype == kind and kept.shape == given.shape


def test_strength_goes_from_one_to_the_other(pair):
    given, made = (to_levels(one) for one in pair)
    assert np.array_equal(blending.between(given, made, 0.0), given) and np.array_equal(blending.between(given, made, 1.0), made)
    half = blending.between(given, made, 0.5).astype(float)
    assert np.abs(half - (given.astype(float) + made) / 2).max() <= 0.51
