"""Plain enlargement as the step `scale` does it, for networks that learnt to repair what was enlarged so."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import like, to_unit
from sfumato.nets.load import read_header
from sfumato.spoil.resample import resize
from sfumato.tasks.parts import cutting, restorer
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use import enlarge as enlarging
from sfumato.use.enlarge import enlarge
from sfumato.use.photograph import Photograph


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_it_is_that_of_the_step_that_spoilt(kernel, portrait):
    height, width = portrait.shape[:2]
    apart = enlarge(portrait, 3, kernel).astype(int) - resize(portrait, 3 * height, 3 * width, kernel)
    if kernel == "nearest":
        assert not apart.any()
    assert np.quantile(np.abs(apart), 0.995) <= 1  # Pillow rounds and clips between its two passes, which shows where kernels overshoot


def test_depth_is_kept(portrait):
    deep = portrait.astype(np.uint16) * 257
    assert enlarge(deep, 2).dtype == np.uint16 and enlarge(to_unit(portrait), 2).dtype == np.float32
    assert np.abs(enlarge(deep, 2) / 257 - enlarge(portrait, 2)).max() < 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("times", [2, 3])
def test_bands_of_rows_are_those_of_the_whole(portrait, monkeypatch, times, kernel, kind):
    """To the last bit where float32 holds the place that a pixel comes from; else up to the rounding of places."""
    pixels, made = like(to_unit(portrait[:37, :30]), np.dtype(kind)), []
    for band in (1 << 20, 16):
        monkeypatch.setattr(enlarging, "BAND", band)
        made.append(enlarge(pixels, times, kernel))
    whole, banded = made
    assert (banded.dtype, banded.shape) == (kind, whole.shape)
    assert np.abs(banded.astype(float) - whole).max() <= (0 if times == 2 else 1e-5 if kind == np.float32 else 1)


def test_of_a_large_picture_only_some_rows_are_held_in_floats():
    small = np.zeros((1024, 32, 3), np.uint8)
    enlarge(small[:8], 2)  # what is made once
    tracemalloc.start()
    made = enlarge(small, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * made.nbytes < made.size * 4


def test_grey_is_as_welcome(portrait):
    grey = portrait[..., :1]
    theirs = np.asarray(Image.fromarray(grey[..., 0]).resize((256, 256), Image.Resampling.BICUBIC))
    assert np.quantile(np.abs(enlarge(grey, 2)[..., 0].astype(int) - theirs), 0.995) <= 1


def test_nobody_enlarges_without_end(portrait):
    with pytest.raises(Refusal, match="1 to 16"):
        enlarge(portrait, 17)


def test_transparency_is_enlarged_and_never_repaired(portrait):
    """A soft edge goes through no network: it stays as it is, or grows by the plain kernel."""
    soft = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (128, 1))
    photo = Photograph(pixels=portrait, alpha=soft)
    assert np.array_equal(restorer.load(device="cpu").restore(photo).alpha, soft)
    grown = restorer.load(device="cpu", enlarge=2).restore(photo).alpha
    assert np.array_equal(grown, enlarge(soft[..., None], 2)[..., 0])


@pytest.mark.parametrize(
    ("shape", "suffix", "reason"),
    [((20, 30, 4), ".jpg", "holds no transparency"), ((20, 30, 4), ".gif", "no half transparency"), ((2, 4100, 3), ".jpg", "have 65,600")],
)
def test_what_could_not_be_written_is_refused_before_the_repair(tmp_path, shape, suffix, reason):
    Image.fromarray(np.full(shape, 100, np.uint8)).save(tmp_path / "a.png")
    model = restorer.load(device="cpu", enlarge=16)
    summary = model.restore_tree(tmp_path / "a.png", tmp_path / f"b{suffix}", work=lambda photo: pytest.fail("it was repaired"))
    [(_, said)] = summary.failed
    assert reason in said and not (tmp_path / f"b{suffix}").exists()


def test_a_picture_of_256_px_becomes_one_of_1024_in_tiles_as_in_one_piece(portrait, monkeypatch):
    small = np.ascontiguousarray(np.tile(portrait, (2, 2, 1)))
    model = restorer.load(device="cpu", exact=True, enlarge=4)
    whole = model.restore(small)
    monkeypatch.setattr(cutting, "CPU_BYTES", 2e8)
    cut = restorer.load(device="cpu", exact=True, enlarge=4)
    assert cut._tiles(1024, 1024).side < 1024
    assert whole.shape == (1024, 1024, 3) and np.abs(cut.restore(small).astype(int) - whole).max() <= 1
    assert np.array_equal(whole, restorer.load(device="cpu", exact=True).restore(enlarge(small, 4)))


def test_twice_is_once_and_once_again(portrait):
    once = restorer.load(device="cpu")
    assert np.array_equal(restorer.load(device="cpu", times=2).restore(portrait), once.restore(once.restore(portrait)))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("network", "enlarges"), [(nn.Identity(), 1), (nn.Upsample(scale_factor=2), 2)], ids=["plainly", "by a network"])
def test_a_constant_transparency_grows_with_its_picture_and_stays_what_it_is(portrait, network, enlarges, kernel, kind):
    header = read_header(restorer.shipped())
    contract = replace(header.contract, up=kernel, enlarges=enlarges)
    model = Restorer(replace(header, contract=contract), network, torch.device("cpu"), enlarge=3 if enlarges == 1 else 1)
    photo = Photograph(pixels=portrait[:21, :30].astype(kind), alpha=np.full((21, 30), 7, kind))
    grown = model.restore(photo).alpha
    assert (grown.shape, grown.dtype) == ((21 * model.grows, 30 * model.grows), kind) and (grown == 7).all()


def test_a_network_that_enlarges_is_shown_lower_rows_of_a_wide_picture():
    contract = replace(read_header(restorer.shipped()).contract, reach=8, effective=None, stride=8, mirrors=True)
    cutters = [cutting.Cutter(nn.Identity(), replace(contract, enlarges=times), torch.device("cpu")) for times in (1, 4)]
    assert [cutter.tiles(4000, 4000).side for cutter in cutters] == [1024, 152]
