"""Outlines of leaves: ellipses, polygons, blobs, rectangles, sticks and pointed leaves, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
KINDS = ("ellipse", "polygon", "blob", "rectangle", "stick", "pointed")
_STEPS = 40  # corners of a round outline: what is left between is below half a pixel up to a radius of 150 px


def outlines(rng: np.random.Generator, kinds: NDArray[np.int64], radii: NDArray[np.float64], turns: NDArray[np.float64]) -> list[Points]:
    """One outline for each leaf, around (0, 0), with an area of about pi * radius ** 2.

    kinds : index into KINDS.  radii : px.  turns : angle of the long axis in radians.  Each (N,) -> N arrays (corners, 2) of (x, y) px.
    """
    found: list[Points] = [np.empty((0, 2), np.float32)] * len(kinds)
    for kind, name in enumerate(KINDS):
        where = np.flatnonzero(kinds == kind)
        if not len(where):
            continue
        unit = _DRAW[name](rng, len(where))
        shapes = _turn(unit * radii[where, None, None], turns[where])
        for index, shape in zip(where.tolist(), shapes, strict=True):
            found[index] = shape
    return found


def _turn(shapes: NDArray[np.float64], turns: NDArray[np.float64]) -> Points:
    cosine, sine = np.cos(turns)[:, None], np.sin(turns)[:, None]
    x, y = shapes[..., 0], shapes[..., 1]
    return np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=-1).astype(np.float32)


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64], aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    """Polar corners (N, corners) stretched by (N,) along x and shrunk across, which keeps the area."""
    stretch = np.sqrt(aspect)[:, None]
    return np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch], axis=-1)


def _stretched(corners: NDArray[np.float64], stretch: NDArray[np.float64]) -> NDArray[np.float64]:
    """One outline (corners, 2), for each of (N,) longer along x and narrower across by so much."""
    return np.multiply(corners, np.stack([stretch, 1 / stretch], axis=-1)[:, None, :])


def _around(count: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.linspace(0, 2 * np.pi, _STEPS, endpoint=False), (count, _STEPS))


def _ellipses(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    aspect = np.where(rng.random(count) < 0.4, 1.0, np.exp(np.abs(rng.normal(0, 0.5, count))))  # many true discs
    return _polar(np.ones((count, _STEPS)), _around(count), aspect)


def _polygons(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Three to seven corners; fewer than seven are had by putting corners on top of each other."""
    corners = rng.integers(3, 8, count)[:, None]
    step = np.minimum(np.arange(7), corners - 1)
    jitter = np.take_along_axis(rng.uniform(-0.3, 0.3, (count, 7)), step, axis=1)
    length = np.take_along_axis(rng.uniform(0.7, 1.4, (count, 7)), step, axis=1)
    return _polar(length, (step + jitter) * (2 * np.pi / corners), np.exp(np.abs(rng.normal(0, 0.4, count))))


def _blobs(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A circle with a few waves around it."""
    angle, order = _around(count), np.arange(2, 7)
    height = rng.normal(0, 0.35, (count, 5)) / order
    phase = rng.uniform(0, 2 * np.pi, (count, 5))
    waves = (height[:, :, None] * np.cos(order[:, None] * angle[:, None, :] + phase[:, :, None])).sum(axis=1)
    return _polar(np.maximum(1 + waves, 0.2), angle, np.exp(np.abs(rng.normal(0, 0.4, count))))


def _boxes(aspect: NDArray[np.float64]) -> NDArray[np.float64]:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (np.sqrt(np.pi) / 2)
    stretch = np.sqrt(aspect)
    return _stretched(corners, stretch)


def _rectangles(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return _boxes(np.exp(rng.uniform(0, 1.4, count)))


def _sticks(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return _boxes(np.exp(rng.uniform(1.6, 4.2, count)))


def _pointed(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Two arcs that meet in a tip at either end."""
    half = _STEPS // 2
    x = np.cos(np.pi * np.arange(half) / half)
    edge = 1.25 * (1 - x**2)
    outline = np.stack([np.concatenate([x, -x]) * 1.6, np.concatenate([edge, -edge]) * 0.6], axis=-1)
    stretch = np.exp(rng.normal(0.2, 0.3, count))
    return _stretched(outline, np.sqrt(stretch))


_DRAW = {
    "ellipse": _ellipses,
    "polygon": _polygons,
    "blob": _blobs,
    "rectangle": _rectangles,
    "stick": _sticks,
    "pointed": _pointed,
}
