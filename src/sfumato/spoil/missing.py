"""Parts that are gone: holes, cut borders, patches of nothing but noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import check_range
from sfumato.core.levels import TOP, Levels, to_levels
from sfumato.spoil.parts.paint import DENSEST, brush, check_colours, check_depth, ink, scatter, window
from sfumato.spoil.parts.ranges import Range, draw, note, pick

Kind = Literal["rectangle", "free", "centre"]
Side = Literal["left", "right", "top", "bottom"]
SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Cut pieces out and fill them with one colour, or with noise.

    size : px, a whole number, 1..20000: each side of a rectangle by itself, the extent of a free form, the side of the centre's square.
    density : holes per megapixel; the centre's is always one.
    kind : rectangle, free (strokes of a thick brush), or centre (one square in the middle), drawn once a picture.
    fill : a colour's name as in CSS, "#rrggbb", any, or noise; one of those given for each hole.
    """

    size: Range = (16, 48)
    density: Range = (60, 60)
    kind: tuple[Kind, ...] = ("rectangle",)
    fill: tuple[str, ...] = ("white",)

    def __post_init__(self) -> None:
        check_range("The size of hole", self.size, within=(1, 20000))
        check_range("The density of hole", self.density, within=(0, DENSEST))
        check_colours("of hole", self.fill, also=("noise",))
        check_depth("hole", self.density[1] if set(self.kind) - {"centre"} else 0, self.size[1], self.size[1])

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        kind = pick(rng, self.kind, "kind")
        if kind == "centre":
            size = round(draw(rng, self.size))
            note(rng, "size", size)
            height, width = picture.shape[:2]
            cut(canvas, (height - size) // 2, (width - size) // 2, size, size, self.fill, rng)
            return canvas
        half = self.size[1] * (0.5 if kind == "rectangle" else 0.65)
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            if kind == "rectangle":
                high, wide = (round(draw(rng, self.size)) for _ in range(2))
                cut(canvas, round(y - high / 2), round(x - wide / 2), high, wide, self.fill, rng)
            else:
                self._brush(canvas, y, x, draw(rng, self.size), rng)
        return canvas

    def _brush(self, canvas: Levels, y: float, x: float, size: float, rng: np.random.Generator) -> None:
        points = np.array([x, y]) + (rng.random((4 + int(rng.random() * 5), 2)) - 0.5) * size
        drawn = brush(canvas, points, width=max(1, size / 4))
        if drawn is not None:
            cover, top, left = drawn
            view = canvas[top : top + cover.shape[0], left : left + cover.shape[1]]
            struck = cover > 0
            view[struck] = stuff(int(struck.sum()), canvas.shape[2], self.fill, rng)


def cut(canvas: Levels, top: int, left: int, height: int, width: int, fill: tuple[str, ...], rng: np.random.Generator) -> None:
    """Fill a rectangle in place; it may lie partly outside."""
    box = window(canvas, top, left, height, width)
    if box is not None:
        y0, x0, y1, x1 = box
        canvas[y0:y1, x0:x1] = stuff((y1 - y0) * (x1 - x0), canvas.shape[2], fill, rng).reshape(y1 - y0, x1 - x0, -1)


def stuff(count: int, channels: int, fill: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a hole is filled with: one of the fills.  -> uint8 (count, channels)"""
    name = pick(rng, fill)
    if name == "noise":
        return rng.integers(0, TOP, (count, channels), dtype=np.uint8, endpoint=True)
    return np.broadcast_to(to_levels(ink(rng, (name,), channels)), (count, channels))


@dataclass(frozen=True, kw_only=True)
class Border:
    """Cut strips off the sides and fill them with one colour.

    size : of a strip in px, a whole number drawn for each strip, 0..20000; at most the whole picture goes.
    side : left, right, top, bottom; any (one of the four, drawn once a picture) or all; one of those given, drawn once a picture.
    fill : as in `hole`.
    """

    size: Range = (4, 24)
    side: tuple[Literal["any", "all", "left", "right", "top", "bottom"], ...] = ("any",)
    fill: tuple[str, ...] = ("white",)

    def __post_init__(self) -> None:
        check_range("The size of border", self.size, within=(0, 20000))
        check_colours("of border", self.fill, also=("noise",))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        height, width = picture.shape[:2]
        name = pick(rng, self.side)
        sides = SIDES if name == "all" else (pick(rng, SIDES) if name == "any" else name,)
        note(rng, "side", name if name == "all" else sides[0])
        fill = (pick(rng, self.fill),)
        for side in sides:
            size = round(draw(rng, self.size, "size"))
            top = height - size if side == "bottom" else 0
            left = width - size if side == "right" else 0
            high, wide = (height, size) if side in ("left", "right") else (size, width)
            cut(canvas, top, left, high, wide, fill, rng)
        return canvas


@dataclass(frozen=True, kw_only=True)
class Erase:
    """Replace rectangles by unit noise: normal noise with the mean and spread that photographs have.

    size : px, a whole number, each side by itself, 1..20000.
    density : patches per megapixel.
    mean : of the noise, in 0..1.
    spread : its standard deviation, in 0..1.
    """

    size: Range = (16, 48)
    density: Range = (60, 60)
    mean: float = 0.45
    spread: float = 0.225

    def __post_init__(self) -> None:
        check_range("The size of erase", self.size, within=(1, 20000))
        check_range("The density of erase", self.density, within=(0, DENSEST))
        check_range("The mean of erase", (self.mean, self.mean), within=(0, 1))
        check_range("The spread of erase", (self.spread, self.spread), within=(0, 1))
        check_depth("erase", self.density[1], self.size[1], self.size[1])

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        half = self.size[1] / 2
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            high, wide = (round(draw(rng, self.size)) for _ in range(2))
            box = window(canvas, round(y - high / 2), round(x - wide / 2), high, wide)
            if box is not None:
                y0, x0, y1, x1 = box
                shape = (y1 - y0, x1 - x0, canvas.shape[2])
                canvas[y0:y1, x0:x1] = to_levels(self.mean + self.spread * rng.standard_normal(shape, dtype=np.float32))
        return canvas
