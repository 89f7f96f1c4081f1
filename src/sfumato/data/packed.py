"""Pictures decoded once, all to one size, into one array that is mapped from a file from then on; and the statistics of such an array."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.errors import Refusal, shortened
from sfumato.core.levels import TOP, Levels
from sfumato.core.progress import Progress
from sfumato.core.system.devices import cores
from sfumato.data import array_file
from sfumato.data.array_file import Chunks, Notes
from sfumato.data.items import Item, Items
from sfumato.data.labelled import Labelled
from sfumato.data.reading.find import cache_folder
from sfumato.data.reading.read import to_channels
from sfumato.data.shrink import read_square, square
from sfumato.data.store import state_of

VERSION = 1  # changes with what pixels are made of a file
CHUNK, ROOM = 512, 64 << 20  # pictures that are decoded before they are written: at most so many, of so many bytes
SMALL = 40_000  # px; two threads take longer than one to decode pictures of fewer, for they wait for Python's lock
COUNTED = 1 << 24  # pixels counted at once: OpenCV counts in float32, which is exact so far
Channels = Literal[1, 3]


def pack(labelled: Labelled, *, side: int | None, channels: Channels, cache: Path | None = None) -> tuple[Labelled, list[str]]:
    """Decode all into one array; the next time it is only mapped.  The pictures as uint8 (N, side, side, channels), and who was left out.

    side : short sides are shrunk to it, and the middle square is cut out; None: pictures are taken as they are, all of one size.
    cache : the folder the array is kept in, unless told the package's own.
    What is damaged is left out, and its name is in the list.  Refuses sizes that differ without a `side`, and a class of which nothing
    can be read.
    """
    if not isinstance(labelled.pictures, Items):
        return replace(labelled, pictures=_in_array(labelled.pictures, side, channels)), []
    if not len(labelled):
        raise Refusal("There is no picture to decode.")
    items = labelled.pictures
    names = f"{_digest([str(item.path or item.name) for item in items])}-{side or 'as-is'}-{channels}"
    name = f"{names}-{_digest([str(VERSION), *map(state_of, items)])}"
    folder = (cache or cache_folder()) / "packed"
    array_file.remove_stale(folder, names, name)
    pixels, notes = array_file.keep(folder / (name + array_file.SUFFIX), name, partial(_decoded, items, side, channels))
    left_out = [int(index) for index in notes.get("left_out", ())]
    kept = np.setdiff1d(np.arange(len(items)), left_out)
    packed = replace(labelled, pictures=pixels, labels=labelled.labels[kept])
    _check_classes(labelled, packed, left_out)
    return packed, [items[index].name for index in left_out]


def _digest(words: Sequence[str]) -> str:
    return files.digest(os.fsencode("\n".join(words)))[:16]


def _in_array(pixels: Levels, side: int | None, channels: Channels) -> Levels:
    """What is decoded already, brought to size and channels in memory where it is not so yet."""
    count, height, width, _ = pixels.shape
    if side is not None and (height, width) != (side, side):
        with ThreadPoolExecutor(cores()) as pool:
            shrunk = list(pool.map(lambda picture: square(picture, side), pixels))
        pixels = np.stack(shrunk) if count else np.zeros((0, side, side, pixels.shape[3]), np.uint8)
    if pixels.shape[3] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=3)
    return np.stack([to_channels(picture, 1) for picture in pixels]) if count else pixels[..., :1]


def _decoded(items: Items, side: int | None, channels: Channels, notes: Notes) -> Chunks:
    """All that can be read, on all processors: decoders let other threads run."""
    left_out: list[int] = []
    notes["left_out"] = left_out
    first: tuple[str, Levels] | None = None
    with ThreadPoolExecutor(cores()) as pool, Progress(len(items), "decoding pictures") as bar:
        for start, pictures in _in_turn(items, pool, side, channels):
            good = []
            for index, picture in enumerate(pictures, start):
                if picture is None:
                    left_out.append(index)
                    continue
                first = first or (items[index].name, picture)
                if picture.shape != first[1].shape:
                    raise _mixed(first[0], first[1], items[index].name, picture)
                good.append(picture)
            bar.advance(len(pictures), items[start].name)
            if good:
                yield np.stack(good)
    if first is None:
        raise Refusal(f"None of the {len(items)} pictures can be read, such as {items[0].name!r}.")


def _in_turn(items: Items, pool: ThreadPoolExecutor, side: int | None, channels: Channels) -> Iterator[tuple[int, Sequence[Levels | None]]]:
    """Chunk by chunk, the next one being decoded while one is written, unless pictures are small."""
    read = partial(_read, side=side, channels=channels)
    height, width = _first_size(items)
    each: Callable[..., Iterator[Levels | None]] = pool.map if height * width > SMALL else map
    pixels = height * width if side is None else side * side
    size = max(cores(), min(CHUNK, ROOM // (pixels * channels)))
    ahead = each(read, items[:size])
    for start in range(0, len(items), size):
        now, ahead = ahead, each(read, items[start + size : start + 2 * size])
        yield start, list(now)


def _first_size(items: Items) -> tuple[int, int]:
    for item in items:
        try:
            return item.size()
        except Refusal:  # it is named by who asked for all of them
            continue
    return 1, 1


def _read(item: Item, side: int | None, channels: Channels) -> Levels | None:
    try:
        if side is None:
            return item.levels(channels)
        return read_square(item.path, side, channels) if item.path is not None else square(item.levels(channels), side)
    except Refusal:  # it is named by who asked for all of them
        return None


def _mixed(one: str, first: Levels, other: str, second: Levels) -> Refusal:
    sizes = [f"{name!r} has {picture.shape[0]} x {picture.shape[1]} px" for name, picture in ((one, first), (other, second))]
    return Refusal(f"Pictures of one size are needed, but {sizes[0]} and {sizes[1]}. Set data.side to the side that all are shrunk to.")


def _check_classes(before: Labelled, after: Labelled, left_out: list[int]) -> None:
    gone = np.flatnonzero((before.counts() > 0) & (after.counts() == 0))
    if len(gone):
        label = int(gone[0])
        index = next(index for index in left_out if before.labels[index] == label)
        raise Refusal(
            f"The class {before.classes[label]!r} is empty: none of its {before.counts()[label]} pictures can be read, such as "
            f"{shortened(before.name(index))!r}."
        )


def statistics(array: Levels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread (standard deviation) of each channel, in 0..1, exact: levels are counted.  (N, H, W, C) -> (C,), (C,)"""
    counts = histogram(array)
    levels = [int(level) for level in range(TOP + 1)]
    means, spreads = [], []
    for channel in counts.tolist():  # whole numbers of any length: the squares of a large set pass 2^53
        number = sum(channel)
        total = sum(level * count for level, count in zip(levels, channel))
        squares = sum(level * level * count for level, count in zip(levels, channel))
        means.append(total / (number * TOP))
        spreads.append((number * squares - total * total) ** 0.5 / (number * TOP))
    return np.array(means), np.array(spreads)


def histogram(array: Levels) -> NDArray[np.int64]:
    """How often each level comes, by channel.  uint8 (N, H, W, C) -> int64 (C, levels)"""
    if not len(array):
        raise Refusal("There is no picture to take statistics of.")
    height, width, channels = array.shape[1:]
    counts = np.zeros((channels, TOP + 1), np.int64)
    at_once = max(1, COUNTED // (height * width))
    for start in range(0, len(array), at_once):
        pixels = np.ascontiguousarray(array[start : start + at_once]).reshape(-1, width, channels)
        for channel in range(channels):
            counts[channel] += cv2.calcHist([pixels], [channel], None, [TOP + 1], [0, TOP + 1]).reshape(-1).astype(np.int64)
    return counts
