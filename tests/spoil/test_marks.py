"""Marks on pictures: how often, how large, where, and that crops and wholes are struck alike."""

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.spoil import catalogue, grammar
from sfumato.spoil.marks import Logo, Text, Watermark, brick
from sfumato.spoil.parts import lettering


def covered(text: str, side: int, total: int) -> np.ndarray:
    """The share of each of many dark squares that a step lights up."""
    chain, dark = grammar.parse(text, catalogue.STEPS), np.zeros((side, side, 1), np.uint8)
    return np.array([(chain(dark, np.random.default_rng([side, i])) > 0).mean() for i in range(total // side**2)])


@pytest.mark.parametrize(
    "text",
    [
        "text colour=white density=200",
        "text colour=white kind=words length=1..3 size=8..14 density=200",
        "text colour=white density=200 kind=medical size=8..12 length=1..3",
        "watermark opacity=1 colour=white size=16 density=100 says=PROOF",
        "logo colour=white density=200 size=10..30",
        "scratches colour=white opacity=1 density=200 length=20..120",
        "dust colour=white opacity=1 density=800",
        "folds colour=white opacity=1 density=30 width=2",
        "stains colour=white opacity=1 density=150 size=20..90",
        "hole density=120 size=8..32",
        "hole kind=free density=120 size=8..32",
        "erase density=120 size=8..32 mean=1.0 spread=0",
    ],
)
def test_a_crop_is_struck_as_much_as_a_whole_picture(text):
    crops, wholes = covered(text, 64, 64 * 64 * 1000), covered(text, 384, 64 * 64 * 1000)
    doubt = np.hypot(crops.std() / np.sqrt(len(crops)), wholes.std() / np.sqrt(len(wholes)))
    assert abs(crops.mean() - wholes.mean()) < 4 * doubt and 4 * doubt < 0.3 * wholes.mean()


def test_text_of_the_recipe_covers_what_its_density_times_its_letters_do(rng):
    letters = [lettering.line(font, size, lettering.digits(rng, 4)) for font in lettering.FONTS for size in range(10, 25)]
    expected = 60 / 1e6 * np.mean([(cover > 0).sum() for cover in letters])
    assert covered("text colour=white length=4", 128, 128 * 128 * 1200).mean() == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("font", lettering.FONTS)
@pytest.mark.parametrize("height", [10, 17, 24])
def test_a_digit_is_as_high_as_the_size_says(font, height):
    assert lettering.line(font, height, "0").shape[0] == pytest.approx(height, abs=1)


@pytest.mark.parametrize("font", lettering.FONTS)
def test_no_line_is_wider_than_the_room_that_is_kept_for_it(font):
    widest = max(lettering.line(font, 20, letter * 5).shape[1] / 5 for letter in "WMQ@0%")
    assert widest <= lettering.WIDEST * 20


def test_the_mask_is_where_the_text_changed_the_picture():
    dark, step = np.zeros((128, 128, 3), np.uint8), Text(colour=("white",), density=(300, 300))
    written, mask = step.with_mask(dark, np.random.default_rng(2))
    assert (mask == (written > 0).any(2)).all() and 0.01 < mask.mean() < 0.5


def test_text_with_its_mask_is_the_text_without():
    dark, step = np.zeros((128, 128, 3), np.uint8), Text(opacity=(0.2, 0.9), kind=("digits", "words", "medical"), density=(400, 400))
    written, _ = step.with_mask(dark, np.random.default_rng(2))
    assert (written == step(dark, np.random.default_rng(2))).all()


def test_opaque_white_text_is_white_inside_and_nothing_else_outside(portrait):
    written, mask = Text(colour=("white",), density=(300, 300)).with_mask(portrait, np.random.default_rng(2))
    assert (written[~mask] == portrait[~mask]).all() and (written[mask] == 255).all(1).mean() > 0.3


def test_text_says_what_it_is_told():
    dark = np.zeros((80, 300, 1), np.uint8)
    written = Text(says=("A7",), size=(20, 20), density=(150, 150), colour=("white",), font=("DejaVuSans.ttf",))(
        dark, np.random.default_rng(0)
    )
    word = lettering.line("DejaVuSans.ttf", 20, "A7")
    places = np.lib.stride_tricks.sliding_window_view(written[..., 0], word.shape)
    assert (np.abs(places.astype(int) - word).max((2, 3)) <= 1).any()


def test_a_font_that_is_not_there_is_refused(portrait, rng):
    with pytest.raises(Refusal, match=r"There is no font file Comic\.ttf"):
        Text(font=("Comic.ttf",), density=(3000, 3000))(portrait, rng)


def test_a_tiled_watermark_repeats_itself(rng):
    word = lettering.line("DejaVuSans.ttf", 12, "PROOF")
    height, width = brick(word, 100, 12).shape
    step = Watermark(kind=("tiled",), says=("PROOF",), size=(12, 12), density=(100, 100), opacity=(1, 1), colour=("white",))
    from_fonts = step(np.zeros((3 * height, 3 * width, 1), np.uint8), rng)
    assert np.abs(from_fonts[height:].astype(int) - from_fonts[:-height]).max() <= 1


def test_watermarks_stand_as_dense_as_they_are_asked_to():
    tile = brick(np.full((10, 40), 255, np.uint8), 100, 10)
    assert 2e6 / tile.size == pytest.approx(100, rel=0.02)


def test_a_logo_of_ones_own_keeps_its_colours_and_its_transparency(tmp_path):
    own = np.zeros((20, 20, 4), np.uint8)
    own[:, :10] = (200, 10, 30, 255)
    Image.fromarray(own).save(tmp_path / "logo.png")
    step = Logo(file=str(tmp_path / "logo.png"), size=(20, 20), density=(500, 500), opacity=(1, 1))
    marked = step(np.full((128, 128, 3), 90, np.uint8), np.random.default_rng(1))
    assert {tuple(colour) for colour in np.unique(marked.reshape(-1, 3), axis=0).tolist()} == {(90, 90, 90), (200, 10, 30)}


def test_a_logo_that_is_no_picture_is_refused(tmp_path, portrait, rng):
    (tmp_path / "logo.png").write_text("no picture")
    with pytest.raises(Refusal, match="could not be read as a picture"):
        Logo(file=str(tmp_path / "logo.png"), density=(3000, 3000))(portrait, rng)
