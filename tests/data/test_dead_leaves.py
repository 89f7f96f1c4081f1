"""Generated scenes: what they promise, how fast they come, and that they look like photographs to whoever measures spectra."""

import pickle
import time

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.core.levels import to_unit
from sfumato.core.seed import Seed
from sfumato.data.leaves import dead_leaves
from sfumato.data.leaves.dead_leaves import Scene, generate


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [generate(Seed(3).at("test", 0, index), 128) for index in range(60)]


def luma(scene: Scene) -> np.ndarray:
    return to_unit(scene.picture) @ np.array([0.299, 0.587, 0.114])


def test_equal_generators_give_equal_scenes():
    first, second = (generate(np.random.default_rng(5), 64) for _ in range(2))
    assert (first.picture == second.picture).all() and (first.labels == second.labels).all()


def test_a_scene_of_any_size_comes_as_asked_for(rng: np.random.Generator):
    assert {generate(rng, size).picture.shape for size in ((192, 100), (8, 31))} == {(192, 100, 3), (8, 31, 3)}


@pytest.mark.parametrize("size", [7, (64, 5000)])
def test_sides_outside_the_limits_are_refused(rng: np.random.Generator, size: int | tuple[int, int]):
    with pytest.raises(Refusal, match="px"):
        generate(rng, size)


def test_depth_is_the_order_of_the_leaves(scenes: list[Scene]):
    order = np.argsort(-scenes[0].depth, axis=None, kind="stable")
    assert (np.diff(scenes[0].labels.ravel()[order]) >= 0).all()


def test_depth_runs_within_nought_and_one(scenes: list[Scene]):
    assert all(scene.depth.min() >= 0 and scene.depth.max() <= 1 for scene in scenes)


def test_edges_of_leaves_are_edges_of_the_picture(scenes: list[Scene]):
    inside, across = [], []
    for scene in scenes:
        steps = np.abs(np.diff(luma(scene), axis=1))
        borders = np.diff(scene.labels, axis=1) != 0
        inside.append(steps[~borders].mean())
        across.append(steps[borders].mean())
    assert np.mean(across) > 4 * np.mean(inside)


def test_the_power_spectrum_falls_like_that_of_photographs(scenes: list[Scene]):
    """About 1 / f ** 2 (Field 1987), below the frequencies that the lens takes away."""
    window = np.outer(np.hanning(128), np.hanning(128))
    power = np.mean([np.abs(np.fft.fft2((luma(scene) - luma(scene).mean()) * window)) ** 2 for scene in scenes], axis=0)
    radius = np.rint(np.hypot(*np.meshgrid(np.fft.fftfreq(128, 1 / 128), np.fft.fftfreq(128, 1 / 128)))).astype(int)
    rings = (np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel()))[3:33]  # up to a quarter of a cycle a px
    slope = np.polyfit(np.log(np.arange(3, 33)), np.log(rings), 1)[0]
    assert -2.6 < slope < -1.6


def test_steps_between_neighbours_have_the_heavy_tails_of_photographs(scenes: list[Scene]):
    """Kurtosis of derivatives: 3 for Gaussian noise, 10 to 50 for photographs (Huang and Mumford 1999)."""
    steps = [np.diff(luma(scene), axis=1).ravel() for scene in scenes]
    kurtosis = [(step**4).mean() / (step**2).mean() ** 2 for step in steps]
    assert 8 < np.median(kurtosis) < 60


def test_brightness_varies_more_than_colour_and_orange_blue_more_than_green_pink(scenes: list[Scene]):
    """The order of the principal components of natural colours (Ruderman, Cronin, Chiao 1998)."""
    pixels = np.concatenate([to_unit(scene.picture).reshape(-1, 3) for scene in scenes])
    red, green, blue = pixels.T
    assert pixels.mean(axis=1).std() > (red - blue).std() / 2 > ((red + blue) / 2 - green).std() / 2 > 0.01


def test_scenes_use_the_whole_range(scenes: list[Scene]):
    means = [luma(scene).mean() for scene in scenes]
    assert np.percentile(means, 90) - np.percentile(means, 10) > 0.2


def test_item_of_a_series_is_the_same_however_long_the_series_is():
    assert (dead_leaves.items(2, 32, seed=9)[1].levels() == dead_leaves.items(7, 32, seed=9)[1].levels()).all()


def test_items_of_scenes_travel_to_other_processes():
    items = dead_leaves.items(3, 32, seed=9)
    assert (pickle.loads(pickle.dumps(items))[2].levels() == items[2].levels()).all()


def test_a_hundred_small_pictures_a_second_come_from_one_core():
    """Time of this process alone, and the best of three: other work on the machine does not count."""
    generate(np.random.default_rng(0), 64)  # draws the tiles of textures

    def seconds() -> float:
        start = time.process_time()
        for index in range(30):
            generate(np.random.default_rng(index), 64)
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 30 / 100
