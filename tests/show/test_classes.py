"""Pictures of what a classifier knows and mistakes."""

import io

import numpy as np
import pytest
from PIL import Image

from sfumato.core.levels import Levels
from sfumato.metrics.classes import calibration
from sfumato.show import classes
from sfumato.show.sheets import GAP, LINE


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def names(count: int) -> list[str]:
    return [f"a class with a name, {number}" for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 10, 21, 200])
def test_a_confusion_matrix_of_any_size_is_at_most_a_page(count: int, rng: np.random.Generator):
    size = Image.open(io.BytesIO(classes.confusion(rng.integers(0, 9, (count, count)), names(count)))).size
    assert max(size) <= 1200


def test_each_class_is_shown_by_its_own_share():
    """Ten times as many pictures of every class are the same picture, up to the numbers that stand in it."""
    matrix = np.diag([3] * 50) + 1
    assert (pixels(classes.confusion(matrix, names(50))) == pixels(classes.confusion(10 * matrix, names(50)))).all()


def test_a_class_without_pictures_is_a_row_without_colour():
    assert classes.confusion(np.zeros((3, 3), np.int64), names(3)).startswith(b"\x89PNG")


def test_a_reliability_diagram_takes_the_rows_of_the_metric(rng: np.random.Generator):
    probabilities = rng.dirichlet([0.3] * 4, 100)
    error, rows = calibration(probabilities, rng.integers(0, 4, 100))
    assert classes.reliability(rows, error).startswith(b"\x89PNG")


def test_top_losses_are_pictures_with_words_below(portrait: Levels):
    page = classes.top_losses([portrait[:32, :32]] * 7, ["7"] * 7, ["1"] * 7, [0.98] * 7)
    bare = classes.top_losses([portrait[:32, :32]] * 7, [""] * 7, [""] * 7, [0.98] * 7)
    assert page.shape == bare.shape and (page != bare).any()


def test_a_picture_stands_in_its_cell_pixel_by_pixel(portrait: Levels):
    page = classes.top_losses([portrait[:40, :40]], ["face"], ["flag"], [0.7])
    assert (page[6:166:4, 6:166:4] == portrait[:40, :40]).all()


def test_long_names_go_on_in_a_second_line(portrait: Levels):
    names = ("face", "astronaut in front of a flag and a shuttle")
    pages = [classes.top_losses([portrait], [name], ["flag"], [0.7]) for name in names]  # 128 px are shown as 256
    assert [bool((page[GAP + 256 + LINE + 2 :] < 200).any()) for page in pages] == [False, True]


@pytest.mark.parametrize("count", [1, 40, 200])
def test_bars_of_many_classes_are_those_that_are_known_least(count: int, rng: np.random.Generator):
    tall = Image.open(io.BytesIO(classes.bars(names(count), rng.random(count).tolist(), what="F1"))).size[1]
    assert tall <= 120 * (0.9 + 0.22 * 40) + 1


@pytest.mark.parametrize("count", [3, 200])
def test_the_same_numbers_are_drawn_twice_alike(count: int):
    matrix = np.eye(count, dtype=np.int64)
    assert classes.confusion(matrix, names(count)) == classes.confusion(matrix, names(count))
