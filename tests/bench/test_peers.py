"""fastai's side of the comparisons (`make peers`): it is handed what ours is handed."""

import numpy as np
import pytest
import torch
from PIL import Image

pytestmark = pytest.mark.peers


@pytest.fixture
def photographs(bench, portrait, monkeypatch, tmp_path):
    """Twelve photographs where the benchmarks look for bsds/train."""
    monkeypatch.setenv("SFUMATO_UNPACKED", str(tmp_path))
    folder = tmp_path / "bsds" / "train"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.fromarray(np.roll(portrait, 10 * number, axis=0)).save(folder / f"{number}.jpg", quality=95)
    return folder


def loader(**changes):
    import fastai_side

    asked = {"chain": "noise 15", "crop": 96, "batch": 4, "pairs": 12, "workers": 0} | changes
    return fastai_side.loaders(**asked).train


def test_their_loader_yields_spoilt_and_good_crops_in_the_contract_of_pictures(photographs):
    spoilt, good = loader().one_batch()
    assert spoilt.shape == good.shape == (4, 3, 96, 96) and spoilt.dtype == good.dtype == torch.float32
    assert good.min() >= 0 and 0.3 < good.max() <= 1


def test_their_crops_are_spoilt_by_our_chain(photographs):
    spoilt, good = (part.as_subclass(torch.Tensor) for part in loader(chain="noise 15").one_batch())
    assert (255 * (spoilt - good)).std().item() == pytest.approx(15, rel=0.15)  # clipping takes a little


def test_their_workers_do_not_draw_alike(photographs):
    first, second, *_ = (spoilt - good for spoilt, good in loader(workers=2, chain="noise 15"))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_both_sides_of_pairs_a_second_are_timed(photographs, side, monkeypatch, tmp_path):
    import pairs_per_second

    monkeypatch.setattr(pairs_per_second, "BATCH", 4)
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))
    assert all(rate > 0 for rate in pairs_per_second.two_epochs(side, workers=0, per_picture=1).values())


@pytest.mark.parametrize("side", ["bare", "ours", "average", "fastai"])
def test_every_side_of_the_overhead_is_timed(bench, side, monkeypatch):
    import learner_overhead

    monkeypatch.setattr(learner_overhead, "STEPS", 20)
    monkeypatch.setattr(learner_overhead.Clock, "per_epoch", learner_overhead.WARM + 21)
    assert 0 < learner_overhead.SIDES[side]() < 1000


def test_their_network_repairs_a_picture_of_any_size(bench):
    import fastai_side

    network = fastai_side.learner(fastai_side.DataLoaders([], []), crop=96).model.eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 81, 67)).shape == (1, 3, 81, 67)
