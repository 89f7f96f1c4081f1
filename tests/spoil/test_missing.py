"""Parts that are gone: how large, where, and with what they are filled."""

import numpy as np
import pytest

from sfumato.spoil.missing import Border, Erase, Hole


@pytest.mark.parametrize("size", [1, 16, 33])
def test_the_hole_in_the_centre_is_a_square_of_its_size(size, rng):
    cut = Hole(size=(size, size), kind=("centre",))(np.zeros((101, 90, 3), np.uint8), rng)
    rows, columns = np.flatnonzero((cut == 255).any((1, 2))), np.flatnonzero((cut == 255).any((0, 2)))
    assert (len(rows), len(columns)) == (size, size) and (cut == 255).sum() == 3 * size**2
    assert abs(rows.mean() - 50) <= 0.5 and abs(columns.mean() - 44.5) <= 0.5


def test_rectangles_have_sides_of_their_size(rng):
    for _ in range(30):
        cut = Hole(size=(20, 20), density=(1, 1))(np.zeros((600, 600, 1), np.uint8), rng)[..., 0] > 0
        if cut.any() and not (cut[0].any() or cut[-1].any() or cut[:, 0].any() or cut[:, -1].any()):
            assert cut.sum() % 400 == 0 or cut.sum() > 400  # two may overlap


def test_a_free_form_stays_within_its_extent(rng):
    cut = Hole(size=(40, 40), kind=("free",), density=(3, 3))
    results = [cut(np.zeros((300, 300, 1), np.uint8), np.random.default_rng(i))[..., 0] > 0 for i in range(40)]
    lone = [result for result in results if 0 < result.sum() < 2000]
    extents = [np.ptp(np.argwhere(result), axis=0).max() + 1 for result in lone if not (result[0].any() or result[:, 0].any())]
    assert len(extents) > 3 and min(extents) <= 40 * 1.25 + 2


def test_a_hole_of_noise_has_every_level_equally_often(rng):
    cut = Hole(size=(200, 200), kind=("centre",), fill=("noise",))(np.zeros((200, 200, 3), np.uint8), rng)
    assert cut.mean() == pytest.approx(127.5, abs=1) and cut.std() == pytest.approx(np.sqrt((256**2 - 1) / 12), rel=0.01)


@pytest.mark.parametrize(("side", "part"), [("left", np.s_[:, :5]), ("right", np.s_[:, -5:]), ("top", np.s_[:5]), ("bottom", np.s_[-5:])])
def test_a_border_is_cut_off_its_side_alone(side, part, rng):
    cut = Border(size=(5, 5), side=(side,))(np.zeros((30, 40, 3), np.uint8), rng)
    assert (cut[part] == 255).all() and (cut == 255).sum() == (cut[part]).size


def test_any_side_is_cut_equally_often(rng):
    cuts = [Border(size=(1, 1))(np.zeros((9, 9, 1), np.uint8), rng)[..., 0] for _ in range(2000)]
    counts = [sum(cut[place] == 255 for cut in cuts) for place in ((4, 0), (4, 8), (0, 4), (8, 4))]
    assert sum(counts) == 2000 and max(abs(count - 500) for count in counts) < 5 * np.sqrt(500)


def test_erased_patches_hold_noise_with_its_mean_and_spread(rng):
    erased = Erase(size=(400, 400), density=(100, 100), spread=0.1)(np.zeros((400, 400, 1), np.uint8), rng)
    inside = erased[erased > 0]
    assert inside.mean() / 255 == pytest.approx(0.45, abs=0.01) and inside.std() / 255 == pytest.approx(0.1, rel=0.05)
