"""Fewer pixels: against theory and torch's anti-aliased resize."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sfumato.core.levels import Levels
from sfumato.spoil.grammar import parse
from sfumato.spoil.resample import SMOOTH, Pixelate, Scale, Shrink, resize


def blob(height: int, width: int) -> Levels:
    y, x = np.mgrid[:height, :width]
    bell = np.exp(-((y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2) / (2 * 9.0**2))
    return np.repeat((250 * bell[..., None]).astype(np.uint8), 3, axis=2)


def centre(picture: Levels) -> np.ndarray:
    weights = picture[..., 0].astype(float)
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(weights * y).sum(), (weights * x).sum()]) / weights.sum() - (np.array(weights.shape) - 1) / 2


@pytest.mark.parametrize("filter", [*SMOOTH, "aliased-bilinear", "aliased-bicubic"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_blob_keeps_its_centre(filter, factor, rng):
    for height, width in ((96, 96), (97, 101)):
        spoilt = Scale(factor=(factor, factor), filter=(filter,))(blob(height, width), rng)
        assert np.abs(centre(spoilt)).max() < 0.01


@pytest.mark.parametrize("up", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("filter", SMOOTH)
def test_an_even_picture_stays_even(filter, up, rng):
    even = np.full((37, 53, 3), 201, np.uint8)
    assert (Scale(factor=(3, 3), filter=(filter,), up=(up,))(even, rng) == even).all()


@pytest.mark.parametrize("filter", SMOOTH)
@pytest.mark.parametrize("factor", [2, 4])
def test_stripes_of_one_pixel_shrink_to_even_grey(filter, factor, rng):
    stripes = np.zeros((96, 96, 1), np.uint8)
    stripes[:, ::2] = 255
    shrunk = Shrink(factor=factor, filter=(filter,))(stripes, rng)
    assert np.abs(shrunk[4:-4, 4:-4].astype(float) - 127.5).max() <= 1


@pytest.mark.parametrize("filter", ["bicubic", "lanczos"])
def test_stripes_of_one_pixel_shrink_by_three_to_grey_within_two_percent(filter, rng):
    stripes = np.zeros((96, 96, 1), np.uint8)
    stripes[:, ::2] = 255
    shrunk = Shrink(factor=3, filter=(filter,))(stripes, rng)
    assert np.abs(shrunk[4:-4, 4:-4].astype(float) - 127.5).max() <= 0.02 * 255


def test_the_aliased_variant_turns_stripes_into_one_colour(rng):
    stripes = np.zeros((96, 96, 1), np.uint8)
    stripes[:, ::2] = 255
    assert set(np.unique(Shrink(factor=2, filter=("aliased-nearest",))(stripes, rng))) in ({0}, {255})


@pytest.mark.parametrize(("filter", "mode"), [("bilinear", "bilinear"), ("bicubic", "bicubic")])
@pytest.mark.parametrize("size", [(64, 64), (50, 37), (200, 190)])
def test_resizing_agrees_with_torch_to_a_level(filter, mode, size, portrait):
    soft = portrait // 2 + 64  # Pillow clips between its two passes, and torch after both: here nothing is clipped
    ours = resize(soft, *size, filter)
    batch = torch.from_numpy(soft).permute(2, 0, 1)[None].double()
    theirs = functional.interpolate(batch, size, mode=mode, antialias=True, align_corners=False).clamp(0, 255)[0].permute(1, 2, 0)
    assert np.abs(ours - theirs.numpy()).max() <= 1.2  # each pass rounds, and the second can enlarge the error of the first by a fifth


def test_area_is_the_mean_of_what_each_pixel_covers(portrait):
    means = portrait.reshape(32, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(resize(portrait, 32, 32, "area") - means).max() <= 0.501


def test_shrink_cuts_what_does_not_fit_so_that_the_grids_match(rng):
    picture = np.random.default_rng(0).integers(0, 256, (35, 50, 3), dtype=np.uint8)
    whole = Shrink(factor=4)(picture, rng)
    assert whole.shape == (8, 12, 3) and (whole == Shrink(factor=4)(picture[:32, :48], rng)).all()


def test_every_filter_is_drawn(portrait):
    chain = parse("scale 2")
    drawn = {chain.draws(portrait[:8, :8], np.random.default_rng(index))[0][1]["filter"] for index in range(100)}
    assert drawn == set(SMOOTH)


def test_pixelate_leaves_squares_of_the_mean(portrait, rng):
    spoilt = Pixelate(size=(8, 8))(portrait, rng)
    edges = np.flatnonzero((np.diff(spoilt.astype(int), axis=1) != 0).any((0, 2)))
    assert len(set(edges % 8)) == 1
    top = 1 + np.flatnonzero((np.diff(spoilt.astype(int), axis=0) != 0).any((1, 2)))[0]
    left = 1 + edges[0]
    assert np.abs(portrait[top : top + 8, left : left + 8].mean((0, 1)) - spoilt[top, left]).max() <= 0.501


@pytest.mark.parametrize("size", [(20, 24), (40, 31), (120, 90)])
def test_matlabs_bicubic_is_its_loop(portrait, size):
    """imresize, pixel by pixel: Keys' kernel as wide as it must be, pixels beyond the border mirrored with the border twice."""
    small = portrait[:60, :47, :1]

    def cubic(x):
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0

    def line(values, side):
        scale, found = side / len(values), []
        squeeze = min(scale, 1.0)
        for out in range(side):
            middle = (out + 0.5) / scale - 0.5
            reach = int(np.ceil(2 / squeeze)) + 1
            taps = [(place, cubic((middle - place) * squeeze)) for place in range(int(middle) - reach, int(middle) + reach + 2)]
            total = sum(weight for _, weight in taps)
            inside = [place if 0 <= place < len(values) else -1 - place if place < 0 else 2 * len(values) - 1 - place for place, _ in taps]
            found.append(sum(values[place] * weight for place, (_, weight) in zip(inside, taps, strict=True)) / total)
        return found

    columns = np.array([line(column, size[0]) for column in small[..., 0].T.astype(float)]).T
    wanted = np.array([line(row, size[1]) for row in columns]).clip(0, 255)
    made = resize(small, *size, "matlab-bicubic")[..., 0]
    assert np.abs(made - wanted).max() <= 0.5 + 1e-6


def test_inside_matlabs_bicubic_is_pillows(portrait):
    made, pillow = (resize(portrait, 60, 50, name).astype(int) for name in ("matlab-bicubic", "bicubic"))
    apart = np.abs(made - pillow)[4:-4, 4:-4]
    assert apart.max() <= 2 and apart.mean() < 0.3  # Pillow rounds between its two passes
