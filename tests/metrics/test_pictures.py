"""Scores of pictures, held against scikit-image and against arithmetic on paper."""

import numpy as np
import pytest
from skimage import color
from skimage import metrics as reference
from skimage.color import rgb2ycbcr

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.data.known import catalogue
from sfumato.metrics import pictures
from sfumato.spoil.resample import resize


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
    for name in set(pictures.METRICS) - {"psnr_y", "ssim_y", "psnr_b"}:  # of luma: see below
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


SHARMA = [  # pairs of Sharma et al. 2005, table 1: Lab, Lab, difference
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0011), 7.2195),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0011, -2.4900), 4.7461),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "wanted"), SHARMA)
def test_colour_differences_are_those_of_sharmas_table(one, other, wanted):
    assert pictures.colour_differences(np.array(one), np.array(other)) == pytest.approx(wanted, abs=1e-4)
    assert pictures.colour_differences(np.array(other), np.array(one)) == pytest.approx(wanted, abs=1e-4)


def test_the_mean_colour_difference_is_scikit_images(portrait, noisy):
    expected = color.deltaE_ciede2000(color.rgb2lab(portrait), color.rgb2lab(noisy)).mean()
    assert pictures.ciede2000(to_unit(noisy), to_unit(portrait)) == pytest.approx(expected, rel=2e-3)


def test_colourfulness_is_its_formula_and_grey_has_none(portrait):
    red, green, blue = np.moveaxis(portrait.astype(np.float64), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    unit = to_unit(portrait)
    assert pictures.colourfulness(unit, unit) == pytest.approx(expected)
    assert pictures.colourfulness(np.repeat(unit[..., :1], 3, 2), unit) == pytest.approx(0, abs=1e-9)


def test_psnr_b_is_psnr_without_blocks_and_counts_them_where_they_are(portrait):
    truth = to_unit(portrait[:64, :72, :1])
    ramp = np.tile(np.linspace(0, 1, 72, dtype=np.float32)[None, :, None], (64, 1, 1))
    assert pictures.psnr_b(ramp, truth) == pytest.approx(pictures.psnr_y(ramp, truth), abs=0.05)
    blocks = np.repeat(np.repeat(truth[::8, ::8], 8, 0), 8, 1)
    one, other = to_levels(blocks)[..., 0] / 255.0, to_levels(truth)[..., 0] / 255.0
    steps = np.concatenate([(one[:, 7:-1:8] - one[:, 8::8]).ravel(), (one[7:-1:8] - one[8::8]).ravel()])
    expected = np.mean((one - other) ** 2) + np.mean(steps**2) * 3 / 6
    assert pictures.psnr_b(blocks, truth) == pytest.approx(-10 * np.log10(expected), abs=1e-6)


def test_a_border_is_left_out_by_name(portrait, noisy):
    one, other = to_unit(noisy), to_unit(portrait)
    assert pictures.metric("psnr_y_crop4")(one, other) == pictures.psnr_y(one[4:-4, 4:-4], other[4:-4, 4:-4])
    assert "4 px of every border left out" in pictures.protocol("psnr_y_crop4") and "no border" not in pictures.protocol("psnr_y_crop4")
    with pytest.raises(Refusal, match="Nothing is left"):
        pictures.metric("ssim_rgb_crop4")(one[:8], other[:8])
    with pytest.raises(Refusal, match="psnr_y"):
        pictures.metric("psnr_y_crop")


def test_a_grey_file_is_its_own_luma(portrait, noisy):
    """And one with three equal channels is a picture in colour, as in MATLAB."""
    one, other = noisy[..., :1], portrait[..., :1]
    expected = reference.peak_signal_noise_ratio(other, one)
    assert pictures.psnr_y(to_unit(one), to_unit(other)) == pytest.approx(expected, abs=1e-9)
    threefold = [np.repeat(to_unit(picture), 3, 2) for picture in (one, other)]
    assert pictures.psnr_y(*threefold) == pytest.approx(expected + 20 * np.log10(255 / 219), abs=1e-4)


@pytest.mark.parametrize(("name", "times", "published"), [("set5", 2, 33.66), ("set5", 4, 28.42), ("set14", 4, 26.00)])
def test_bicubic_has_its_published_scores(name, times, published):
    """The whole protocol at once: MATLAB's bicubic both ways, grey files as they are, luma of 8-bit pictures, the border cut."""
    if catalogue.find(name) is None:
        pytest.skip(f"the data set {name} is not here")
    values = []
    for item in catalogue.open_set(name, part="test").pictures:
        whole = item.levels(None)
        height, width = (side // times for side in whole.shape[:2])
        good = whole[: height * times, : width * times]
        large = resize(resize(good, height, width, "matlab-bicubic"), *good.shape[:2], "matlab-bicubic")
        values.append(pictures.metric(f"psnr_y_crop{times}")(to_unit(large), to_unit(good)))
    assert np.mean(values) == pytest.approx(published, abs=0.03)


def test_drift_is_that_of_the_channel_that_moved_most_and_peak_that_of_the_worst_value():
    good = np.full((10, 10, 3), 100 / 255, np.float32)
    red, spot = good.copy(), good.copy()
    red[..., 0] += 5 / 255
    spot[3, 4, 1] -= 40 / 255
    assert (pictures.drift(red, good), pictures.peak(red, good)) == (pytest.approx(5), pytest.approx(5))
    assert (pictures.drift(spot, good), pictures.peak(spot, good)) == (pytest.approx(0.4), pytest.approx(40))
