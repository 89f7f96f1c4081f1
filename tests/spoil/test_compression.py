"""Real encoders: against Pillow's, which writes with the same libraries."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.spoil.compression import Jpeg, Webp
from sfumato.spoil.grammar import parse

SAMPLING = {"444": (1, 1), "422": (2, 1), "420": (2, 2)}  # values of lightness for one of each colour, across and down


def by_pillow(picture, **options):
    """Written as JPEG and opened again."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **options)
    return Image.open(file)


@pytest.fixture
def written(monkeypatch):
    """The files that steps write from here on, as Pillow opens them."""
    opened, encode = [], cv2.imencode

    def kept(*given):
        done, data = encode(*given)
        opened.append(Image.open(io.BytesIO(data.tobytes())))
        return done, data

    monkeypatch.setattr(cv2, "imencode", kept)
    return opened


@pytest.mark.parametrize("subsampling", SAMPLING)
@pytest.mark.parametrize("quality", [10, 45, 90])
def test_jpeg_is_what_pillow_writes_and_reads(subsampling, quality, portrait, rng):
    theirs = np.asarray(by_pillow(portrait, quality=quality, subsampling=list(SAMPLING).index(subsampling))).astype(int)
    ours = Jpeg(quality=(quality, quality), subsampling=(subsampling,))(portrait, rng)
    assert np.abs(ours - theirs).max() <= 2  # two builds of libjpeg may round colours differently


@pytest.mark.parametrize("subsampling", SAMPLING)
@pytest.mark.parametrize("shift", range(8))
def test_a_shift_is_how_far_above_and_left_of_the_picture_pillows_blocks_begin(subsampling, shift, portrait, rng):
    larger = np.pad(portrait, ((shift, 0), (shift, 0), (0, 0)), mode="symmetric")
    theirs = np.asarray(by_pillow(larger, quality=45, subsampling=list(SAMPLING).index(subsampling))).astype(int)
    ours = Jpeg(quality=(45, 45), subsampling=(subsampling,), shift=(shift, shift))(portrait, rng)
    assert np.abs(ours - theirs[shift:, shift:]).max() <= 2


def test_a_file_has_the_tables_the_subsampling_and_the_shift_that_its_chain_drew(portrait, written):
    chain, seed, told = parse("jpeg 20..90 subsampling=444,422,420 shift=0..7"), Seed(3), set()
    for index in range(40):
        [(_, drawn)] = chain.draws(portrait, seed.at("spoil", 0, index))
        file = written.pop()
        assert file.quantization == by_pillow(portrait[:8, :8], quality=drawn["quality"]).quantization
        assert [layer[1:3] for layer in file.layer] == [SAMPLING[drawn["subsampling"]], (1, 1), (1, 1)]
        assert file.size == (128 + drawn["right"], 128 + drawn["down"])
        told.add(drawn["subsampling"])
    assert told == set(SAMPLING) and not written


def test_drawn_grids_lie_in_all_64_places_and_subsamplings_are_drawn_as_often_each(portrait):
    chain, seed, small = parse("jpeg 50 subsampling=444,422,420 shift=0..7"), Seed(1), portrait[:8, :8]
    drawn = [chain.draws(small, seed.at("spoil", 0, index))[0][1] for index in range(3200)]
    places = np.bincount([8 * one["down"] + one["right"] for one in drawn], minlength=64)
    kinds = np.array([sum(one["subsampling"] == kind for one in drawn) for kind in SAMPLING])
    assert len(places) == 64 and np.square(places - 50).sum() / 50 < 103.4  # chi square of 63 degrees, one in a thousand
    assert np.abs(kinds - 3200 / 3).max() < 4 * np.sqrt(3200 * 2 / 9)


def test_a_shifted_grid_is_that_of_a_file_that_was_cut(portrait, rng):
    """Away from the first blocks, where a cut file knows what it lost."""
    whole = Jpeg(quality=(20, 20), subsampling=("444",))(portrait, rng)[3:, 3:]
    shifted = Jpeg(quality=(20, 20), subsampling=("444",), shift=(3, 3))(portrait[3:, 3:], rng)
    assert np.array_equal(shifted[5:, 5:], whole[5:, 5:])
    assert not np.array_equal(Jpeg(quality=(20, 20), subsampling=("444",))(portrait[3:, 3:], rng)[5:, 5:], whole[5:, 5:])


def test_a_grey_picture_is_compressed_as_grey(portrait, rng):
    theirs = np.asarray(by_pillow(portrait[..., 0], quality=30)).astype(int)
    assert np.abs(Jpeg(quality=(30, 30))(portrait[..., :1], rng)[..., 0] - theirs).max() <= 1


def test_webp_is_about_what_pillow_writes_and_reads(portrait, rng):
    file = io.BytesIO()
    Image.fromarray(portrait).save(file, "WEBP", quality=40)
    theirs = np.asarray(Image.open(file)).astype(int)
    ours = Webp(quality=(40, 40))(portrait, rng).astype(int)
    assert np.abs(ours - theirs).mean() < 2 < np.abs(ours - portrait).mean()


@pytest.mark.parametrize("step", [Jpeg, Webp])
def test_a_lower_quality_loses_more(step, portrait, rng):
    losses = [np.abs(step(quality=(q, q))(portrait, rng).astype(int) - portrait).mean() for q in (10, 40, 90)]
    assert losses == sorted(losses, reverse=True)


def test_a_picture_too_long_for_webp_is_refused_in_a_sentence(rng):
    with pytest.raises(Refusal, match="WEBP cannot hold a picture of 17000 x 1 px"):
        Webp()(np.zeros((1, 17000, 3), np.uint8), rng)
