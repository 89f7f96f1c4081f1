"""Fewer pixels: the one resize function of the house, and the steps made of it.

Shrinking here never aliases unless a step's `filter` says so by name.  Centres are aligned: pixel grids share their outer edges.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import TOP, Levels, to_levels
from sfumato.spoil.parts.paint import with_channels
from sfumato.spoil.parts.ranges import Range, draw, note, pick

Smooth = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
Filter = Literal[
    "nearest", "bilinear", "bicubic", "area", "lanczos", "matlab-bicubic", "aliased-nearest", "aliased-bilinear", "aliased-bicubic"
]
Enlarger = Literal["nearest", "bilinear", "bicubic", "lanczos"]
SMOOTH: tuple[Filter, ...] = ("nearest", "bilinear", "bicubic", "area", "lanczos")

_PILLOW = {
    "nearest": Image.Resampling.BOX,  # what nearest becomes when it is not to alias: the mean of the pixels whose centres fall in
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,  # Keys' a = -1/2, as MATLAB has it
    "lanczos": Image.Resampling.LANCZOS,
}
_ALIASED = {"aliased-nearest": cv2.INTER_NEAREST_EXACT, "aliased-bilinear": cv2.INTER_LINEAR, "aliased-bicubic": cv2.INTER_CUBIC}
# of kernels, to each side, in px of the small picture
_SUPPORT = {"nearest": 0.5, "area": 1, "bilinear": 1, "bicubic": 2, "matlab-bicubic": 2, "lanczos": 3}  # px


def resize(picture: Levels, height: int, width: int, filter: Filter) -> Levels:
    """uint8 (H, W, C) -> (height, width, C), anti-aliased where it shrinks, except with a filter called aliased-..."""
    if filter in _ALIASED:
        return with_channels(np.asarray(cv2.resize(picture, (width, height), interpolation=_ALIASED[filter])))
    if filter == "matlab-bicubic":
        return matlab_bicubic(picture, height, width)
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    if filter == "area" and shrinks:
        return with_channels(np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)))
    if not shrinks and height >= picture.shape[0] and width >= picture.shape[1]:
        return _enlarge(picture, height, width, filter)
    return _by_pillow(picture, height, width, filter)


def matlab_bicubic(picture: Levels, height: int, width: int) -> Levels:
    """As MATLAB's imresize does it, by which published scores of super-resolution are taken.  uint8 (H, W, C) -> (height, width, C)

    Pillow's bicubic is the same inside; beyond the border this mirrors, where Pillow leaves out.  Rounded once, at the end.
    """
    pixels: NDArray[np.float64] = picture.astype(np.float64)
    for axis, side in ((0, height), (1, width)):
        places, weights = _matlab_weights(picture.shape[axis], side)
        spread = (1, -1, 1) if axis else (-1, 1, 1)
        made = pixels.take(places[:, 0], axis) * weights[:, 0].reshape(spread)
        for tap in range(1, places.shape[1]):
            made += pixels.take(places[:, tap], axis) * weights[:, tap].reshape(spread)
        pixels = made
    return to_levels(pixels / TOP)


@lru_cache(maxsize=128)
def _matlab_weights(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which pixels each new one is made of, and how much of each.  Both (side, taps)"""
    scale = side / length
    width = 4 / min(scale, 1)  # of Keys' kernel, made wider where it shrinks
    middle = (np.arange(side) + 0.5) / scale - 0.5
    first = np.floor(middle - width / 2).astype(np.intp)
    places = first[:, None] + np.arange(ceil(width) + 2)
    apart = np.abs(middle[:, None] - places) * min(scale, 1)
    near, far = 1.5 * apart**3 - 2.5 * apart**2 + 1, -0.5 * apart**3 + 2.5 * apart**2 - 4 * apart + 2
    weights = np.where(apart <= 1, near, np.where(apart <= 2, far, 0.0))
    around = places % (2 * length)
    return np.where(around < length, around, 2 * length - 1 - around), weights / weights.sum(1, keepdims=True)


def _enlarge(picture: Levels, height: int, width: int, filter: Filter) -> Levels:
    if filter in ("bicubic", "lanczos"):  # OpenCV's cubic is another one (a = -3/4)
        return _by_pillow(picture, height, width, filter)
    way = cv2.INTER_NEAREST_EXACT if filter == "nearest" else cv2.INTER_LINEAR
    return with_channels(np.asarray(cv2.resize(picture, (width, height), interpolation=way)))


def _by_pillow(picture: Levels, height: int, width: int, filter: Filter) -> Levels:
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    kernel = _PILLOW["nearest" if filter == "area" else filter]
    return with_channels(np.asarray(image.resize((width, height), kernel)))


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Shrink and enlarge again to the same size, so that fine detail is gone.

    factor : how many times smaller in between, 1..64; the small side is rounded, and at least 1 px.
    filter : the kernel that shrinks, anti-aliased: one of those given, drawn once a picture; aliased-nearest, aliased-bilinear
        and aliased-bicubic shrink as careless programs do.
    up : the kernel that enlarges, drawn likewise.
    """

    factor: Range = (2, 4)
    filter: tuple[Filter, ...] = SMOOTH
    up: tuple[Enlarger, ...] = ("bilinear", "bicubic")

    def __post_init__(self) -> None:
        check_range("The factor of scale", self.factor, within=(1, 64))

    @property
    def reach(self) -> int:
        """px: both kernels, at the size they have in the large picture."""
        return ceil(self.factor[1] * (_support(self.filter) + _support(self.up))) if self.factor[1] > 1 else 0

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        factor = draw(rng, self.factor, "factor")
        filter, up = pick(rng, self.filter, "filter"), pick(rng, self.up, "up")
        height, width = picture.shape[:2]
        small = resize(picture, smaller(height, factor), smaller(width, factor), filter)
        return picture if small.shape == picture.shape else resize(small, height, width, up)


def _support(names: Iterable[str]) -> float:
    return max(_SUPPORT[name.removeprefix("aliased-")] for name in names)


def smaller(side: int, factor: float) -> int:
    """The side of a picture shrunk by a factor, rounded half up, at least 1.  px -> px"""
    return max(1, floor(side / factor + 0.5))


@dataclass(frozen=True, kw_only=True)
class Shrink:
    """Make the picture smaller and leave it so: the network then enlarges.  Steps after it spoil the small picture.

    factor : how many times smaller, one whole number 1..16; a range is refused, for a network enlarges by one factor.
        Rows and columns beyond the last multiple of it are cut off first, so that the grids fit exactly.
    filter : the kernel, drawn once a picture, as in `scale`; matlab-bicubic for published protocols.
    """

    factor: int = 2
    filter: tuple[Filter, ...] = ("bicubic",)

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 16:
            raise Refusal(f"The factor of shrink is {self.factor}, but must be a whole number within 1..16.")

    @property
    def enlarges(self) -> int:
        """By how much a network must enlarge what this step leaves."""
        return self.factor

    @property
    def reach(self) -> int:
        """px of the picture before it was shrunk."""
        return ceil(self.factor * _support(self.filter))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> (H // factor, W // factor, C), sides at least 1."""
        filter = pick(rng, self.filter, "filter")
        height, width = (max(1, side // self.factor) for side in picture.shape[:2])
        return resize(picture[: height * self.factor, : width * self.factor], height, width, filter)


@dataclass(frozen=True, kw_only=True)
class Pixelate:
    """Squares of one colour each, the mean of what was there.

    size : side of a square in px, a whole number; the grid starts anywhere.
    """

    size: Range = (4, 12)

    def __post_init__(self) -> None:
        check_range("The size of pixelate", self.size, within=(1, 1024))

    @property
    def reach(self) -> int:
        """px: to the other end of a square, and its edge's copies where it leaves the picture."""
        return 2 * round(self.size[1]) - 1

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        size = round(draw(rng, self.size))
        note(rng, "size", size)
        height, width = picture.shape[:2]
        top, left = (int(rng.random() * size) for _ in range(2))
        rows, columns = ceil((top + height) / size), ceil((left + width) / size)
        edges = (top, rows * size - top - height, left, columns * size - left - width)
        padded = with_channels(np.asarray(cv2.copyMakeBorder(picture, *edges, borderType=cv2.BORDER_REPLICATE)))
        small = resize(padded, rows, columns, "area")
        large = resize(small, rows * size, columns * size, "nearest")
        return large[top : top + height, left : left + width]
