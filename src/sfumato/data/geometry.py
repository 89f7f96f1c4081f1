"""Geometry that strikes several pictures alike: which window of a picture becomes the crop, and how it is turned, scaled and bent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import Levels, to_levels, to_unit

Array = NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """One drawn geometry: the same for input, target and mask.

    window : top, left, height, width in the source; what must be read.
    crop : height and width of the result.
    matrix : 3x3 from result to window coordinates (px, corner of the first pixel at 0); None where pixels are only moved.
    """

    window: tuple[int, int, int, int]
    crop: tuple[int, int]
    flip: bool = False
    turns: int = 0  # quarter turns, anticlockwise
    matrix: NDArray[np.float64] | None = None

    @property
    def scale(self) -> float:
        """px of the window for a px of the result, in its middle: above 1 things became smaller."""
        if self.matrix is None:
            return 1.0
        middle = (self.crop[1] / 2, self.crop[0] / 2)
        return float(np.sqrt(abs(np.linalg.det(_jacobians(self.matrix, np.array([middle]))[0]))))

    def apply(self, pixels: Array, *, nearest: bool = False) -> Array:
        """(h, w, ...) as read from the window -> (crop, ...).

        Pictures are uint8 or float32 with up to 4 channels where they are warped.  `nearest`, for labels and masks of any type,
        mixes nothing.  Where pixels are only moved, every value comes through as it is, and the result may be a view.
        """
        height, width = self.crop
        if self.matrix is not None:
            pixels = _pick(pixels, self.matrix, height, width) if nearest else _warp(pixels, self.matrix, height, width)
        return _turned(_to_size(pixels, height, width), self.flip, self.turns)


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """What may be drawn.  See tasks/parts/sections.py `Augment` for the meaning and units of each."""

    flip: bool = False
    quarter_turns: bool = False
    rotate: float = 0.0  # degrees, at most
    zoom: tuple[float, float] = (1.0, 1.0)  # side of the window over side of the crop
    perspective: float = 0.0  # share of the side by which corners move, at most
    pad: int = 0  # px the window may reach beyond the picture

    def __post_init__(self) -> None:
        check_range("augment.zoom", self.zoom, within=(0.25, 8))
        if self.rotate < 0 or self.perspective < 0 or self.pad < 0:
            raise Refusal("augment.rotate, augment.perspective and augment.pad cannot be negative.")

    def draw(self, rng: np.random.Generator, height: int, width: int, crop: int) -> Plan:
        """A plan for a picture of that size; a picture smaller than the window is mirrored at its borders."""
        flip = bool(self.flip and rng.random() < 0.5)
        turns = int(rng.integers(0, 4)) if self.quarter_turns else 0
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom)))) if self.zoom != (1.0, 1.0) else 1.0
        angle = float(np.deg2rad(rng.uniform(-self.rotate, self.rotate))) if self.rotate else 0.0
        moved = rng.uniform(-self.perspective, self.perspective, (4, 2)) if self.perspective else None
        fits = min(height, width) / crop  # never look farther than the picture is large, for a mirrored rim teaches nothing
        zoom = min(zoom, max(fits, 1.0)) if zoom > 1 else zoom
        side = crop if zoom == 1 and not angle and moved is None else int(np.ceil(crop * zoom * (abs(np.cos(angle)) + abs(np.sin(angle)))))
        if moved is not None:
            side = int(np.ceil(side * (1 + 2 * self.perspective)))
        top, left = self._place(rng, height, side), self._place(rng, width, side)
        matrix = None if side == crop and not angle and moved is None and zoom == 1 else _matrix(crop, side, zoom, angle, moved)
        return Plan((top, left, side, side), (crop, crop), flip, turns, matrix)

    def _place(self, rng: np.random.Generator, length: int, side: int) -> int:
        low, high = -self.pad, length - side + self.pad
        if high < low:  # the picture is smaller than the window: it lies in its middle
            return (length - side) // 2
        return int(rng.integers(low, high + 1))


def centred(height: int, width: int, crop: int) -> Plan:
    """For validation: the middle of a picture, without chance; a picture smaller than the crop is mirrored at its borders."""
    return Plan(((height - crop) // 2, (width - crop) // 2, crop, crop), (crop, crop))


def whole(height: int, width: int) -> Plan:
    """For validation: the picture as it is."""
    return Plan((0, 0, height, width), (height, width))


def read_window(picture: Array, window: tuple[int, int, int, int]) -> Array:
    """A window of a picture; what lies beyond the picture is mirrored.  A view where it lies inside."""
    top, left, height, width = window
    if top >= 0 and left >= 0 and top + height <= picture.shape[0] and left + width <= picture.shape[1]:
        return picture[top : top + height, left : left + width]
    return picture[np.ix_(mirrored(top, height, picture.shape[0]), mirrored(left, width, picture.shape[1]))]


def mirrored(start: int, length: int, side: int) -> NDArray[np.intp]:
    """Indices start .. start + length - 1, mirrored at 0 and at `side` - 1 as often as needed (the border itself once)."""
    return _reflected(np.arange(start, start + length), side)


def _reflected(index: NDArray[np.intp], side: int) -> NDArray[np.intp]:
    if side == 1:
        return np.zeros_like(index)
    period = 2 * side - 2
    index = index % period
    return np.where(index < side, index, period - index).astype(np.intp)


def _matrix(crop: int, side: int, zoom: float, angle: float, moved: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """From crop to window: about the middle of both, scaled by zoom, turned, and with corners moved."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    middle, half = side / 2, crop / 2
    turned = np.array([[cos, -sin, middle - cos * half + sin * half], [sin, cos, middle - sin * half - cos * half], [0, 0, 1.0]])
    if moved is None:
        return turned
    corners = np.array([[0, 0], [crop, 0], [crop, crop], [0, crop]], np.float32)
    bent = cv2.getPerspectiveTransform(corners, (corners + moved * crop).astype(np.float32))
    both: NDArray[np.float64] = turned @ bent
    return both


def _warp(pixels: Array, matrix: NDArray[np.float64], height: int, width: int) -> Array:
    """Cubic; where that shrinks, it is drawn finer and then averaged, so that nothing aliases."""
    fine = max(1, int(np.ceil(_steepest(matrix, height, width) - 1e-6)))
    to_fine = np.diag([1 / fine, 1 / fine, 1.0])
    centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])  # OpenCV counts from the middle of the first pixel
    counted = centre @ matrix @ to_fine @ np.linalg.inv(centre)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(pixels, counted, (width * fine, height * fine), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    if fine > 1:
        warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    return warped.reshape(height, width, *pixels.shape[2:])


def _steepest(matrix: NDArray[np.float64], height: int, width: int) -> float:
    """Most source pixels a step in the result can pass: under perspective, it is at one of the corners."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    return float(np.linalg.norm(_jacobians(matrix, corners), 2, axis=(1, 2)).max())


def _jacobians(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How steps in the result move through the source, at (N, 2) points of the result.  (N, 2, 2)"""
    start, right, down = (_mapped(matrix, points + step) for step in ((0, 0), (1e-3, 0), (0, 1e-3)))
    return np.stack([right - start, down - start], axis=-1) / 1e-3


def _pick(pixels: Array, matrix: NDArray[np.float64], height: int, width: int) -> Array:
    """The pixel that the middle of each result falls into."""
    if not matrix[[0, 1, 2, 2], [1, 0, 0, 1]].any():  # rows stay rows, and columns columns
        lines = zip((1, 0), (height, width), pixels.shape)
        rows, columns = (
            _reflected(np.floor((matrix[axis, axis] * (np.arange(count) + 0.5) + matrix[axis, 2]) / matrix[2, 2]).astype(np.intp), side)
            for axis, count, side in lines
        )
        return np.asarray(pixels[np.ix_(rows, columns)])
    y, x = np.indices((height, width)) + 0.5
    found = np.floor(_mapped(matrix, np.stack([x, y], axis=-1).reshape(-1, 2))).astype(np.intp).reshape(height, width, 2)
    picked: Array = pixels[_reflected(found[..., 1], pixels.shape[0]), _reflected(found[..., 0], pixels.shape[1])]
    return picked


def _mapped(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) points x, y through a 3x3 matrix."""
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    mapped: NDArray[np.float64] = homogeneous[:, :2] / homogeneous[:, 2:]
    return mapped


_ROTATIONS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def _turned(pixels: Array, flip: bool, turns: int) -> Array:
    """Mirrored left to right, then turned.  OpenCV moves whole pixels where numpy moves bytes: ten times faster for uint8 colours."""
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] <= 4:
        moved = cv2.flip(pixels, 1) if flip else pixels
        moved = cv2.rotate(moved, _ROTATIONS[turns]) if turns else moved
        return np.ascontiguousarray(moved).reshape(*moved.shape[:2], pixels.shape[2])
    moved = pixels[:, ::-1] if flip else pixels
    return np.ascontiguousarray(np.rot90(moved, turns))


def _to_size(pixels: Array, height: int, width: int) -> Array:
    if pixels.shape[:2] == (height, width):
        return pixels
    return read_window(pixels, ((pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2, height, width))


@dataclass(frozen=True, kw_only=True)
class Erase:
    """Replace a rectangle of the input by noise, in training only, so that filling is learnt too (Zhong et al. 2017)."""

    chance: float  # of a picture being struck
    share: tuple[float, float] = (0.02, 0.15)  # of the crop's area

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same; the noise has the picture's own mean and spread per channel."""
        if rng.random() >= self.chance:
            return picture
        height, width, channels = picture.shape
        area, aspect = rng.uniform(*self.share) * height * width, np.exp(rng.uniform(-1, 1))
        tall = min(max(1, round(float(np.sqrt(area * aspect)))), height)
        wide = min(max(1, round(float(np.sqrt(area / aspect)))), width)
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        unit = to_unit(picture.reshape(-1, channels))
        noise = rng.normal(unit.mean(0), unit.std(0) + 1e-3, (tall, wide, channels))
        erased = picture.copy()
        erased[top : top + tall, left : left + wide] = to_levels(noise)
        return erased
