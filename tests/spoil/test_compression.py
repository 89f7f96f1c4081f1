"""Real encoders: against Pillow's, which writes with the same libraries."""

import io

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.spoil.compression import Jpeg, Webp


@pytest.mark.parametrize(("subsampling", "pillow"), [("444", 0), ("422", 1), ("420", 2)])
@pytest.mark.parametrize("quality", [10, 45, 90])
def test_jpeg_is_what_pillow_writes_and_reads(subsampling, pillow, quality, portrait, rng):
    file = io.BytesIO()
    Image.fromarray(portrait).save(file, "JPEG", quality=quality, subsampling=pillow)
    theirs = np.asarray(Image.open(file)).astype(int)
    ours = Jpeg(quality=(quality, quality), subsampling=(subsampling,))(portrait, rng)
    assert np.abs(ours - theirs).max() <= 2  # two builds of libjpeg may round colours differently


def test_a_shifted_grid_is_that_of_a_file_that_was_cut(portrait, rng):
    """Away from the first blocks, where a cut file knows what it lost."""
    whole = Jpeg(quality=(20, 20), subsampling=("444",))(portrait, rng)[3:, 3:]
    shifted = Jpeg(quality=(20, 20), subsampling=("444",), shift=(3, 3))(portrait[3:, 3:], rng)
    assert np.array_equal(shifted[5:, 5:], whole[5:, 5:])
    assert not np.array_equal(Jpeg(quality=(20, 20), subsampling=("444",))(portrait[3:, 3:], rng)[5:, 5:], whole[5:, 5:])


def test_a_grey_picture_is_compressed_as_grey(portrait, rng):
    file = io.BytesIO()
    Image.fromarray(portrait[..., 0]).save(file, "JPEG", quality=30)
    theirs = np.asarray(Image.open(file)).astype(int)
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
