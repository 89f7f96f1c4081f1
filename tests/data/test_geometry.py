"""Geometry that strikes input and target alike."""

import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data.geometry import Erase, Geometry, Plan, centred, mirrored, read_window, whole

EVERYTHING = Geometry(flip=True, quarter_turns=True, rotate=20, zoom=(0.5, 2), perspective=0.1, pad=8)
MOVES = Geometry(flip=True, quarter_turns=True, pad=8)


def crop_of(geometry: Geometry, picture: np.ndarray, rng: np.random.Generator, crop: int, nearest: bool = False) -> np.ndarray:
    plan = geometry.draw(rng, *picture.shape[:2], crop)
    return plan.apply(read_window(picture, plan.window), nearest=nearest)


@pytest.mark.parametrize("geometry", [MOVES, EVERYTHING])
@pytest.mark.parametrize("shape", [(40, 90, 3), (90, 40, 1), (7, 5, 3), (1, 1, 1), (64, 64, 3)])
def test_a_crop_has_the_size_asked_for_whatever_the_picture(geometry: Geometry, shape: tuple[int, ...], rng: np.random.Generator):
    picture = rng.integers(0, 256, shape, np.uint8)
    assert crop_of(geometry, picture, rng, 64).shape == (64, 64, shape[2])


@given(seed=st.integers(0, 10_000))
def test_flips_turns_and_crops_invent_no_values(seed: int):
    """Each pixel has a value of its own: whatever comes out was moved, not mixed."""
    picture = np.arange(40 * 50, dtype=np.int32).reshape(40, 50)
    crop = crop_of(Geometry(flip=True, quarter_turns=True), picture, np.random.default_rng(seed), 24)
    assert len(np.unique(crop)) == 24 * 24


@given(seed=st.integers(0, 10_000))
def test_colours_are_moved_as_single_channels_are(seed: int):
    """uint8 colours take a faster path than anything else."""
    picture = np.random.default_rng(1).integers(0, 256, (30, 44, 3), np.uint8)
    plan = MOVES.draw(np.random.default_rng(seed), 30, 44, 24)
    pixels = read_window(picture, plan.window)
    assert (plan.apply(pixels) == plan.apply(pixels.astype(np.int64))).all()


def test_all_eight_positions_come_up(rng: np.random.Generator):
    picture = rng.integers(0, 256, (16, 16, 3), np.uint8)
    assert len({crop_of(Geometry(flip=True, quarter_turns=True), picture, rng, 16).tobytes() for _ in range(200)}) == 8


def test_a_turn_of_half_a_circle_by_warping_is_two_quarter_turns(rng: np.random.Generator):
    picture = rng.integers(0, 256, (32, 32, 3), np.uint8)
    warped = Plan((0, 0, 32, 32), (32, 32), matrix=np.array([[-1, 0, 32], [0, -1, 32], [0, 0, 1.0]])).apply(picture)
    assert (warped == np.rot90(picture, 2)).all()


def test_input_target_and_mask_are_struck_alike(rng: np.random.Generator):
    y, x = np.indices((200, 200))
    disc = (np.hypot(y - 90, x - 110) < 60).astype(np.uint8)
    picture = np.repeat(disc[..., None] * np.uint8(255), 3, axis=2)
    for _ in range(20):
        plan = EVERYTHING.draw(rng, 200, 200, 64)
        seen, mask = plan.apply(read_window(picture, plan.window)), plan.apply(read_window(disc, plan.window), nearest=True)
        wide = cv2.dilate(mask, np.ones((5, 5), np.uint8)) != cv2.erode(mask, np.ones((5, 5), np.uint8))
        assert ((seen[..., 0] > 127) == mask.astype(bool))[~wide].all()


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int32, np.int64, np.float32])
def test_labels_keep_their_type_and_are_not_mixed(kind: type, rng: np.random.Generator):
    labels = rng.integers(0, 2, (80, 80)).astype(kind)
    crop = crop_of(EVERYTHING, labels, rng, 32, nearest=True)
    assert crop.dtype == kind and set(np.unique(crop)) <= {0, 1}


@given(zoom=st.floats(0.3, 3), seed=st.integers(0, 1000))
def test_labels_that_are_only_scaled_are_picked_as_those_that_are_turned_by_nothing(zoom: float, seed: int):
    """Rows and columns of their own take a faster path."""
    labels = np.random.default_rng(seed).integers(0, 1 << 30, (90, 70))
    matrix = np.array([[zoom, 0, 3.3], [0, zoom, -7.1], [0, 0, 1.0]])
    bent = matrix.copy()
    bent[2, 0] = 1e-15
    plain, general = (Plan((0, 0, 90, 70), (40, 30), matrix=one).apply(labels, nearest=True) for one in (matrix, bent))
    places = [zoom * (np.arange(count) + 0.5) + start for count, start in ((40, -7.1), (30, 3.3))]
    sure = np.ix_(*(np.abs(place - place.round()) > 1e-9 for place in places))  # on an edge between two px rounding decides
    assert plain.shape == (40, 30) and (plain[sure] == general[sure]).all() and plain[sure].size > 0


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.7])
def test_a_plan_tells_how_much_smaller_things_become(zoom: float, rng: np.random.Generator):
    turned = Geometry(rotate=30, quarter_turns=True, flip=True, zoom=(zoom, zoom)).draw(rng, 300, 300, 64)
    assert turned.scale == pytest.approx(zoom)
    assert Plan((0, 0, 8, 8), (8, 8)).scale == 1


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_does_not_alias(scale: int):
    """Stripes of one pixel have no detail left at half size: they become even grey (P22)."""
    stripes = np.tile(np.array([0, 255], np.uint8), (256, 128))[..., None]
    plan = Geometry(zoom=(scale, scale)).draw(np.random.default_rng(0), 256, 256, 64)
    assert np.ptp(plan.apply(read_window(stripes, plan.window)).astype(int)) <= 255 * (0.02 if scale % 2 == 0 else 0.34)


@pytest.mark.parametrize("zoom", [0.5, 2.0, 3.0])
def test_scaling_keeps_the_middle_where_it_was(zoom: float):
    """The centre of a blob in the middle stays there to a hundredth of a pixel (P23)."""
    y, x = np.indices((193, 193))
    blob = (250 * np.exp(-((y - 96) ** 2 + (x - 96) ** 2) / (2 * 9.0**2))).round().astype(np.float32)
    side = int(np.ceil(65 * zoom))
    top = (193 - side) / 2
    matrix = np.array([[zoom, 0, side / 2 - zoom * 32.5], [0, zoom, side / 2 - zoom * 32.5], [0, 0, 1]])
    plan = Plan((int(top), int(top), side, side), (65, 65), matrix=matrix)
    seen = plan.apply(read_window(blob, plan.window))
    expected = 32.5 + (96.5 - int(top) - side / 2) / zoom
    found = [(seen.sum(axis=axis) * (np.arange(65) + 0.5)).sum() / seen.sum() for axis in (0, 1)]
    assert found == pytest.approx([expected, expected], abs=0.01)


def test_the_picture_beyond_its_border_is_its_mirror_image():
    assert mirrored(-3, 10, 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]  # numpy's pad, mode "reflect"


@given(height=st.integers(1, 20), width=st.integers(1, 20), top=st.integers(-60, 60), left=st.integers(-60, 60))
def test_a_window_is_cut_as_from_numpys_reflected_picture(height: int, width: int, top: int, left: int):
    picture = np.arange(height * width).reshape(height, width)
    wide = (
        np.pad(picture, 80, mode="reflect")
        if min(height, width) > 1
        else np.pad(picture, 80, mode="symmetric" if height == width else "reflect")
    )
    assert (read_window(picture, (top, left, 9, 9)) == wide[80 + top :, 80 + left :][:9, :9]).all()


def test_a_window_inside_is_not_copied(portrait: Levels):
    assert np.shares_memory(read_window(portrait, (3, 4, 50, 60)), portrait)


def test_zooming_out_stops_where_the_picture_ends():
    plan = Geometry(zoom=(4, 4)).draw(np.random.default_rng(0), 100, 100, 64)
    assert plan.window == (0, 0, 100, 100)


def test_the_middle_is_the_same_middle_for_everyone(portrait: Levels):
    plan = centred(128, 128, 64)
    assert (plan.apply(read_window(portrait, plan.window)) == portrait[32:96, 32:96]).all()


def test_the_whole_is_the_picture(portrait: Levels):
    plan = whole(*portrait.shape[:2])
    assert (plan.apply(read_window(portrait, plan.window)) == portrait).all()


def test_places_are_drawn_evenly():
    rng = np.random.default_rng(0)
    tops = [Geometry().draw(rng, 20, 20, 16).window[0] for _ in range(5000)]
    assert np.bincount(tops, minlength=5) / 5000 == pytest.approx(0.2, abs=0.03)


def test_a_range_written_backwards_is_refused():
    with pytest.raises(Refusal, match=r"augment\.zoom"):
        Geometry(zoom=(2, 1))


def test_flips_turns_and_crops_take_less_than_twenty_microseconds():
    """Best of ten, in time of this process: other work on the machine does not count."""
    picture = np.zeros((400, 500, 3), np.uint8)
    plans = [Plan((5, 6, 128, 128), (128, 128), flip, turns) for flip in (False, True) for turns in range(4)]

    def seconds() -> float:
        start = time.process_time()
        for _ in range(50):
            for plan in plans:
                plan.apply(read_window(picture, plan.window))
        return (time.process_time() - start) / (50 * len(plans))

    assert min(seconds() for _ in range(10)) < 20e-6


def test_erasing_strikes_a_rectangle_of_the_asked_share(rng: np.random.Generator):
    picture = np.full((100, 100, 3), 128, np.uint8)
    picture[::2] = 64
    struck = (Erase(chance=1, share=(0.1, 0.1))(picture, rng) != picture).any(axis=2)
    rows, columns = np.flatnonzero(struck.any(axis=1)), np.flatnonzero(struck.any(axis=0))
    assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) == pytest.approx(1000, rel=0.1)


def test_erasing_leaves_the_picture_it_was_given_alone(rng: np.random.Generator, portrait: Levels):
    before = portrait.copy()
    Erase(chance=1)(portrait, rng)
    assert (portrait == before).all()


def test_erasing_by_no_chance_changes_nothing(rng: np.random.Generator, portrait: Levels):
    assert Erase(chance=0)(portrait, rng) is portrait
