"""Contact sheets."""

import numpy as np
import pytest

from sfumato.core.levels import Levels
from sfumato.show.sheets import GAP, LINE, sheet

RED = np.full((50, 80, 3), (200, 0, 0), np.uint8)


def found(page: Levels, colour: tuple[int, int, int]) -> tuple[slice, slice]:
    """The rectangle that a colour fills."""
    rows, columns = np.nonzero((page == colour).all(axis=2))
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def test_a_picture_is_shown_pixel_by_pixel(portrait: Levels):
    page = sheet([[portrait]], scale=1)
    assert (page[GAP:-GAP, GAP:-GAP] == portrait).all()


def test_a_small_picture_is_enlarged_by_a_whole_number(portrait: Levels):
    page = sheet([[portrait[:40, :40]]])
    assert (page[GAP:-GAP, GAP:-GAP][::4, ::4] == portrait[:40, :40]).all()


def test_a_grey_picture_is_shown_grey(portrait: Levels):
    page = sheet([[portrait[..., :1]]], scale=1)[GAP:-GAP, GAP:-GAP]
    assert (page == portrait[..., :1]).all()


def test_an_empty_cell_leaves_its_room():
    with_hole = sheet([[RED, None], [RED, RED // 2]], scale=1)
    assert found(with_hole, (100, 0, 0))[1].start == 2 * GAP + 80


@pytest.mark.parametrize(("columns", "labels", "top"), [((), (), GAP), (("one",), (), GAP + LINE), (("one",), ("row",), GAP + 2 * LINE)])
def test_titles_and_labels_stand_above_the_pictures(columns: tuple[str, ...], labels: tuple[str, ...], top: int):
    rows, _ = found(sheet([[RED]], columns=columns, labels=labels, scale=1), (200, 0, 0))
    assert rows.start == top


def test_a_title_finds_room_above_a_narrow_picture():
    title = "a title that is wider than its picture"
    narrow, wide = (found(sheet([[RED[:, :10], RED // 2]], columns=(words, ""), scale=1), (100, 0, 0))[1].start for words in ("a", title))
    assert wide > narrow + 100


def test_a_long_label_is_cut_at_the_edge_of_the_sheet():
    assert sheet([[RED]], labels=("long " * 100,), scale=1).shape[1] == 80 + 2 * GAP


def test_fewer_labels_than_rows_are_no_mistake():
    assert sheet([[RED], [RED]], labels=("only the first",), scale=1).shape[0] == GAP + 2 * (LINE + 50 + GAP)


def test_rows_without_any_picture_are_an_empty_sheet():
    assert (sheet([[None, None]]) == 255).all()


def test_the_same_sheet_is_drawn_twice(portrait: Levels):
    assert (sheet([[portrait]], columns=("one",)) == sheet([[portrait]], columns=("one",))).all()
