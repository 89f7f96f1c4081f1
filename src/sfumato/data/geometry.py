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

    def apply(self, pixels: Array, *, nearest: bool = False) -> Array:
        """(h, w, ...) as read from the window -> (crop, ...).  `nearest`: labels are not mixed."""
        height, width = self.crop
        if self.matrix is not None:
            pixels = self._warp(pixels, nearest)
        pixels = _to_size(pixels, height, width)
        if self.flip:
            pixels = pixels[:, ::-1]
        if self.turns:
            pixels = np.rot90(pixels, self.turns)
        return np.ascontiguousarray(pixels)

    def _warp(self, pixels: Array, nearest: bool) -> Array:
        """Shrinking averages: what is drawn larger is warped finely and then averaged down, so that nothing aliases."""
        height, width = self.crop
        matrix = np.asarray(self.matrix, np.float64)
        fine = 1 if nearest else max(1, int(np.ceil(np.linalg.norm(matrix[:2, :2], 2) - 1e-6)))
        to_fine = np.diag([1 / fine, 1 / fine, 1.0])
        centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])  # OpenCV counts from the middle of the first pixel
        whole = centre @ matrix @ to_fine @ np.linalg.inv(centre)
        flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
        warped = cv2.warpPerspective(pixels, whole, (width * fine, height * fine), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        if fine > 1:
            warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
        return warped.reshape(height, width, *pixels.shape[2:])


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


def read_window(picture: Array, window: tuple[int, int, int, int]) -> Array:
    """A window of a picture; what lies beyond the picture is mirrored.  A view where it lies inside."""
    top, left, height, width = window
    if top >= 0 and left >= 0 and top + height <= picture.shape[0] and left + width <= picture.shape[1]:
        return picture[top : top + height, left : left + width]
    return picture[np.ix_(mirrored(top, height, picture.shape[0]), mirrored(left, width, picture.shape[1]))]


def mirrored(start: int, length: int, whole: int) -> NDArray[np.intp]:
    """Indices start .. start + length - 1, mirrored at 0 and at `whole` - 1 as often as needed (the border itself once)."""
    if whole == 1:
        return np.zeros(length, np.intp)
    period = 2 * whole - 2
    index = np.arange(start, start + length) % period
    return np.where(index < whole, index, period - index).astype(np.intp)


def _matrix(crop: int, side: int, zoom: float, angle: float, moved: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """From crop to window: about the middle of both, scaled by zoom, turned, and with corners moved."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    middle, half = side / 2, crop / 2
    whole = np.array([[cos, -sin, middle - cos * half + sin * half], [sin, cos, middle - sin * half - cos * half], [0, 0, 1.0]])
    if moved is None:
        return whole
    corners = np.array([[0, 0], [crop, 0], [crop, crop], [0, crop]], np.float32)
    bent = cv2.getPerspectiveTransform(corners, (corners + moved * crop).astype(np.float32))
    return whole @ bent


def _to_size(pixels: Array, height: int, width: int) -> Array:
    if pixels.shape[:2] == (height, width):
        return pixels
    return read_window(pixels, ((pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2, height, width))


@dataclass(frozen=True, kw_only=True)
class Erase:
    """Replace a rectangle of the input by noise, in training only, so that filling is learnt too (Zhong et al. 2017)."""

    chance: float
    share: tuple[float, float] = (0.02, 0.15)  # of the crop's area

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same; the noise has the picture's own mean and spread per channel."""
        if rng.random() >= self.chance:
            return picture
        height, width, channels = picture.shape
        area, aspect = rng.uniform(*self.share) * height * width, np.exp(rng.uniform(-1, 1))
        tall, wide = (min(max(1, round(float(side))), most) for side, most in ((np.sqrt(area * aspect), height), (np.sqrt(area / aspect), width)))
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        unit = to_unit(picture.reshape(-1, channels))
        noise = rng.normal(unit.mean(0), unit.std(0) + 1e-3, (tall, wide, channels))
        erased = picture.copy()
        erased[top : top + tall, left : left + wide] = to_levels(noise)
        return erased
