"""Scores of pictures, held against scikit-image and against arithmetic on paper."""

import numpy as np
import pytest
from skimage import metrics as reference
from skimage.color import rgb2ycbcr

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.metrics import pictures


@pytest.fixture
def noisy(portrait: Levels, rng: np.random.Generator) -> Levels:
    return to_levels(to_unit(portrait) + rng.normal(0, 0.08, portrait.shape).astype(np.float32))


def reference_ssim(one: np.ndarray, other: np.ndarray, span: float) -> float:
    return float(
        reference.structural_similarity(
            one.astype(np.float64),
            other.astype(np.float64),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=span,
            channel_axis=2 if one.ndim == 3 else None,
        )
    )


def test_psnr_equals_scikit_images(portrait, noisy):
    expected = reference.peak_signal_noise_ratio(portrait, noisy)
    assert pictures.psnr_rgb(to_unit(noisy), to_unit(portrait)) == pytest.approx(expected, abs=1e-9)


def test_ssim_equals_scikit_images(portrait, noisy):
    expected = reference_ssim(portrait, noisy, TOP)
    assert pictures.ssim_rgb(to_unit(noisy), to_unit(portrait)) == pytest.approx(expected, abs=1e-9)


def test_ssim_equals_scikit_images_on_the_smallest_picture_it_can_see(portrait, noisy):
    one, other = portrait[:11, :12], noisy[:11, :12]
    assert pictures.ssim_rgb(to_unit(other), to_unit(one)) == pytest.approx(reference_ssim(one, other, TOP), abs=1e-9)


def test_psnr_of_luma_equals_that_of_scikit_images_luma(portrait, noisy):
    expected = reference.peak_signal_noise_ratio(rgb2ycbcr(portrait)[..., 0], rgb2ycbcr(noisy)[..., 0], data_range=TOP)
    assert pictures.psnr_y(to_unit(noisy), to_unit(portrait)) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_luma_equals_that_of_scikit_images_luma(portrait, noisy):
    expected = reference_ssim(rgb2ycbcr(portrait)[..., 0], rgb2ycbcr(noisy)[..., 0], TOP)
    assert pictures.ssim_y(to_unit(noisy), to_unit(portrait)) == pytest.approx(expected, abs=1e-6)


def test_a_grey_picture_scores_like_the_same_grey_in_three_channels(portrait, noisy):
    one, other = to_unit(portrait[..., :1]), to_unit(noisy[..., :1])
    threefold = [np.repeat(picture, 3, axis=2) for picture in (other, one)]
    for name in pictures.METRICS:
        assert pictures.metric(name)(other, one) == pytest.approx(pictures.metric(name)(*threefold), abs=1e-9)


def test_one_level_everywhere_is_forty_eight_decibels():
    black = np.zeros((16, 16, 3), np.float32)
    assert pictures.psnr_rgb(black + np.float32(1 / TOP), black) == pytest.approx(20 * np.log10(TOP), abs=1e-9)


def test_a_difference_that_rounding_takes_away_is_none(portrait):
    clean = to_unit(portrait)
    assert pictures.psnr_rgb(clean + np.float32(0.3 / TOP), clean) == pictures.MOST_DB


def test_a_picture_against_itself_is_at_the_top_of_every_scale(portrait):
    clean = to_unit(portrait)
    assert [pictures.metric(name)(clean, clean) for name in ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y")] == pytest.approx([100, 100, 1, 1])


def test_the_errors_inside_and_outside_a_mask_add_up_to_the_whole(portrait, noisy, rng):
    one, other, mask = to_unit(noisy), to_unit(portrait), rng.random(portrait.shape[:2]) < 0.3
    squares = [10 ** (-score / 10) for score in (pictures.psnr_inside(one, other, mask), pictures.psnr_outside(one, other, mask))]
    whole = mask.mean() * squares[0] + (1 - mask.mean()) * squares[1]
    assert -10 * np.log10(whole) == pytest.approx(pictures.psnr_rgb(one, other), abs=1e-9)


def test_what_lies_outside_the_mask_does_not_count(portrait):
    clean, mask = to_unit(portrait), np.zeros(portrait.shape[:2], bool)
    mask[:40] = True
    spoilt = clean.copy()
    spoilt[40:] = 0
    assert pictures.psnr_inside(spoilt, clean, mask) == pictures.MOST_DB


@pytest.mark.parametrize("name", sorted(pictures.METRICS))
def test_every_metric_says_its_protocol(name):
    assert pictures.PROTOCOLS[name].endswith(".")


@pytest.mark.parametrize("name", sorted(pictures.METRICS))
def test_pictures_of_unlike_shape_are_refused(name, portrait):
    with pytest.raises(Refusal, match="same shape"):
        pictures.metric(name)(to_unit(portrait), to_unit(portrait[:-1]))


def test_a_picture_with_a_hole_of_nan_is_refused(portrait):
    broken = to_unit(portrait)
    broken[3, 4] = np.nan
    with pytest.raises(Refusal, match="not finite"):
        pictures.psnr_rgb(broken, to_unit(portrait))


def test_an_empty_mask_is_refused(portrait):
    clean = to_unit(portrait)
    with pytest.raises(Refusal, match="no pixel inside"):
        pictures.psnr_inside(clean, clean, np.zeros(portrait.shape[:2], bool))


def test_a_picture_smaller_than_the_window_is_refused_by_ssim(portrait):
    small = to_unit(portrait[:10])
    with pytest.raises(Refusal, match="128 x 10 px"):
        pictures.ssim_rgb(small, small)


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(Refusal, match="Did you mean 'psnr_rgb'"):
        pictures.metric("psnr_rbg")
