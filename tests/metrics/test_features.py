"""Distances as a classifier sees them: zero for equal pictures, known values, and an unbiased distance of two sets."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.metrics import features


def bands(batch):
    """Two taps of an eye that needs no weights: the picture, and its mean over squares."""
    return [batch, torch.nn.functional.avg_pool2d(batch, 4)]


@pytest.fixture
def pictures(rng):
    return rng.integers(1, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_equal_pictures_are_at_no_distance_and_others_are(pictures):
    assert (features.feature_distance(bands, pictures, pictures) == 0).all()
    assert (features.feature_distance(bands, pictures, pictures[::-1])[[0, 1, 3, 4]] > 0).all()
    assert (features.lpips(bands, pictures, pictures) == 0).all()


def test_the_distance_of_half_the_light_is_a_quarter_at_every_tap(pictures):
    even = pictures // 2 * 2
    np.testing.assert_allclose(features.feature_distance(bands, even // 2, even), 0.25, rtol=1e-5)


def test_lpips_is_that_of_a_naive_loop(pictures):
    weights = [torch.tensor([0.2, 0.5, 0.3]), torch.tensor([1.0, 0.0, 2.0])]
    found = features.lpips(bands, pictures, pictures[::-1], weights)
    for index in range(5):
        expected = 0.0
        pair = [torch.from_numpy(one.copy()).permute(2, 0, 1)[None].double() / 255 for one in (pictures[index], pictures[::-1][index])]
        for tap, weight in enumerate(weights):
            one, other = (bands(picture)[tap][0] for picture in pair)
            for row in range(one.shape[1]):
                for column in range(one.shape[2]):
                    a, b = (x[:, row, column] / x[:, row, column].norm() for x in (one, other))
                    expected += float((weight * (a - b) ** 2).sum()) / (one.shape[1] * one.shape[2])
        assert found[index] == pytest.approx(expected, rel=1e-5)


def test_heads_are_read_from_a_file_and_a_missing_one_is_named(tmp_path):
    save_file({"lin0.model.1.weight": torch.rand(1, 3, 1, 1)}, tmp_path / "heads.safetensors")
    assert features.heads(tmp_path / "heads.safetensors", [3])[0].shape == (3,)
    with pytest.raises(Refusal, match=r"lin1\.model"):
        features.heads(tmp_path / "heads.safetensors", [3, 3])
    with pytest.raises(Refusal, match=r"taps of \[3\] channels, but the classifier's have \[4\]"):
        features.heads(tmp_path / "heads.safetensors", [4])


def test_pictures_of_unlike_shapes_are_not_compared(pictures):
    with pytest.raises(Refusal, match="same shape"):
        features.feature_distance(bands, pictures, pictures[:3])


def test_kid_is_that_of_a_naive_loop(rng):
    one, other = rng.normal(size=(6, 4)), rng.normal(size=(5, 4)) + 1

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    within = [np.mean([kernel(x, y) for i, x in enumerate(part) for j, y in enumerate(part) if i != j]) for part in (one, other)]
    cross = np.mean([kernel(x, y) for x in one for y in other])
    assert features.kid(one, other) == pytest.approx(within[0] + within[1] - 2 * cross)


def test_kid_of_one_distribution_is_zero_in_the_mean_and_of_two_is_not(rng):
    values = [features.kid(rng.normal(size=(40, 8)), rng.normal(size=(40, 8))) for _ in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 200**0.5
    mean, low, high = features.kid_interval(rng.normal(size=(300, 8)), rng.normal(size=(300, 8)) + 0.5, seed=Seed(1), size=100)
    assert 0 < low < mean < high


def test_a_way_that_is_nearer_to_the_truth_gains(rng):
    truth = rng.normal(size=(400, 8))
    far, near = rng.normal(size=(400, 8)) + 0.6, rng.normal(size=(400, 8)) + 0.1
    mean, low, high = features.kid_change(far, near, truth, seed=Seed(1), size=200)
    assert low < mean < high < 0
    mean, low, high = features.kid_change(far[:40], near[:40], truth[:40], seed=Seed(1))
    assert low < mean < high  # of fewer pictures than a subset is large, halves are compared
    with pytest.raises(Refusal, match="at least 4 pictures"):
        features.kid_change(far[:3], near[:3], truth[:3], seed=Seed(1))
