"""What a repaired picture keeps of the one that came."""

import tracemalloc

import numpy as np
import pytest

from sfumato.core.levels import like, to_levels, to_unit
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


SIZES = [(1, 1), (1, 200), (200, 1), (63, 65), (64, 64), (65, 130), (129, 70)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_in_bands_every_number_is_that_of_the_whole(kind, size, rng):
    given, made = (like(rng.random((*size, 3), dtype=np.float32), np.dtype(kind)) for _ in range(2))
    one, other = to_unit(given), to_unit(made)
    for strength in (0.3, 0.75):
        whole = like(one + np.float32(strength) * (other - one), np.dtype(kind))
        np.testing.assert_array_equal(blending.between(given, made, strength), whole)


@pytest.mark.parametrize("size", SIZES)
def test_colours_in_the_large_are_put_back_in_bands_as_in_one_piece(size, rng):
    given, made = (0.3 + 0.4 * rng.random((*size, 3), dtype=np.float32) for _ in range(2))
    rows, columns = (blending._cosines(side, 16).astype(np.float64) for side in size)
    slow = np.einsum("hk,hwc,wl->klc", rows, given.astype(np.float64) - made, columns)
    whole = np.clip(made + np.einsum("hk,klc,wl->hwc", rows, slow, columns, optimize=True), 0, 1)
    np.testing.assert_allclose(blending.keep_colour(given, made, 16), whole, atol=2e-6)


@pytest.mark.parametrize("blend", [blending.keep_colour, lambda given, made: blending.between(given, made, 0.5)])
def test_of_a_large_picture_only_some_rows_are_held_in_floats(blend):
    given, made = np.zeros((2400, 400, 3), np.uint8), np.ones((2400, 400, 3), np.uint8)
    tracemalloc.start()
    blend(given, made)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * made.nbytes < made.size * 4
