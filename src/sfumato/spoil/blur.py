"""Blur: out of focus, shaken, or just soft.  All kinds are measured by the standard deviation of their kernel, so one number fits all."""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import check_range
from sfumato.core.levels import Levels
from sfumato.spoil.parts.paint import with_channels
from sfumato.spoil.parts.ranges import Range, draw, pick

Kernel = NDArray[np.float32]
PIXEL = 1 / 12  # px^2, the variance that a shape gains when it is spread over whole pixels
LEAST = 0.05  # px; of a smaller sigma all weight is on the middle, and OpenCV refuses 0
EDGE = cv2.BORDER_REFLECT  # the edge's pixel is doubled: no dark rim, and a picture of one pixel stays one


@dataclass(frozen=True, kw_only=True)
class Blur:
    """Spread every pixel over its neighbours.

    sigma : standard deviation of the kernel in px, 0..50: along each axis, for motion along its direction; 0 changes nothing.
    kind : the kernel, one of those given, drawn once a picture: gaussian, box (a square), motion (a line), defocus (a disc).
    angle : direction of motion in degrees, 0 being along the rows.
    """

    sigma: Range = (0.5, 2.0)
    kind: tuple[Literal["gaussian", "box", "motion", "defocus"], ...] = ("gaussian",)
    angle: Range = (0.0, 180.0)

    def __post_init__(self) -> None:
        check_range("The sigma of blur", self.sigma, within=(0, 50))
        check_range("The angle of blur", self.angle, within=(-360, 360))

    @property
    def reach(self) -> int:
        """px; the Gaussian is cut at three sigma."""
        return ceil(3 * self.sigma[1]) + 1 if self.sigma[1] else 0

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        kind, sigma = pick(rng, self.kind, "kind"), draw(rng, self.sigma, "sigma")
        if sigma < LEAST:
            return picture
        if kind == "gaussian":
            return gaussian(picture, sigma)
        if kind == "box":
            side = box(sigma)
            return with_channels(np.asarray(cv2.sepFilter2D(picture, -1, side, side, borderType=EDGE)))
        kernel = disc(sigma) if kind == "defocus" else streak(sigma, draw(rng, self.angle, "angle"))
        return with_channels(np.asarray(cv2.filter2D(picture, -1, kernel, borderType=EDGE)))


def gaussian(picture: Levels, sigma: float) -> Levels:
    """uint8 (H, W, C) -> the same shape; sigma in px, more than 0."""
    side = 2 * ceil(3 * sigma) + 1
    return with_channels(np.asarray(cv2.GaussianBlur(picture, (side, side), sigma, borderType=EDGE)))


def box(sigma: float) -> Kernel:
    """A row of equal weights, less at both ends, so that the standard deviation is exactly sigma px.  -> (n,), sum 1"""
    half = floor((sqrt(12 * sigma**2 + 1) - 1) / 2)  # n equal weights have variance (n^2 - 1) / 12
    count, squares = 2 * half + 1, half * (half + 1) * (2 * half + 1) / 3
    ends = (count * sigma**2 - squares) / (2 * (half + 1) ** 2 - 2 * sigma**2)
    return _whole(np.concatenate([[ends], np.ones(count), [ends]]))


def disc(sigma: float) -> Kernel:
    """A disc with soft rim: what a point out of focus becomes.  -> (n, n), sum 1"""
    radius = 2 * sqrt(max(sigma**2 - PIXEL, 0))  # a disc's variance along an axis is radius^2 / 4
    axis = _axis(radius)
    weights = np.clip(radius + 0.5 - np.hypot(axis[:, None], axis), 0, 1)
    return _whole(weights)


def streak(sigma: float, angle: float) -> Kernel:
    """A line one px wide, `angle` degrees from the rows: what a point becomes when the camera moves.  -> (n, n), sum 1"""
    half = sqrt(3 * max(sigma**2 - PIXEL, 0))  # a line's variance is length^2 / 12
    axis = _axis(half)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    along = np.abs(axis * cosine - axis[:, None] * sine)
    across = np.abs(axis * sine + axis[:, None] * cosine)
    weights = np.clip(half + 0.5 - along, 0, 1) * np.clip(1 - across, 0, 1)
    return _whole(weights)


def _axis(half: float) -> NDArray[np.float64]:
    return np.arange(-ceil(half + 0.5), ceil(half + 0.5) + 1.0)


def _whole(weights: NDArray[np.float64]) -> Kernel:
    return np.asarray(weights / weights.sum(), np.float32)
