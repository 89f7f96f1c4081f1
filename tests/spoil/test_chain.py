"""How chains act: in order, by chance, shuffled, repeated, recorded."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.core.seed import Seed
from sfumato.spoil.chain import Chain, Maybe, Repeat, Shuffle, Step
from sfumato.spoil.grammar import parse


@dataclass(frozen=True)
class Multiply:
    by: int = 1

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        return picture * np.uint8(self.by)


@dataclass(frozen=True)
class Add:
    amount: int = 1

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        return picture + np.uint8(self.amount)


@dataclass(frozen=True)
class ToFloats:
    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        return picture / 2


ADD, DOUBLE = Step("add", Add()), Step("double", Multiply(2))
ONE = np.ones((1, 1, 1), np.uint8)


def test_steps_act_one_after_the_other(rng):
    assert Chain((ADD, DOUBLE))(ONE, rng) == 4


def test_maybe_acts_on_its_share_of_the_pictures(rng):
    chain = Chain((Maybe(0.3, Chain((ADD,))),))
    struck = np.mean([chain(ONE, rng).item() - 1 for _ in range(4000)])
    assert struck == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 4000))


def test_shuffle_takes_either_order_equally_often(rng):
    chain = Chain((Shuffle(Chain((ADD, DOUBLE))),))
    results = [chain(ONE, rng).item() for _ in range(2000)]
    assert set(results) == {3, 4} and np.mean(results) == pytest.approx(3.5, abs=0.05)


def test_repeat_acts_as_often_as_it_draws(rng):
    chain = Chain((Repeat((0, 3), Chain((DOUBLE,))),))
    assert {chain(ONE, rng).item() for _ in range(200)} == {1, 2, 4, 8}


def test_the_draws_are_those_of_the_picture_itself(portrait):
    chain, seed = parse("scale 2..4 | shuffle(jpeg 10..90 | blur 0.5..2) | maybe(0, noise)"), Seed(5)
    draws = dict(chain.draws(portrait, seed.at("spoil", 0, 0)))
    exact = parse(
        f"scale {draws['scale']['factor']} filter={draws['scale']['filter']} up={draws['scale']['up']}"
        + "".join(
            f" | jpeg {values['quality']}" if name == "jpeg" else f" | blur {values['sigma']!r}"
            for name, values in chain.draws(portrait, seed.at("spoil", 0, 0))[1:]
        )
    )
    assert (chain(portrait, seed.at("spoil", 0, 0)) == exact(portrait, seed.at("any"))).all()


def test_drawn_qualities_fill_their_range_evenly(portrait):
    chain, seed, small = parse("jpeg 10..19"), Seed(1), portrait[:8, :8]
    drawn = [chain.draws(small, seed.at("spoil", 0, index))[0][1]["quality"] for index in range(3000)]
    counts = np.bincount(drawn, minlength=20)[10:]
    assert counts.sum() == 3000 and np.abs(counts - 300).max() < 5 * np.sqrt(300)


def test_the_chain_that_shrinks_says_by_how_much_a_network_must_enlarge():
    assert (parse("jpeg | shrink 3").enlarges, parse("shrink 3 | jpeg").enlarges, parse("jpeg").enlarges) == (3, 3, 1)


def test_what_comes_after_a_shrink_is_counted_in_pixels_of_the_good_picture():
    small = parse("jpeg 30")
    assert parse("shrink 3 | jpeg 30").reach == parse("shrink 3").reach + 3 * small.reach
    assert [parse(text).period for text in ("jpeg 30", "jpeg 30 | shrink 2", "shrink 2 | jpeg 30")] == [16, 16, 32]
    low, high = small.context(5, 9)
    assert parse("shrink 3 | jpeg 30").context(16, 26) == parse("shrink 3").context(3 * low, 3 * high)


def test_the_reach_of_a_chain_is_that_of_its_steps_together():
    assert parse("blur 1 | repeat(0..2, jpeg 30) | text").reach == parse("blur 1").reach + 2 * parse("jpeg 30").reach


def test_the_result_never_shares_memory_with_the_picture(portrait, rng):
    chain = parse("maybe(0, jpeg)")
    assert not np.may_share_memory(chain(portrait, rng), portrait)


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)])
def test_what_is_no_eight_bit_picture_is_refused(picture, rng):
    with pytest.raises(Refusal, match="A chain spoils uint8 pictures"):
        parse("jpeg")(picture, rng)


def test_a_step_that_gives_floats_is_refused_by_name(rng):
    with pytest.raises(Refusal, match=r"The step 'halve' gave float64 \(1, 1, 1\)"):
        Chain((Step("halve", ToFloats()),))(ONE, rng)


def test_a_crop_with_the_margin_of_the_reach_is_spoilt_as_the_whole_picture(portrait, rng):
    chain = parse("blur 1.2 | scale 2 filter=bicubic up=bilinear | jpeg 60 subsampling=444")
    margin = -(-chain.reach // 8) * 8  # JPEG's grid must lie alike
    crop = portrait[40 - margin : 72 + margin, 40 - margin : 72 + margin]
    inner = chain(crop, rng)[margin : margin + 32, margin : margin + 32]
    assert (inner == chain(portrait, rng)[40:72, 40:72]).all()


def test_spoiling_does_not_pile_up_memory(portrait, rng):
    chain = parse("scale 2 | jpeg 10..70 | text")
    for _ in range(50):
        chain(portrait, rng)
    tracemalloc.start()
    for _ in range(300):
        chain(portrait, rng)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 4e6  # letters are kept, pictures are not
