"""Curves as SVG: points where they belong, round numbers at the axes."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from sfumato.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP_EDGE, WIDTH, Line, chart
from sfumato.report.read import series, thinned


def places(drawing: str) -> list[tuple[float, float]]:
    line = ElementTree.fromstring(drawing).find("polyline")
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def labels(drawing: str, look: str) -> list[str]:
    return [text.text for text in ElementTree.fromstring(drawing).iter("text") if text.get("class") == look]


def test_a_straight_line_stays_straight_and_inside_its_frame():
    drawn = places(chart([Line(points=tuple((step, 3 * step) for step in range(11)))], until=10, says="line"))
    slopes = {round((y1 - y0) / (x1 - x0), 1) for (x0, y0), (x1, y1) in pairwise(drawn)}
    inside = all(LEFT <= x <= WIDTH - RIGHT and TOP_EDGE <= y <= HEIGHT - BOTTOM for x, y in drawn)
    assert len(slopes) == 1 and inside


def test_a_logarithmic_axis_makes_equal_ratios_equal_distances():
    drawn = places(chart([Line(points=((0, 1), (1, 10), (2, 100)))], until=2, says="line", log=True))
    assert drawn[0][1] - drawn[1][1] == pytest.approx(drawn[1][1] - drawn[2][1], abs=0.11)


def test_a_logarithmic_axis_is_taken_back_when_a_value_is_zero():
    assert len(places(chart([Line(points=((0, 0), (1, 10)))], until=1, says="line", log=True))) == 2


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-7])
def test_a_constant_has_a_curve(value):
    drawn = places(chart([Line(points=((0, value), (5, value)))], until=5, says="line"))
    assert drawn[0][1] == drawn[1][1]


def test_a_single_point_is_a_dot():
    assert "<circle" in chart([Line(points=((3, 4.0),))], until=3, says="dot")


def test_no_point_is_no_drawing():
    assert chart([Line(points=())], until=3, says="nothing") == ""


def test_ticks_are_round_numbers():
    drawing = chart([Line(points=((0, 23.1), (900, 30.9)))], until=900, says="line")
    assert (labels(drawing, "side"), labels(drawing, "below")) == (["24", "26", "28", "30"], ["0", "200", "400", "600", "800"])


def test_words_in_a_drawing_are_text_and_never_markup():
    drawing = chart([Line(points=((0, 1), (1, 2)))], until=1, says='a "b" <c>', write=lambda value: f"<{value}>")
    assert ElementTree.fromstring(drawing).get("aria-label") == 'a "b" <c>' and not re.search(r"<1\.0>|<c>", drawing)


def test_values_that_are_not_finite_or_not_there_are_left_out():
    rows = [{"step": 2, "loss": 1.0}, {"step": 1, "loss": float("nan")}, {"step": 3}, {"step": 0, "loss": 2}]
    assert series(rows, "loss") == ((0, 2), (2, 1))


def test_thinning_keeps_the_mean():
    points = tuple((float(step), float(step**2)) for step in range(1000))
    thin = thinned(points, 100)
    assert len(thin) == 100 and sum(y for _, y in thin) / 100 == pytest.approx(sum(y for _, y in points) / 1000)
