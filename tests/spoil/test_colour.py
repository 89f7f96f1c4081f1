"""Colours and tones taken away: against Pillow and against what they must keep."""

import numpy as np
import pytest
from PIL import Image

from sfumato.spoil.colour import Edges, Grey, Halftone, Posterise


def test_grey_is_the_luma_of_pillow_in_three_equal_channels(portrait, rng):
    theirs = np.asarray(Image.fromarray(portrait).convert("L")).astype(int)
    ours = Grey()(portrait, rng)
    assert (ours == ours[..., :1]).all() and np.abs(ours[..., 0] - theirs).max() <= 1


def test_half_grey_lies_half_way(portrait, rng):
    half, whole = Grey(amount=(0.5, 0.5))(portrait, rng), Grey()(portrait, rng)
    assert np.abs(half - (portrait / 2 + whole / 2)).max() <= 0.51


@pytest.mark.parametrize("tones", [2, 3, 5, 17])
def test_posterise_leaves_so_many_tones_evenly_spaced(tones, rng):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    left = np.unique(Posterise(tones=(tones, tones))(ramp, rng))
    assert left == pytest.approx(np.linspace(0, 255, tones), abs=0.51)


@pytest.mark.parametrize("level", [0, 40, 128, 200, 255])
def test_halftone_keeps_the_mean_in_black_and_white(level, rng):
    even = np.full((256, 256, 3), level, np.uint8)
    printed = Halftone()(even, rng)
    assert set(np.unique(printed)) <= {0, 255} and printed.mean() == pytest.approx(level, abs=3)


def test_a_drawing_of_nothing_is_white_paper(rng):
    assert (Edges()(np.full((40, 40, 3), 90, np.uint8), rng) == 255).all()


def test_a_drawing_has_its_dark_line_where_the_picture_changes(rng):
    step = np.full((40, 40, 3), 200, np.uint8)
    step[:, :20] = 60
    lines = Edges()(step, rng)[20, :, 0]
    assert lines.argmin() == 19 and lines[5] == lines[35] == 255 and lines[19] < 128
