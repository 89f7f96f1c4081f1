"""Paint: shapes cover what geometry says, and blending is the formula."""

import numpy as np
import pytest

from sfumato.spoil.film import blob
from sfumato.spoil.parts import paint

CANVAS = np.zeros((120, 120, 1), np.uint8)


def covered(drawn: paint.Drawn | None) -> float:
    assert drawn is not None
    return drawn[0].sum() / 255


@pytest.mark.parametrize("size", [4, 8, 20, 60])
def test_a_shape_covers_the_area_of_its_corners(size, rng):
    shapes = [blob(rng, size / 2, corners=24, rough=0.2) + 60 for _ in range(50)]
    areas = [abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2 for x, y in (shape.T for shape in shapes)]
    assert np.mean([covered(paint.fill(CANVAS, shape)) for shape in shapes]) == pytest.approx(np.mean(areas), rel=0.08)


@pytest.mark.parametrize("width", [1.5, 2.0, 3.0, 7.5])
@pytest.mark.parametrize("end", [[100.0, 23.4], [90.0, 100.0]])
def test_a_line_is_as_wide_as_it_says_to_half_a_pixel(width, end):
    points = np.linspace([20.0, 20.0], end, 6)
    length = np.hypot(*(points[-1] - points[0]))
    assert covered(paint.stroke(CANVAS, points, width=width)) / length == pytest.approx(width, abs=0.5)


@pytest.mark.parametrize("width", [3, 5, 9, 13])
def test_a_brush_is_about_as_wide_as_it_says(width):
    points = np.array([[20.0, 30.0], [100.0, 33.0]])
    length = np.hypot(*(points[1] - points[0]))
    assert (covered(paint.brush(CANVAS, points, width=width)) - np.pi * width**2 / 4) / length == pytest.approx(width, abs=0.6)


def test_what_lies_outside_is_not_drawn():
    assert paint.fill(CANVAS, np.array([[200.0, 10], [210, 10], [205, 20]])) is None


def test_half_opaque_paint_lies_half_way(portrait):
    canvas = portrait.copy()
    cover = np.full((10, 12), 255, np.uint8)
    window = paint.blend(canvas, cover, 120, -4, np.float32([1, 0, 0]), 0.5)
    part = np.s_[120:128, 0:8]
    assert window == (120, 0, 128, 8)
    assert np.abs(canvas[part] - (portrait[part] / 2 + np.array([127.5, 0, 0]))).max() <= 0.51


def test_a_wallpaper_repeats_its_tile(rng):
    tile = rng.integers(0, 256, (7, 11), dtype=np.uint8)
    assert (paint.wallpaper(tile, 21, 33, angle=0, phase=(0, 0)) == np.tile(tile, (3, 3))).all()


def test_grey_gets_the_luma_of_a_colour(rng):
    assert paint.ink(rng, ("red",), 1) == pytest.approx(0.299, abs=1e-3)
