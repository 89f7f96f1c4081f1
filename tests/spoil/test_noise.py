"""Noise: its strength in levels, against theory."""

import numpy as np
import pytest
from scipy import stats

from sfumato.spoil import noise
from sfumato.spoil.noise import Noise


def deviation(step: Noise, level: int, rng: np.random.Generator) -> float:
    even = np.full((256, 256, 3), level, np.uint8)
    return float(np.sqrt(((step(even, rng).astype(float) - level) ** 2).mean()))


@pytest.mark.parametrize("grain", ["colour", "grey"])
@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        ("gaussian", 128, 10),
        ("poisson", 128, 10 * np.sqrt(128 / 255)),  # the variance of counts follows the light
        ("poisson", 32, 10 * np.sqrt(32 / 255)),
        ("speckle", 128, 10 * 128 / 255),
        ("salt", 128, 10),
    ],
)
def test_noise_is_as_strong_as_its_level_says(kind, level, expected, grain, rng):
    step = Noise(level=(10, 10), kind=(kind,), grain=(grain,))
    assert deviation(step, level, rng) == pytest.approx(np.hypot(expected, 1 / np.sqrt(12) * (kind != "salt")), rel=0.04)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "speckle"])
def test_noise_leaves_the_mean_alone(kind, rng):
    even = np.full((256, 256, 3), 128, np.uint8)
    assert Noise(level=(12, 12), kind=(kind,))(even, rng).mean() == pytest.approx(128, abs=0.15)


def test_grey_grain_is_alike_in_all_channels(rng):
    even = np.full((64, 64, 3), 128, np.uint8)
    noisy = Noise(level=(20, 20), grain=("grey",))(even, rng)
    assert (noisy == noisy[..., :1]).all() and noisy.std() > 15


def test_salt_turns_as_many_pixels_black_as_white(rng):
    noisy = Noise(level=(60, 60), kind=("salt",))(np.full((256, 256, 1), 128, np.uint8), rng)
    assert (noisy == 0).sum() == pytest.approx((noisy == 255).sum(), rel=0.05) and set(np.unique(noisy)) == {0, 128, 255}


def test_the_quick_normal_numbers_are_normal(rng):
    drawn = noise.normals(rng, (50_000,))
    assert stats.kstest(drawn, "norm").pvalue > 0.01 and np.abs(drawn).max() > 3.5


def test_a_level_of_nothing_changes_nothing(portrait, rng):
    assert (Noise(level=(0, 0))(portrait, rng) == portrait).all()
