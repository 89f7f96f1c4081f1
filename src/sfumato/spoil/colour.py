"""Colours and tones taken away: grey, few tones, dots of ink, lines of a pencil."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import cv2
import numpy as np

from sfumato.core.errors import check_range
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.spoil.blur import gaussian
from sfumato.spoil.parts.paint import Cover, curve, ramp, with_channels
from sfumato.spoil.parts.ranges import Range, draw, note


@dataclass(frozen=True, kw_only=True)
class Grey:
    """Take the colour away and leave the luma (Rec. 601), in as many channels as there were.

    amount : share of the colour that goes, 0..1, drawn once a picture.
    """

    amount: Range = (1, 1)

    def __post_init__(self) -> None:
        check_range("The amount of grey", self.amount, within=(0, 1))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape; what is grey already stays as it is."""
        amount = draw(rng, self.amount, "amount")
        if picture.shape[2] == 1 or not amount:
            return picture
        plain = grey(picture)
        if amount == 1:
            return np.asarray(cv2.cvtColor(plain, cv2.COLOR_GRAY2RGB), np.uint8)
        colour = to_unit(picture)
        return to_levels(colour + (to_unit(plain) - colour) * np.float32(amount))


def grey(picture: Levels) -> Levels:
    """uint8 (H, W, C) -> its luma, (H, W, 1)."""
    return picture if picture.shape[2] == 1 else with_channels(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))


@dataclass(frozen=True, kw_only=True)
class Posterise:
    """Leave only a few tones in each channel, black and white among them.

    tones : how many, a whole number 2..256, drawn once a picture.
    """

    tones: Range = (2, 6)

    def __post_init__(self) -> None:
        check_range("The tones of posterise", self.tones, within=(2, TOP + 1))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        tones = round(draw(rng, self.tones))
        note(rng, "tones", tones)
        return curve(picture, np.floor(ramp() * (tones - 1) + np.float32(0.5)) / (tones - 1))


@dataclass(frozen=True, kw_only=True)
class Halftone:
    """Print with dots of full ink, as newspapers do: the mean of each cell stays, its tones go.

    cell : distance of the dots in px, 2..64, drawn once a picture.
    angle : of the rows of dots in degrees, drawn once a picture; each channel is turned 30 degrees further.
    """

    cell: Range = (4.0, 8.0)
    angle: Range = (0.0, 90.0)

    def __post_init__(self) -> None:
        check_range("The cell of halftone", self.cell, within=(2, 64))
        check_range("The angle of halftone", self.angle, within=(-360, 360))

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape, every value black or white."""
        cell, angle = draw(rng, self.cell, "cell"), draw(rng, self.angle, "angle")
        height, width, channels = picture.shape
        screens = [screen(height, width, cell, angle + 30 * channel, rng) for channel in range(channels)]
        return np.where(picture > np.stack(screens, axis=2), TOP, 0).astype(np.uint8)


FINENESS = 64  # px of the tile that holds one dot


def screen(height: int, width: int, cell: float, angle: float, rng: np.random.Generator) -> Cover:
    """The level above which each pixel is printed white: dots `cell` px apart, shifted anywhere.  -> uint8 (height, width)"""
    turn, scale = np.deg2rad(angle), FINENESS / cell
    where = np.array([[np.cos(turn), np.sin(turn), rng.random() * cell], [-np.sin(turn), np.cos(turn), rng.random() * cell]]) * scale
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(dot(), where, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP), np.uint8)


@lru_cache(maxsize=1)
def dot() -> Cover:
    """One dot: every level from 0 to TOP - 1 equally often, the highest in its middle.  -> uint8 (FINENESS, FINENESS)"""
    wave = np.cos(2 * np.pi * (np.arange(FINENESS) + 0.5) / FINENESS)
    ranks = np.argsort(np.argsort((wave[:, None] + wave).ravel(), kind="stable"), kind="stable")
    return (ranks * TOP // FINENESS**2).reshape(FINENESS, FINENESS).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Edges:
    """A line drawing: dark lines where the picture changes, on white paper (the picture divided by its own blur).

    width : of the lines, as the blur's sigma in px, 0.5..30, drawn once a picture.
    strength : how dark they are, 0.1..20, drawn once a picture.
    """

    width: Range = (1.0, 3.0)
    strength: Range = (2.0, 4.0)

    def __post_init__(self) -> None:
        check_range("The width of edges", self.width, within=(0.5, 30))
        check_range("The strength of edges", self.strength, within=(0.1, 20))

    @property
    def reach(self) -> int:
        """px: the blur is cut at three sigma."""
        return ceil(3 * self.width[1]) + 1

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape, all channels alike."""
        width, strength = draw(rng, self.width, "width"), draw(rng, self.strength, "strength")
        plain = grey(picture)
        around = to_unit(gaussian(plain, width))
        darker = np.minimum((to_unit(plain) + np.float32(0.05)) / (around + np.float32(0.05)), 1)  # 0.05: noise in the dark draws no lines
        lines = to_levels(darker ** np.float32(strength))
        return lines if picture.shape[2] == 1 else np.asarray(cv2.cvtColor(lines, cv2.COLOR_GRAY2RGB), np.uint8)
