"""What light, damp and dust do: against the formulas."""

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.core.levels import to_levels, to_unit
from sfumato.spoil.film import Cast, Dust, Fade, Scratches, Stains, blob, straight_lines


def test_a_print_faded_to_nothing_is_bare_paper(portrait, rng):
    paper = (0.94, 0.90, 0.80)
    faded = Fade(keep=(0, 0), paper=paper)(portrait, rng)
    assert (faded == to_levels(np.array(paper))).all()


def test_fading_pulls_every_value_towards_the_paper_by_the_same_share(portrait, rng):
    paper = np.array([0.94, 0.90, 0.80])
    expected = to_levels(paper + 0.6 * (to_unit(portrait).astype(float) - paper))
    assert np.abs(Fade(keep=(0.6, 0.6))(portrait, rng).astype(int) - expected).max() <= 1


def test_paper_brighter_than_white_is_refused():
    with pytest.raises(Refusal, match="The paper of fade"):
        Fade(paper=(1.2, 1, 1))


def test_a_cast_keeps_black_and_white_and_moves_middle_grey(rng):
    ramp = np.tile(np.array([0, 128, 255], np.uint8)[None, :, None], (1, 1, 3))
    warm = Cast(strength=(0.2, 0.2), hue=("warm",))(ramp, rng)[0].astype(int)
    assert (warm[0] == 0).all() and (warm[2] == 255).all()
    assert warm[1] == pytest.approx([255 * 0.7, 255 * 0.56, 255 * 0.3], abs=1.5)


def test_scratches_run_along_the_film(rng):
    dark = np.zeros((400, 400, 1), np.uint8)
    struck = Scratches(length=(100, 100), colour=("white",), opacity=(1, 1), density=(20, 20))(dark, rng)[..., 0] > 0
    columns, rows = (np.diff(np.flatnonzero(struck.any(axis))) > 1 for axis in (0, 1))
    assert struck.any(0).mean() < struck.any(1).mean() and columns.sum() >= rows.sum()


def test_dust_falls_as_densely_as_it_is_asked_to():
    dark = np.zeros((1000, 1000, 1), np.uint8)
    step = Dust(size=(16, 16), hairs=0, density=(300, 300), colour=("white",), opacity=(1, 1))
    covered = np.mean([(step(dark, np.random.default_rng(i)) > 127).mean() for i in range(8)])
    around = [blob(np.random.default_rng(i), 8, corners=7, rough=0.3) for i in range(2000)]
    area = np.mean([abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2 for x, y in (points.T for points in around)])
    assert -np.log(1 - covered) / area * 1e6 == pytest.approx(300, rel=0.1)  # what specks at random leave free: exp(-density x area)


def test_folds_are_met_as_often_as_they_are_asked_to(rng):
    height, width, met, walks = 300, 500, 0, 400
    for _ in range(walks):
        for points, across in straight_lines(rng, 2 / 1000, height, width):
            sides = (np.array([[100, 150], [300, 150]]) - points[0]) @ across  # a walk of 200 px
            met += sides[0] * sides[1] < 0
    assert met / walks == pytest.approx(2 * 200 / 1000, abs=4 * np.sqrt(0.4 / walks))


def test_a_stain_is_no_larger_than_it_is_said_to_be(rng):
    for _ in range(200):
        assert np.hypot(*blob(rng, 10, corners=48, rough=0.3).T).max() <= 15 + 1e-9


def test_a_stain_only_tints(portrait, rng):
    dark = np.full((200, 200, 3), 128, np.uint8)
    stained = Stains(opacity=(0.3, 0.3), density=(30, 30), colour=("black",))(dark, rng)
    assert 40 < stained.min() < 128 and stained.max() == 128
