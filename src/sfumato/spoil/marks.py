"""Marks that people and machines put on pictures: burned-in text, watermarks, logos.

Marks fall with a density per area (`paint.scatter`), so a crop and a whole picture are spoilt alike.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import Levels
from sfumato.spoil.parts import emblems, lettering
from sfumato.spoil.parts.paint import DENSEST, Cover, blend, check_colours, check_depth, ink, scatter, wallpaper
from sfumato.spoil.parts.ranges import Range, draw, pick

LARGEST = 32 << 20  # px of a text that is drawn whole, before it is laid over the picture


def check_letters(step: str, texts: tuple[str, ...], size: float) -> None:
    """Refuse texts that would be drawn larger than any picture is."""
    for text in texts:
        lines = text.splitlines() or [""]
        if 1.5 * len(lines) * lettering.WIDEST * max(map(len, lines)) * size**2 > LARGEST:
            raise Refusal(f"What {step} says is too long for letters of {size:g} px: {text[:30]!r}... has {len(text)} characters.")


@dataclass(frozen=True, kw_only=True)
class Text:
    """Lines of text burned in at random places, each with its own size, font, colour and words.

    size : height of a digit in px, a whole number drawn for each line, 3..400.
    density : lines per megapixel; a medical block counts as one.
    colour : names as in CSS, "#rrggbb", or any (drawn from all colours); one of those given for each line.
    opacity : 0..1, drawn for each line.
    kind : digits, words, or medical (blocks of lines as scanners burn them in), one of those given for each line.
    length : how many digits, words, or lines of a medical block; a whole number, 1..40.
    says : texts to write instead of drawn ones, one of those given for each line.
    font : files of fonts, one of those given for each line; none given: ten fonts that ship with matplotlib.
    """

    size: Range = (10, 24)
    density: Range = (60, 60)
    colour: tuple[str, ...] = ("any",)
    opacity: Range = (1, 1)
    kind: tuple[Literal["digits", "words", "medical"], ...] = ("digits",)
    length: Range = (2, 6)
    says: tuple[str, ...] = ()
    font: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_range("The size of text", self.size, within=(3, 400))
        check_range("The density of text", self.density, within=(0, DENSEST))
        check_range("The opacity of text", self.opacity, within=(0, 1))
        check_range("The length of text", self.length, within=(1, 40))
        check_colours("of text", self.colour)
        check_letters("text", self.says, self.size[1])
        check_depth("text", self.density[1], *self._largest, most=10_000)  # most of them are shorter than the longest

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        return self._write(picture, rng, None)

    def with_mask(self, picture: Levels, rng: np.random.Generator) -> tuple[Levels, NDArray[np.bool_]]:
        """What the step itself gives for this generator, and where it wrote: uint8 (H, W, C) -> the same shape, and bool (H, W)."""
        touched = np.zeros(picture.shape[:2], np.bool_)
        return self._write(picture, rng, touched), touched

    def _write(self, picture: Levels, rng: np.random.Generator, touched: NDArray[np.bool_] | None) -> Levels:
        canvas = picture.copy()
        high, wide = self._largest
        places = scatter(rng, draw(rng, self.density, "density"), picture, (high / 2, wide / 2))
        for y, x in places:
            size, lines = round(draw(rng, self.size)), self._lines(rng)
            widest = lettering.WIDEST * size * max(map(len, lines)) / 2
            if x + widest < 0 or x - widest > picture.shape[1]:
                continue  # most marks of a small crop lie beside it: letters are not even made
            fonts = self.font or (lettering.MONO if len(lines) > 1 else lettering.FONTS)
            cover = lettering.block(pick(rng, fonts), size, lines)
            top, left = round(y - cover.shape[0] / 2), round(x - cover.shape[1] / 2)
            opacity = draw(rng, self.opacity)
            box = blend(canvas, cover, top, left, ink(rng, self.colour, picture.shape[2]), opacity)
            if touched is not None and box is not None and opacity:
                y0, x0, y1, x1 = box
                touched[y0:y1, x0:x1] |= cover[y0 - top : y1 - top, x0 - left : x1 - left] > 0
        return canvas

    def _lines(self, rng: np.random.Generator) -> list[str]:
        if self.says:
            return pick(rng, self.says).splitlines() or [""]
        kind, length = pick(rng, self.kind), round(draw(rng, self.length))
        if kind == "medical":
            return lettering.burned_in(rng, length)
        return [lettering.digits(rng, length) if kind == "digits" else lettering.words(rng, length)]

    @property
    def _largest(self) -> tuple[float, float]:
        """Height and width in px that no mark exceeds."""
        longest, lines = 1, 1
        if self.says:
            longest, lines = max(map(len, self.says)), max(len(text.splitlines()) for text in self.says)
        else:
            count = ceil(self.length[1])
            if "digits" in self.kind:
                longest = count
            if "words" in self.kind:
                longest = max(longest, count * (1 + max(map(len, lettering.WORDS))))
            if "medical" in self.kind:
                longest, lines = max(longest, *map(len, lettering.MEDICAL)), count
        return self.size[1] * (1.5 * lines + 1), lettering.WIDEST * self.size[1] * longest


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """The same words again and again over the whole picture, as agencies protect their pictures.

    opacity : 0..1, drawn once a picture.
    size : height of a digit in px, a whole number, 4..400.
    density : words per megapixel; less where they would overlap.
    kind : tiled (upright, every other row shifted) or diagonal (the same, slanted), drawn once a picture.
    colour : as in `text`, drawn once a picture.
    says : the words, one of those given.
    """

    opacity: Range = (0.15, 0.5)
    size: Range = (12, 28)
    density: Range = (40, 120)
    kind: tuple[Literal["tiled", "diagonal"], ...] = ("tiled", "diagonal")
    colour: tuple[str, ...] = ("white", "black")
    says: tuple[str, ...] = ("SAMPLE", "PROOF", "COPY", "DRAFT", "DO NOT COPY")

    def __post_init__(self) -> None:
        check_range("The opacity of watermark", self.opacity, within=(0, 1))
        check_range("The size of watermark", self.size, within=(4, 400))
        check_range("The density of watermark", self.density, within=(0.1, DENSEST))
        check_colours("of watermark", self.colour)
        check_letters("watermark", self.says, self.size[1])

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        size, kind = round(draw(rng, self.size, "size")), pick(rng, self.kind, "kind")
        lines = pick(rng, self.says, "says").splitlines() or [""]
        word = lettering.block(pick(rng, lettering.FONTS), size, lines)
        tile = brick(word, draw(rng, self.density, "density"), size)
        angle = 0.0 if kind == "tiled" else pick(rng, (-1, 1)) * (25 + 20 * rng.random())
        phase = (rng.random() * tile.shape[1], rng.random() * tile.shape[0])
        height, width, channels = picture.shape
        cover = wallpaper(tile, height, width, angle=angle, phase=phase)
        canvas = picture.copy()
        blend(canvas, cover, 0, 0, ink(rng, self.colour, channels), draw(rng, self.opacity, "opacity"))
        return canvas


def brick(word: Cover, density: float, gap: int) -> Cover:
    """Two rows of one word each, the second shifted by half: repeated, it lays bricks, `density` of them per megapixel."""
    rows, columns = word.shape
    area = 1e6 / density
    width = max(columns + gap, round(sqrt(2 * area)))
    height = max(rows + gap // 2, round(area / width))
    tile = np.zeros((2 * height, width), np.uint8)
    tile[:rows, :columns] = word
    tile[height : height + rows] = np.roll(tile[:rows], width // 2, axis=1)
    return tile


@dataclass(frozen=True, kw_only=True)
class Logo:
    """Emblems as broadcasters, cameras and shops put them on pictures; or one of your own.

    size : px, the larger side, a whole number drawn for each emblem, 4..2000.
    density : emblems per megapixel.
    opacity : 0..1, drawn for each emblem.
    colour : as in `text`, drawn for each emblem.
    file : a picture, best with transparency, to put there instead of drawn emblems.
    """

    size: Range = (24, 64)
    density: Range = (15, 15)
    opacity: Range = (0.4, 1.0)
    colour: tuple[str, ...] = ("any", "white")
    file: str = ""

    def __post_init__(self) -> None:
        check_range("The size of logo", self.size, within=(4, 2000))
        check_range("The density of logo", self.density, within=(0, DENSEST))
        check_range("The opacity of logo", self.opacity, within=(0, 1))
        check_colours("of logo", self.colour)
        check_depth("logo", self.density[1], self.size[1], self.size[1])

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape.  Refuses a file that is no picture."""
        canvas = picture.copy()
        half = self.size[1] / 2 + 1
        places = scatter(rng, draw(rng, self.density, "density"), picture, (half, half))
        for y, x in places:
            size, opacity = round(draw(rng, self.size)), draw(rng, self.opacity)
            colour = ink(rng, self.colour, picture.shape[2])
            cover = emblems.drawn(rng, size)
            if self.file:
                cover, colour = emblems.from_file(self.file, size, picture.shape[2])
            blend(canvas, cover, round(y - cover.shape[0] / 2), round(x - cover.shape[1] / 2), colour, opacity)
        return canvas
