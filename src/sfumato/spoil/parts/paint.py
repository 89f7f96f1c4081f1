"""Paint: colours by name, where marks fall, and laying marks over part of a picture.

What paints, paints in place on a canvas the step has made for itself, and touches only the window of its mark.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from sfumato.core.errors import Refusal, unknown
from sfumato.core.levels import TOP, Levels, Unit, to_levels, to_unit
from sfumato.spoil.parts.ranges import note, pick

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as JPEG and Pillow have it
SPREAD = 0.75  # px by which OpenCV's smooth fill covers more than the corners enclose (measured)
FINE = 4  # bits of a pixel's fraction in OpenCV's drawing
DENSEST = 20000  # marks per megapixel, at most
Window = tuple[int, int, int, int]  # top, left, bottom, right
Cover = NDArray[np.uint8]  # (h, w), how much of a pixel a mark covers, 0..TOP
Drawn = tuple[Cover, int, int]  # a cover and its top and left on the canvas
Points = NDArray[np.float64]  # (n, 2), x and y in px


def with_channels(array: NDArray[Any]) -> Levels:
    """What OpenCV gives back, (H, W) or (H, W, C) -> (H, W, C)."""
    return array[..., None] if array.ndim == 2 else array


def check_colours(what: str, names: Iterable[str], also: tuple[str, ...] = ()) -> None:
    """Refuse a colour that is none of: any, the names of CSS, "#rrggbb", or `also`."""
    for name in names:
        if name not in ("any", *also):
            try:
                ImageColor.getrgb(name)
            except ValueError:
                raise unknown(f"colour ({what})", name, [*ImageColor.colormap, "any", *also]) from None


def check_depth(what: str, density: float, high: float, wide: float, *, most: float = 1000) -> None:
    """Refuse marks of `high` x `wide` px, `density` of them on every million px, that would lie more than `most` deep everywhere."""
    deep = density * high * wide / 1e6
    if deep > most:
        raise Refusal(f"The marks of {what} would lie {deep:.0f} deep everywhere, but at most {most:g} may: make them fewer or smaller.")


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[float, ...]:
    return tuple(to_unit(np.array(ImageColor.getrgb(name)[:3], np.uint8)).tolist())


def ink(rng: np.random.Generator, names: tuple[str, ...], channels: int) -> Unit:
    """One of the colours, "any" being drawn evenly from all of sRGB.  -> float32 (channels,) in 0..1; grey gets its luma."""
    name = pick(rng, names)
    colour = rng.random(3, dtype=np.float32) if name == "any" else np.array(_named(name), np.float32)
    return colour if channels == 3 else np.atleast_1d(colour @ LUMA)


def scatter(rng: np.random.Generator, density: float, picture: Levels, overhang: tuple[float, float]) -> list[list[float]]:
    """Centres (y, x) of marks, `density` of them on every million px, anywhere, also so far outside that they still touch.

    A Poisson process over the picture grown by `overhang` (half of the largest mark's height and width), so that any
    window of an endless spoilt plane looks alike: crops are struck as often and as much as whole pictures.
    """
    high, wide = (side + 2 * over for side, over in zip(picture.shape[:2], overhang, strict=True))
    count = rng.poisson(density * high * wide / 1e6)
    places: list[list[float]] = (rng.random((count, 2)) * (high, wide) - overhang).tolist()
    note(rng, "marks", count)
    return places


def window(canvas: Levels, top: int, left: int, height: int, width: int) -> Window | None:
    """The part of a box that lies on the canvas, or None."""
    bottom, right = min(top + height, canvas.shape[0]), min(left + width, canvas.shape[1])
    top, left = max(top, 0), max(left, 0)
    return (top, left, bottom, right) if top < bottom and left < right else None


def blend(canvas: Levels, cover: Cover, top: int, left: int, colour: NDArray[np.float32], opacity: float = 1.0) -> Window | None:
    """Lay a colour, (C,) or (h, w, C) in 0..1, over the canvas in place where `cover` (h, w) says.  It may lie partly outside.

    -> the window that was painted, or None.
    """
    box = window(canvas, top, left, *cover.shape)
    if box is None:
        return None
    y0, x0, y1, x1 = box
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = to_unit(canvas[y0:y1, x0:x1])
    over = colour[inside] if colour.ndim == 3 else colour
    under += (over - under) * (cover[inside][..., None] * np.float32(opacity / TOP))
    canvas[y0:y1, x0:x1] = to_levels(under)
    return box


def fill(canvas: Levels, corners: Points, *, soft: float = 0.0) -> Drawn | None:
    """What a closed shape covers of the canvas; `soft` is the sigma in px of its blurred edge.  Corners (n, 2) are x, y in px."""
    middle = corners.mean(0)
    radius = np.maximum(np.hypot(*(corners - middle).T), 1e-6)[:, None]
    return _drawn(canvas, middle + (corners - middle) * np.maximum(radius - SPREAD, 0) / radius, soft)


def stroke(canvas: Levels, points: Points, *, width: float, soft: float = 0.0) -> Drawn | None:
    """What a smooth line of `width` px along points (n, 2) covers of the canvas; the thinnest is about 1.4 px."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    aside = across * max(width / 2 - SPREAD, 0)
    return _drawn(canvas, np.concatenate([points + aside, (points - aside)[::-1]]), soft)


def brush(canvas: Levels, points: Points, *, width: float) -> Drawn | None:
    """What a round brush of `width` px along points (n, 2) covers of the canvas, with no pixel half covered."""
    frame = _frame(canvas, points, pad=width / 2 + 1, spare=0)
    if frame is None:
        return None
    cover, top, left = frame
    thickness = max(1, 2 * round((width - 1) / 2))  # OpenCV draws even ones one px too wide, odd ones two
    cv2.polylines(cover, [_fixed(points - (left, top))], False, TOP, thickness, cv2.LINE_8, FINE)
    return frame


def _drawn(canvas: Levels, corners: Points, soft: float) -> Drawn | None:
    spare = ceil(3 * soft)  # a soft edge needs what lies just outside; the rest of a long line need not be drawn
    frame = _frame(canvas, corners, pad=spare + 2, spare=spare)
    if frame is None:
        return None
    cover, top, left = frame
    cv2.fillPoly(cover, [_fixed(corners - (left, top))], TOP, cv2.LINE_AA, FINE)
    if soft:
        cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft, borderType=cv2.BORDER_CONSTANT), np.uint8)
    return cover, top, left


def _frame(canvas: Levels, points: Points, *, pad: float, spare: int) -> Drawn | None:
    """An empty cover around points, as far as it meets the canvas grown by `spare` px."""
    left, top = (max(floor(side - pad), -spare) for side in points.min(0).tolist())
    right, bottom = (ceil(side + pad) + 1 for side in points.max(0).tolist())
    bottom, right = min(bottom, canvas.shape[0] + spare), min(right, canvas.shape[1] + spare)
    return (np.zeros((bottom - top, right - left), np.uint8), top, left) if top < bottom and left < right else None


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.round(points * 2**FINE), np.int32).reshape(-1, 1, 2)


def curve(picture: Levels, table: NDArray[np.floating[Any]]) -> Levels:
    """Send every level through a table (TOP + 1, 1 or C) of values in 0..1, one column a channel or one for all."""
    levels = to_levels(table)
    if levels.shape[1] == 1:
        return with_channels(np.asarray(cv2.LUT(picture, levels[:, 0])))
    return with_channels(np.asarray(cv2.LUT(picture, levels.reshape(1, TOP + 1, -1))))


def ramp() -> Unit:
    """All levels in 0..1, to be bent into a table for `curve`.  (TOP + 1, 1)"""
    return to_unit(np.arange(TOP + 1, dtype=np.uint8))[:, None]


def wallpaper(tile: Cover, height: int, width: int, *, angle: float, phase: tuple[float, float]) -> Cover:
    """Repeat a tile without end, turned by `angle` degrees and shifted by `phase` px (x, y).  -> (height, width)"""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    where = np.array([[cosine, sine, phase[0]], [-sine, cosine, phase[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(tile, where, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP), np.uint8)
