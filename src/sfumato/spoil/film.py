"""What light, damp, dust and hands do to film and prints."""

from dataclasses import dataclass
from math import ceil, pi
from typing import Literal

import numpy as np

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import Levels
from sfumato.spoil.parts.paint import DENSEST, LUMA, Points, blend, check_colours, check_depth, curve, fill, ink, ramp, scatter, stroke
from sfumato.spoil.parts.ranges import Range, draw, note, pick


@dataclass(frozen=True, kw_only=True)
class Scratches:
    """Long thin lines along the way of the film.

    length : px, drawn for each scratch, 1..20000.
    density : scratches per megapixel.
    width : px, drawn for each scratch, 1..50; the thinnest line that can be drawn smoothly has about 1.4.
    angle : degrees from upright, drawn for each scratch.
    colour : names as in CSS, "#rrggbb", or any; one of those given for each scratch.
    opacity : 0..1, drawn for each scratch.
    """

    length: Range = (30, 300)
    density: Range = (40, 40)
    width: Range = (1.0, 2.5)
    angle: Range = (-8.0, 8.0)
    colour: tuple[str, ...] = ("white", "black")
    opacity: Range = (0.4, 1.0)

    def __post_init__(self) -> None:
        check_range("The length of scratches", self.length, within=(1, 20000))
        check_range("The density of scratches", self.density, within=(0, DENSEST))
        check_range("The width of scratches", self.width, within=(1, 50))
        check_range("The angle of scratches", self.angle, within=(-360, 360))
        check_range("The opacity of scratches", self.opacity, within=(0, 1))
        check_colours("of scratches", self.colour)
        check_depth("scratches", self.density[1], self.length[1], self.length[1])

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        half = self.length[1] / 2
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            length, turn = draw(rng, self.length), np.deg2rad(draw(rng, self.angle))
            along = np.linspace(-length / 2, length / 2, 6)
            aside = np.cumsum(rng.normal(0, 0.01 * length, 6))
            points = np.stack([x + along * np.sin(turn) + aside * np.cos(turn), y - along * np.cos(turn) + aside * np.sin(turn)], axis=1)
            mark(canvas, rng, points, self.colour, self.opacity, width=draw(rng, self.width))
        return canvas


@dataclass(frozen=True, kw_only=True)
class Dust:
    """Specks, and here and there a hair.

    size : px across, drawn for each speck, 0.5..200; a hair is eight times as long.
    density : specks per megapixel.
    hairs : share of them that are hairs, 0..1.
    colour : as in `scratches`, for each speck.
    opacity : 0..1, drawn for each speck.
    """

    size: Range = (1.0, 5.0)
    density: Range = (300, 300)
    hairs: float = 0.1
    colour: tuple[str, ...] = ("white", "black")
    opacity: Range = (0.5, 1.0)

    def __post_init__(self) -> None:
        check_range("The size of dust", self.size, within=(0.5, 200))
        check_range("The density of dust", self.density, within=(0, DENSEST))
        check_range("The share of hairs in dust", (self.hairs, self.hairs), within=(0, 1))
        check_range("The opacity of dust", self.opacity, within=(0, 1))
        check_colours("of dust", self.colour)
        check_depth("dust", self.density[1], self._largest, self._largest)

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        half = self._largest / 2
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            size, hair = draw(rng, self.size), rng.random() < self.hairs
            points = bent(rng, 8 * size) if hair else blob(rng, size / 2, corners=7, rough=0.3)
            mark(canvas, rng, points + np.array([x, y]), self.colour, self.opacity, width=1 if hair else 0)
        return canvas

    @property
    def _largest(self) -> float:
        """px that no mark exceeds."""
        return self.size[1] * (8 if self.hairs else 1.5)


@dataclass(frozen=True, kw_only=True)
class Folds:
    """Creases right across the print: the paper shows along a thin line, and a soft shade lies beside it.

    density : creases met on a straight walk of 1000 px, in any direction.
    width : of the line in px, drawn for each crease, 1..50.
    opacity : of the line, 0..1, drawn for each crease; the shade has a third of it.
    colour : of the line, as in `scratches`.
    """

    density: Range = (4, 4)
    width: Range = (1.5, 3.0)
    opacity: Range = (0.4, 0.9)
    colour: tuple[str, ...] = ("white", "ivory")

    def __post_init__(self) -> None:
        check_range("The density of folds", self.density, within=(0, 1000))
        check_range("The width of folds", self.width, within=(1, 50))
        check_range("The opacity of folds", self.opacity, within=(0, 1))
        check_colours("of folds", self.colour)

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        lines = straight_lines(rng, draw(rng, self.density, "density") / 1000, *picture.shape[:2])
        note(rng, "marks", len(lines))
        for points, across in lines:
            width, opacity = draw(rng, self.width), draw(rng, self.opacity)
            side = pick(rng, (-1, 1)) * 2 * width
            mark(canvas, rng, points + across * side, ("black",), (opacity / 3, opacity / 3), width=3 * width, soft=1.5 * width)
            rough = across * rng.normal(0, 0.5 * width, (len(points), 1))
            mark(canvas, rng, points + rough, self.colour, (opacity, opacity), width=width)
        return canvas


def straight_lines(rng: np.random.Generator, rate: float, height: int, width: int) -> list[tuple[Points, Points]]:
    """Lines without end that strike a picture, `rate` of them on every px of any straight walk: as (points, unit vector across).

    A Poisson process of lines: distance from the middle and direction are drawn evenly, which treats every place alike.
    A walk meets 2 lines per px for each line per px of distance and radian of direction (Crofton).
    """
    radius = np.hypot(height, width) / 2 + 1
    found = []
    for _ in range(rng.poisson(rate / 2 * 2 * radius * pi)):
        turn, distance = rng.random() * pi, (2 * rng.random() - 1) * radius
        across = np.array([np.cos(turn), np.sin(turn)])
        steps = np.linspace(-radius, radius, max(2, ceil(radius / 4)))[:, None]
        middle = np.array([width / 2, height / 2]) + distance * across
        found.append((middle + steps * np.array([-across[1], across[0]]), across))
    return found


@dataclass(frozen=True, kw_only=True)
class Stains:
    """What was spilt: round-edged spots with a darker rim.

    size : px across, drawn for each stain, 2..20000.
    density : stains per megapixel.
    opacity : 0..1, drawn for each stain.
    colour : as in `scratches`, for each stain.
    """

    size: Range = (40, 200)
    density: Range = (10, 10)
    opacity: Range = (0.15, 0.5)
    colour: tuple[str, ...] = ("saddlebrown", "peru", "goldenrod", "dimgrey")

    def __post_init__(self) -> None:
        check_range("The size of stains", self.size, within=(2, 20000))
        check_range("The density of stains", self.density, within=(0, DENSEST))
        check_range("The opacity of stains", self.opacity, within=(0, 1))
        check_colours("of stains", self.colour)
        check_depth("stains", self.density[1], self.size[1], self.size[1], most=200)  # large ones have wide soft rims, which take long

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        canvas = picture.copy()
        half = 0.75 * self.size[1]
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            size, opacity, colour = draw(rng, self.size), draw(rng, self.opacity), (pick(rng, self.colour),)
            points = blob(rng, size / 2, corners=48, rough=0.15) + np.array([x, y])
            mark(canvas, rng, points, colour, (opacity, opacity), soft=0.02 * size + 0.3)
            rim = np.concatenate([points, points[:1]])
            mark(canvas, rng, rim, colour, (opacity / 2, opacity / 2), width=0.03 * size + 1, soft=0.01 * size + 0.3)
        return canvas


@dataclass(frozen=True, kw_only=True)
class Fade:
    """Pull every colour towards that of bare paper, as years of light do.

    keep : the contrast that is left, 0..1, drawn once a picture; 1 changes nothing, 0 leaves paper.
    paper : sRGB-encoded colour of the paper, three numbers in 0..1.
    """

    keep: Range = (0.3, 0.8)
    paper: tuple[float, float, float] = (0.94, 0.90, 0.80)

    def __post_init__(self) -> None:
        check_range("The keep of fade", self.keep, within=(0, 1))
        if not all(0 <= part <= 1 for part in self.paper):
            raise Refusal(f"The paper of fade is {self.paper}, but each of its three numbers must lie within 0..1.")

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        paper = np.array(self.paper) if picture.shape[2] == 3 else np.atleast_1d(np.array(self.paper) @ LUMA)
        return curve(picture, paper + draw(rng, self.keep, "keep") * (ramp() - paper))


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Tint everything, as aged dyes and wrong lamps do: each channel keeps black and white, and bends in between.

    strength : how far middle grey is moved at most, as a share of the whole range, 0..0.4, drawn once a picture.
    hue : warm (towards red and yellow), cold (towards blue), or any, drawn once a picture.
    """

    strength: Range = (0.05, 0.2)
    hue: tuple[Literal["any", "warm", "cold"], ...] = ("any",)

    def __post_init__(self) -> None:
        check_range("The strength of cast", self.strength, within=(0, 0.4))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape; a grey picture changes only in brightness."""
        strength, hue = draw(rng, self.strength, "strength"), pick(rng, self.hue, "hue")
        drawn = 2 * rng.random(3) - 1
        shift = {"any": drawn, "warm": np.array([1, 0.3, -1]), "cold": np.array([-1, -0.1, 1])}[hue]
        shift = strength * shift / np.abs(shift).max()
        if picture.shape[2] == 1:
            shift = np.atleast_1d(shift @ LUMA)
        return curve(picture, ramp() ** (np.log(0.5 + shift) / np.log(0.5)))  # 0.5 goes to 0.5 + shift


def mark(
    canvas: Levels, rng: np.random.Generator, points: Points, colours: tuple[str, ...], opacity: Range, *, width: float = 0, soft: float = 0
) -> None:
    """Draw a line along points, or fill their shape (width 0), in one of the colours, in place."""
    colour, strength = ink(rng, colours, canvas.shape[2]), draw(rng, opacity)
    drawn = stroke(canvas, points, width=width, soft=soft) if width else fill(canvas, points, soft=soft)
    if drawn is not None:
        cover, top, left = drawn
        blend(canvas, cover, top, left, colour, strength)


def blob(rng: np.random.Generator, radius: float, *, corners: int, rough: float) -> Points:
    """A closed round shape about the origin whose radius wavers by about `rough` of itself, never beyond half.  -> (corners, 2)"""
    turns = np.arange(corners) * (2 * pi / corners)
    waves = np.arange(2, 6)
    heights = rng.normal(0, rough, 4) / np.sqrt(waves)
    phases = rng.random(4) * 2 * pi
    wavering = np.clip((heights * np.sin(np.outer(turns, waves) + phases)).sum(1), -0.5, 0.5)
    points: Points = radius * (1 + wavering)[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return points


def bent(rng: np.random.Generator, length: float) -> Points:
    """A curved line about the origin, of 8 points.  -> (8, 2)"""
    turns = rng.random() * 2 * pi + np.linspace(-0.5, 0.5, 7) * rng.normal(0, 1.5)
    points = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0) * (length / 7)
    points = np.concatenate([np.zeros((1, 2)), points])
    centred: Points = points - (points.max(0) + points.min(0)) / 2
    return centred
