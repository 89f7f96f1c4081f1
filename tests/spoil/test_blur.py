"""Blur: kernels against scipy and against their own standard deviation."""

import numpy as np
import pytest
from scipy import ndimage

from sfumato.spoil import blur
from sfumato.spoil.blur import Blur


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.5, 3.0, 8.0])
def test_gaussian_blur_agrees_with_scipy(sigma, portrait, rng):
    theirs = ndimage.gaussian_filter(portrait.astype(float), (sigma, sigma, 0), mode="reflect", truncate=3.0)
    assert np.abs(Blur(sigma=(sigma, sigma))(portrait, rng) - theirs).max() <= 1.5


def spread(kernel: np.ndarray, angle: float = 0.0) -> float:
    side = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    along = side * np.cos(np.deg2rad(angle)) - side[:, None] * np.sin(np.deg2rad(angle))
    return float(np.sqrt((kernel * along**2).sum()))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.5, 6.0])
def test_a_box_has_the_standard_deviation_it_was_asked_for(sigma):
    assert spread(np.outer(blur.box(sigma), blur.box(sigma))) == pytest.approx(sigma, rel=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 6.0])
def test_a_disc_has_the_standard_deviation_it_was_asked_for(sigma):
    assert spread(blur.disc(sigma)) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_motion_has_its_standard_deviation_along_its_way(angle):
    assert spread(blur.streak(3.0, angle), angle) == pytest.approx(3.0, rel=0.06)


@pytest.mark.parametrize("angle", [0, 90])
def test_motion_along_the_grid_leaves_what_lies_across_alone(angle):
    assert spread(blur.streak(3.0, angle), angle + 90) < 1e-6


@pytest.mark.parametrize("kind", ["gaussian", "box", "motion", "defocus"])
def test_no_blur_changes_an_even_picture(kind, rng):
    even = np.full((20, 30, 3), 77, np.uint8)
    assert (Blur(sigma=(3, 3), kind=(kind,))(even, rng) == even).all()


@pytest.mark.parametrize("kind", ["gaussian", "box", "motion", "defocus"])
def test_a_sigma_of_nothing_changes_nothing(kind, portrait, rng):
    assert (Blur(sigma=(0, 0), kind=(kind,))(portrait, rng) == portrait).all()
