"""Pictures of any size through a network that sees a piece at a time, without a seam.

Every tile is seen with real pixels around it (beyond the picture reflected ones, or none), of which the results are thrown away; what is
left overlaps its neighbours and is blended over.  Blending is `old + weight * (new - old)`: weights sum to 1 by construction, and where two
tiles agree nothing is rounded.  Tiles start on multiples of the network's stride, so each sees the grid that the whole picture would.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, isqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.core.levels import Unit, like, to_unit
from sfumato.core.system import devices
from sfumato.data.geometry import mirrored

Picture = NDArray[Any]  # uint8, uint16 or float32 (H, W, C)
Patchwise = Callable[[Unit], Unit]  # float32 (H, W, C) -> float32 (H * enlarges, W * enlarges, C')
Finish = Callable[[Unit], Picture]  # float32 (h, W, C') -> (h, W) or (h, W, C'') of any type, which is all that is kept of these rows
Watch = Callable[[int, int], None]  # px done, px in all

SMALLEST = 16  # px; a tile that does not fit in memory is halved down to this
LARGEST = 1024  # px; larger tiles are no faster (on 2 cores a U-Net with a margin of 96 px took 1.8 s in tiles of 512, 2.5 s whole)
WHOLE = 16_000_000  # px, at most, that are seen at once: beyond them kernels' own counts may not suffice
STRIP = 10_000_000  # px that a row of tiles makes, all across the picture, which are held in floats: wide pictures get lower rows
_FINISHED = 64  # px of height that are finished at once
SHARE = 0.5  # of free memory that tiles may fill: allocators keep pieces, and others work on this machine too


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """How a large picture is cut: pieces of equal size that overlap.  The network sees side + 2 * margin px, at most."""

    side: int = 512  # px of a tile, at most; tiles are made equal, so usually a little smaller
    margin: int = 32  # px of context around a tile, at least; the network's reach says how many it needs
    stride: int = 8  # px; whatever the network is given starts on a multiple of it and is a multiple of it in size
    overlap: int = 16  # px that neighbours share and blend, at least; never more than half a tile
    splits: bool = True  # whether a picture may be cut at all; False: the whole picture with its margin, whatever `side` says
    mirrors: bool = True  # what lies beyond the picture; False: nothing, as where a network is shown a whole picture by itself

    def __post_init__(self) -> None:
        if self.side < 1 or self.stride < 1 or self.margin < 0 or self.overlap < 0:
            raise Refusal(
                f"Tiles need a side and a stride of at least 1 px, a margin and an overlap of at least 0, "
                f"but were given {self.side}, {self.stride}, {self.margin}, {self.overlap}."
            )

    @classmethod
    def fitting(
        cls,
        height: int,
        width: int,
        reach: int,
        stride: int,
        bytes_per_pixel: float,
        free_bytes: float,
        *,
        mirrors: bool = True,
        enlarges: int = 1,
    ) -> Self:
        """The largest tiles that fit in memory and are worth it; a picture of up to about 1000 px is one tile where it fits.

        reach : px that the network looks in each direction.  bytes_per_pixel : what it takes while it works, per pixel that it sees.
        enlarges : how many times larger what it makes is.
        """
        margin = _up(reach, stride)
        room = int(SHARE * free_bytes / bytes_per_pixel)  # px that may be seen at once
        if not mirrors and _up(height, stride) * _up(width, stride) <= min(room, WHOLE):
            return cls(side=_up(max(height, width), stride), margin=margin, stride=stride, mirrors=False)
        short = _up(min(height, width), stride)
        side = isqrt(room) - 2 * margin
        if side > short:  # a narrow picture is as wide as it is, so its tiles may be longer
            side = room // (short + 2 * margin) - 2 * margin
        side = min(side, max(min(LARGEST, STRIP // (width * enlarges**2)), 8 * margin)) // stride * stride
        return cls(side=max(side, _up(SMALLEST, stride)), margin=margin, stride=stride, mirrors=mirrors)


def ignore(done: int, total: int) -> None:
    """Watch nothing."""


def restore(
    pixels: Picture, patchwise: Patchwise, tiles: Tiles, *, enlarges: int = 1, watch: Watch = ignore, finish: Finish | None = None
) -> Picture:
    """Run a network over one picture of any size.  uint8, uint16 or float32 (H, W, C) -> the same (H * enlarges, W * enlarges, C').

    Only what a tile sees becomes float32, and rows are rounded as soon as they are blended: beside the picture that came and the one
    that goes, memory holds one row of tiles.
    finish : what blended rows go through instead of rounding; what it gives is what is returned of them.
    A tile that does not fit in memory is cut in halves and done again, and so are the tiles after it; what is finished stays.
    Refuses an empty picture, and gives up in words when the smallest tile does not fit.  Errors other than of memory pass through.
    """
    if pixels.ndim != 3 or pixels.size == 0:
        raise Refusal(f"A picture has height, width and channels, but this one is {pixels.shape}.")
    return _Work(pixels, patchwise, tiles, enlarges, watch, finish or partial(like, kind=pixels.dtype)).whole()


@dataclass(frozen=True)
class Span:
    """A stretch of rows or columns, from start up to stop."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


def spans(whole: Span, side: int, overlap: int, stride: int) -> list[Span]:
    """Cut a stretch into the fewest spans of at most `side` px, all of one size, that overlap by at least `overlap`.

    Starts and sizes are multiples of `stride`, if those of the stretch are.
    """
    side = max(stride, side // stride * stride)
    overlap = min(_up(overlap, stride), side // 2 // stride * stride)
    if whole.size <= side:
        return [whole]
    count = ceil((whole.size - overlap) / (side - overlap))
    size = _up(ceil((whole.size + (count - 1) * overlap) / count), stride)
    steps = (whole.size - size) // stride
    starts = [whole.start + steps * number // (count - 1) * stride for number in range(count)]
    return [Span(start, start + size) for start in starts]


class _Work:
    """One picture on its way through a network; remembers how large a tile may be."""

    def __init__(self, pixels: Picture, patchwise: Patchwise, tiles: Tiles, enlarges: int, watch: Watch, finish: Finish):
        self.pixels, self.patchwise, self.tiles, self.enlarges = pixels, patchwise, tiles, enlarges
        self.watch, self.finish = watch, finish
        self.margin = _up(tiles.margin, tiles.stride)
        self.side = tiles.side if tiles.splits else max(_up(length, tiles.stride) for length in pixels.shape[:2])
        self.done = 0

    def whole(self) -> Picture:
        """The whole picture, finished."""
        height, width = self.pixels.shape[:2]
        high, wide = height * self.enlarges, width * self.enlarges
        down, across = (Span(0, _up(length, self.tiles.stride)) for length in (height, width))
        result: Picture | None = None
        top = 0
        for strip in self._strips(down, across):
            for low in range(0, min(len(strip), high - top), _FINISHED):  # rounding takes floats of its own
                rows = self.finish(strip[low : min(low + _FINISHED, high - top), :wide])
                if result is None:
                    result = np.empty((high, *rows.shape[1:]), rows.dtype)
                result[top + low : top + low + len(rows)] = rows
                del rows  # in floats, they are a view of the strip
            top += len(strip)
            del strip  # before the next one is made
        assert result is not None  # a picture has rows
        return result

    def region(self, rows: Span, columns: Span) -> Unit:
        """A stretch of the picture, in one tile or in several."""
        return _joined(self._strips(rows, columns), rows.size * self.enlarges, axis=0)

    def _strips(self, rows: Span, columns: Span) -> Iterator[Unit]:
        """Finished rows, from the top down."""
        return _blended(self._cut(rows), lambda row: self._row(row, columns), 0, self.enlarges)

    def _row(self, row: Span, columns: Span) -> Unit:
        pieces = _blended(self._cut(columns), lambda column: self._tile(row, column), 1, self.enlarges)
        return _joined(pieces, columns.size * self.enlarges, axis=1)

    def _cut(self, whole: Span) -> list[Span]:
        return spans(whole, self.side, self.tiles.overlap, self.tiles.stride)

    def _tile(self, rows: Span, columns: Span) -> Unit:
        if max(rows.size, columns.size) > self.side:  # an earlier tile of this size did not fit
            return self.region(rows, columns)
        repaired = self._seen(rows, columns)
        if repaired is not None:
            self.done += rows.size * columns.size
            self.watch(min(self.done, self._total), self._total)  # overlaps count twice, so the end may come early
            return repaired
        self._halve(max(rows.size, columns.size))
        return self.region(rows, columns)

    @property
    def _total(self) -> int:
        height, width = self.pixels.shape[:2]
        return int(height * width)

    def _seen(self, rows: Span, columns: Span) -> Unit | None:
        """What the network makes of a tile, or None if there was not enough memory."""
        height, width = self.pixels.shape[:2]
        (top, down), (left, across) = self._places(rows, height), self._places(columns, width)
        view = to_unit(self.pixels[np.ix_(down, across)])
        try:
            repaired = self.patchwise(view)
        except (MemoryError, RuntimeError) as error:
            if not devices.is_out_of_memory(error):
                raise
            return None  # out of this block first: the error's traceback still holds what filled the memory
        scale = self.enlarges
        if repaired.ndim != 3 or repaired.shape[:2] != (view.shape[0] * scale, view.shape[1] * scale):
            raise ValueError(f"A network that enlarges {scale} times was given {view.shape} and returned {repaired.shape}.")
        top, left = top * scale, left * scale
        return repaired[top : top + rows.size * scale, left : left + columns.size * scale]

    def _places(self, span: Span, side: int) -> tuple[int, NDArray[np.intp]]:
        """How many rows a tile's view has before the tile, and where each comes from: mirrored beyond the picture, or ending there."""
        first, last = span.start - self.margin, span.stop + self.margin
        if not self.tiles.mirrors:
            first, last = max(first, 0), min(last, _up(side, self.tiles.stride))
        return span.start - first, mirrored(first, last - first, side)

    def _halve(self, size: int) -> None:
        smallest = _up(SMALLEST, self.tiles.stride)
        if size <= smallest or not self.tiles.splits:
            seen = size + 2 * self.margin
            piece = f"a tile of {size} px" if self.tiles.splits else "the picture, which this network must see as a whole"
            raise Refusal(
                f"There is not enough memory for {piece}: with its context of {self.margin} px the network sees {seen} px at once. "
                f"Close other programs, use device = 'cpu', a smaller picture or a smaller network."
            )
        self.side = max(smallest, size // 2 // self.tiles.stride * self.tiles.stride)


def _blended(cuts: list[Span], made: Callable[[Span], Unit], axis: int, scale: int) -> Iterator[Unit]:
    """Parts that overlap along an axis -> pieces that follow each other: each part fades in over the one before.

    Of a part that is handed on nothing is held but what the next one blends into: parts are made one after the other.  Whoever takes the
    pieces lets go of each before asking for the next, or two parts are held.
    """
    old: Unit | None = None
    for span, after in zip(cuts, [*cuts[1:], None]):
        part = np.moveaxis(made(span), axis, 0)
        begin, end = 0, len(part) if after is None else (after.start - span.start) * scale
        if old is not None:
            head = old + fade(len(old))[:, None, None] * (part[: len(old)] - old)
            begin = min(len(old), end)
            yield np.moveaxis(head[:begin], 0, axis)
            if len(head) > begin:  # of tiny tiles, three lie on each other
                part = np.concatenate([head, part[len(head) :]])
            del head
        old = None if after is None else part[end:].copy()
        if end > begin:
            yield np.moveaxis(part[begin:end], 0, axis)
        del part  # before the next one is made


def _joined(pieces: Iterator[Unit], length: int, axis: int) -> Unit:
    """Pieces that follow each other along an axis, `length` px in all."""
    whole: Unit | None = None
    at = 0
    for piece in pieces:
        if whole is None:
            if piece.shape[axis] == length:
                return piece
            shape = (length, *piece.shape[1:]) if axis == 0 else (piece.shape[0], length, *piece.shape[2:])
            whole = np.empty(shape, np.float32)
        place = slice(at, at + piece.shape[axis])
        whole[place if axis == 0 else (slice(None), place)] = piece
        at += piece.shape[axis]
        del piece  # before the next one is made
    assert whole is not None  # a picture has rows and columns
    return whole


def fade(width: int) -> NDArray[np.float32]:
    """Weights of the part that comes in: half a cosine from 0 to 1, so that it and its mirror image sum to 1.  -> (width,)"""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(width) + 0.5) / max(width, 1))).astype(np.float32)


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride
