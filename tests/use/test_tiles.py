"""Tiles: no seam, no rim, no size that fails."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Unit, like, to_unit
from sfumato.use.tiles import Span, Tiles, fade, restore, spans


class Small(nn.Module):
    """A random network that looks 6 px in each direction on a grid of 2, with zero padding: the worst that is allowed."""

    reach, stride = 6, 2

    def __init__(self, enlarges: int = 1):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 3 * enlarges**2, 3, padding=1)
        self.up = nn.PixelShuffle(enlarges)
        for weights in self.parameters():
            weights.data = torch.randn(weights.shape, generator=generator) / weights[0].numel() ** 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.first(x))
        below = torch.tanh(self.deep(nn.functional.avg_pool2d(x, 2)))
        return self.up(self.last(x + nn.functional.interpolate(below, scale_factor=2)))


def by(network: nn.Module):
    def patchwise(view: Unit) -> Unit:
        with torch.no_grad():
            return network(torch.from_numpy(view).permute(2, 0, 1)[None])[0].permute(1, 2, 0).contiguous().numpy()

    return patchwise


def same(view: Unit) -> Unit:
    return view


def doubled(view: Unit) -> Unit:
    return view.repeat(2, axis=0).repeat(2, axis=1)


@pytest.fixture
def picture(portrait) -> Unit:
    return to_unit(portrait)[:101, :117]


WHOLE = Tiles(side=512, margin=16, stride=2)


def test_a_network_that_changes_nothing_changes_no_bit(picture):
    assert np.array_equal(restore(picture, same, Tiles(side=24, margin=8, stride=4, overlap=8)), picture)


def test_tiles_with_enough_context_equal_the_whole(picture):
    network, whole = by(Small()), restore(picture, by(Small()), WHOLE)
    tiled = restore(picture, network, Tiles(side=32, margin=Small.reach, stride=2, overlap=0))
    assert np.abs(tiled - whole).max() < 1e-5


def test_tiles_with_too_little_context_and_blending_still_equal_the_whole_within_a_level(picture):
    """Two thirds of the theoretical reach: what lies farther out has next to no weight in a smoothing network."""
    blur = nn.Conv2d(3, 3, 13, padding=6, groups=3, bias=False)
    bell = torch.exp(-(torch.arange(-6.0, 7.0) ** 2) / 2 / 1.5**2)
    blur.weight.data[:] = torch.outer(bell, bell) / bell.sum() ** 2
    whole = restore(picture, by(blur), WHOLE)
    assert np.abs(restore(picture, by(blur), Tiles(side=32, margin=4, stride=1)) - whole).max() < 1 / TOP


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_levels_come_back_as_levels_rounded_once(picture, kind):
    levels = like(picture, np.dtype(kind))
    tiles = Tiles(side=32, margin=Small.reach, stride=2, overlap=8)
    exact = restore(to_unit(levels), by(Small()), tiles)
    np.testing.assert_array_equal(restore(levels, by(Small()), tiles), like(exact, np.dtype(kind)))


def test_of_a_large_picture_only_rows_of_tiles_are_held_in_floats():
    levels = np.zeros((2400, 400, 3), np.uint8)
    tracemalloc.start()
    restore(levels, same, Tiles(side=64, margin=8, stride=8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * levels.nbytes < levels.size * 4


@pytest.mark.parametrize(
    ("shape", "kind", "beside"),
    [((1024, 128, 3), np.uint8, 1), ((1024, 128, 3), np.float32, 4), ((128, 1024, 3), np.uint8, 4)],
    ids=["below each other", "below each other, floats", "beside each other"],
)
def test_a_tile_is_let_go_before_the_next_is_made(shape, kind, beside):
    """beside : bytes a value of what else is there: the result, or the row in floats that tiles beside each other go into."""
    picture, held, seen = np.zeros(shape, kind), [], 256 * 128 * 3 * 4

    def measured(view: Unit) -> Unit:
        held.append(tracemalloc.get_traced_memory()[0])
        return view

    tracemalloc.start()
    restore(picture, measured, Tiles(side=256, margin=0, stride=8, overlap=0))
    tracemalloc.stop()
    assert len(held) == 4 and max(held) < beside * picture.size + 1.5 * seen


def test_rows_may_become_something_else_before_those_below_are_made(picture):
    tiles, shapes = Tiles(side=32, margin=Small.reach, stride=2, overlap=8), []

    def highest(rows: Unit) -> np.ndarray:
        shapes.append(rows.shape)
        return rows.argmax(2).astype(np.uint8)

    found = restore(picture, by(Small()), tiles, finish=highest)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, restore(picture, by(Small()), tiles).argmax(2))
    assert {shape[1:] for shape in shapes} == {(117, 3)}
    assert sum(shape[0] for shape in shapes) == 101 and max(shape[0] for shape in shapes) <= 32


def test_an_enlarging_network_is_tiled_on_its_larger_grid(picture):
    tiles = Tiles(side=24, margin=6, stride=2, overlap=4)
    assert np.abs(restore(picture, by(Small(2)), tiles, enlarges=2) - restore(picture, by(Small(2)), WHOLE, enlarges=2)).max() < 1e-5


def test_enlarging_every_pixel_to_four_gives_exactly_that(picture):
    assert np.array_equal(restore(picture, doubled, Tiles(side=24, margin=6, stride=2), enlarges=2), doubled(picture))


@pytest.mark.parametrize("enlarges", [1, 2])
def test_every_size_from_1_to_67_keeps_its_size_and_content(enlarges, rng):
    network = doubled if enlarges == 2 else same
    for height in range(1, 68):
        picture = rng.random((height, 68 - height, 3), dtype=np.float32)
        assert np.array_equal(restore(picture, network, Tiles(side=16, margin=32, stride=8), enlarges=enlarges), network(picture))


def test_the_network_sees_views_of_one_size_on_its_grid(picture):
    seen = set()
    restore(picture, lambda view: (seen.add(view.shape), view)[1], Tiles(side=40, margin=10, stride=8))
    assert len(seen) == 1 and all(side % 8 == 0 for side in next(iter(seen))[:2])


def test_a_picture_smaller_than_its_context_is_reflected_again_and_again():
    ramp = np.arange(3, dtype=np.float32).reshape(1, 3, 1)
    seen = []
    restore(ramp, lambda view: (seen.append(view), view)[1], Tiles(side=8, margin=8, stride=1))
    assert seen[0][0, :, 0].tolist() == [0, 1, 2, 1] * 4 + [0, 1, 2]


def test_a_flat_picture_stays_flat_to_the_last_pixel():
    """The network pads with zeros, so only the reflected context keeps its borders from darkening."""
    flat = restore(np.full((40, 50, 3), 0.5, np.float32), by(Small()), Tiles(side=16, margin=Small.reach, stride=2))
    phases = [flat[top::2, left::2] for top in (0, 1) for left in (0, 1)]
    assert all(np.ptp(phase, axis=(0, 1)).max() < 1e-6 for phase in phases)


def test_the_weights_of_all_tiles_sum_to_one_for_two_hundred_sizes(rng):
    for _ in range(200):
        height, width, side, stride = *rng.integers(1, 90, 2), rng.integers(8, 40), rng.choice([1, 2, 8])
        tiles = Tiles(side=int(side), margin=0, stride=int(stride), overlap=int(rng.integers(0, side)))
        blank = np.zeros((height, width, 1), np.float32)
        shares = rng.random(1000, dtype=np.float32)  # each tile paints its own shade, then the complement of it
        painted = [restore(blank, Painter(values), tiles) for values in (shares, 1 - shares)]
        np.testing.assert_allclose(sum(painted), 1, atol=1e-6)


class Painter:
    """Fills the n-th tile with the n-th value."""

    def __init__(self, values: np.ndarray):
        self.values = iter(values)

    def __call__(self, view: Unit) -> Unit:
        return np.full_like(view, next(self.values))


def test_where_tiles_differ_the_step_is_spread_over_their_overlap():
    stripes = restore(np.zeros((4, 48, 1), np.float32), Painter(np.array([0, 1], np.float32)), Tiles(side=32, margin=0, stride=1))
    assert np.abs(np.diff(stripes[0, :, 0])).max() <= np.pi / 2 / 16  # the steepest slope of half a cosine over 16 px


def test_a_fade_and_its_mirror_image_sum_to_one():
    assert np.allclose(fade(17) + fade(17)[::-1], 1, atol=1e-7)


def test_spans_cover_everything_with_one_size_and_enough_overlap(rng):
    for _ in range(500):
        stride = int(rng.choice([1, 2, 8, 32]))
        length, side = stride * int(rng.integers(1, 100)), int(rng.integers(4 * stride, 30 * stride))
        overlap = stride * int(rng.integers(0, 3))
        cut = spans(Span(0, length), side, overlap, stride)
        shared = min(overlap, side // 2 // stride * stride)
        assert len({span.size for span in cut}) == 1 and cut[0].size <= side
        assert (cut[0].start, cut[-1].stop) == (0, length) and all(span.start % stride == 0 for span in cut)
        assert all(earlier.stop - later.start >= shared for earlier, later in pairwise(cut))


class Narrow:
    """A network with memory for so many pixels; counts how often it ran out and what it finished."""

    def __init__(self, most: int, error: Exception):
        self.most, self.error, self.failures, self.done = most, error, 0, []
        self.network = by(Small())

    def __call__(self, view: Unit) -> Unit:
        if view.shape[0] * view.shape[1] > self.most:
            self.failures += 1
            raise self.error
        self.done.append(view.tobytes())
        return self.network(view)


SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
    MemoryError(),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_tile_that_does_not_fit_is_cut_until_it_does(error, picture):
    tiled = restore(picture, Narrow(44 * 44, error), Tiles(side=128, margin=Small.reach, stride=2))
    assert np.abs(tiled - restore(picture, by(Small()), WHOLE)).max() < 1e-5


def test_memory_runs_out_once_for_every_halving_and_no_tile_is_done_twice(picture):
    network = Narrow(44 * 44, MemoryError())
    restore(picture, network, Tiles(side=120, margin=Small.reach, stride=2, overlap=0))
    assert network.failures == 2 and len(set(network.done)) == len(network.done)  # 117 -> 58 -> 29 px, seen with 6 px around


def test_what_was_finished_before_memory_ran_out_is_kept(picture):
    class Later(Narrow):
        def __call__(self, view: Unit) -> Unit:
            if len(self.done) == 3:
                self.most = 44 * 44  # another program took the rest
            return super().__call__(view)

    network = Later(10**9, MemoryError())
    tiled = restore(picture, network, Tiles(side=40, margin=Small.reach, stride=2, overlap=0))
    assert network.failures == 1 and len(set(network.done)) == len(network.done)
    assert np.abs(tiled - restore(picture, by(Small()), WHOLE)).max() < 1e-5


def test_when_even_the_smallest_tile_does_not_fit_the_person_is_told(picture):
    with pytest.raises(Refusal, match=r"a tile of 16 px: with its context of 6 px the network sees 28 px at once"):
        restore(picture, Narrow(1, MemoryError()), Tiles(side=64, margin=6, stride=2))


def test_a_network_that_must_see_the_whole_is_never_cut(picture):
    with pytest.raises(Refusal, match="must see as a whole"):
        restore(picture, Narrow(1, MemoryError()), Tiles(side=8, margin=0, stride=2, splits=False))


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("no"), KeyboardInterrupt()])
def test_other_errors_pass_through(error, picture):
    with pytest.raises(type(error)):
        restore(picture, Narrow(1, error), Tiles())


def test_a_network_that_returns_another_size_is_caught(picture):
    with pytest.raises(ValueError, match="enlarges 2 times"):
        restore(picture, same, Tiles(), enlarges=2)


def test_watching_ends_at_the_whole(picture):
    told = []
    restore(picture, same, Tiles(side=32), watch=lambda done, total: told.append((done, total)))
    assert told[-1] == (101 * 117, 101 * 117)


def test_a_small_picture_that_fits_in_memory_is_one_tile():
    tiles = Tiles.fitting(600, 1000, reach=30, stride=8, bytes_per_pixel=1000, free_bytes=8e9)
    assert (tiles.margin, len(spans(Span(0, 1000), tiles.side, tiles.overlap, 8))) == (32, 1)


def test_a_narrow_picture_gets_longer_tiles_from_the_same_memory():
    sides = [Tiles.fitting(height, 9000, reach=8, stride=8, bytes_per_pixel=1000, free_bytes=2e8).side for height in (9000, 100)]
    assert sides[1] > 2 * sides[0] and (sides[1] + 16) * (104 + 16) * 1000 <= 1e8


@pytest.mark.parametrize("free", [3e7, 1e8, 1e9])
def test_what_the_network_sees_at_once_stays_within_half_of_the_free_memory(free):
    tiles = Tiles.fitting(9000, 9000, reach=30, stride=8, bytes_per_pixel=1000, free_bytes=free)
    assert (tiles.side + 2 * tiles.margin) ** 2 * 1000 <= free / 2 and tiles.side % 8 == 0


def test_tiles_are_never_smaller_than_sixteen_pixels():
    assert Tiles.fitting(9000, 9000, reach=30, stride=8, bytes_per_pixel=1000, free_bytes=1).side == 16


@pytest.mark.parametrize("wrong", [{"side": 0}, {"stride": 0}, {"margin": -1}, {"overlap": -1}])
def test_sizes_that_mean_nothing_are_refused(wrong):
    with pytest.raises(Refusal, match="at least"):
        Tiles(**wrong)


def test_an_empty_picture_is_refused():
    with pytest.raises(Refusal, match="height, width and channels"):
        restore(np.zeros((0, 4, 3), np.float32), same, Tiles())


def test_rows_of_tiles_are_lower_where_the_picture_is_wide():
    sides = [Tiles.fitting(4000, width, 72, 8, bytes_per_pixel=400, free_bytes=1e10).side for width in (4000, 16_000)]
    assert sides == [1024, 624]  # 10 megapixels a row


def test_rows_of_tiles_are_lower_where_what_they_make_is_larger():
    sides = [Tiles.fitting(4000, 4000, 8, 8, bytes_per_pixel=400, free_bytes=1e10, enlarges=times).side for times in (1, 4)]
    assert sides == [1024, 152]  # 10 megapixels of what is made a row
