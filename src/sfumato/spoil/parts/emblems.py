"""Emblems: small drawn signs, or a person's own picture with its transparency."""

from functools import lru_cache
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, to_unit
from sfumato.spoil.parts import lettering
from sfumato.spoil.parts.paint import LUMA, Cover
from sfumato.spoil.parts.ranges import pick

FINER = 4  # drawn so many times larger, then shrunk: smooth edges


def drawn(rng: np.random.Generator, size: int) -> Cover:
    """A disc, ring, star, shield or plate with initials, `size` px wide and high.  -> uint8 (size, size)"""
    side = size * FINER
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    shape = pick(rng, ("disc", "ring", "star", "shield", "plate"))
    if shape in ("disc", "ring"):
        pen.ellipse((0, 0, side - 1, side - 1), fill=TOP if shape == "disc" else 0, outline=TOP, width=max(1, side // 8))
    elif shape == "plate":
        pen.rounded_rectangle((0, side // 4, side - 1, 3 * side // 4), radius=side // 12, fill=TOP)
    else:
        pen.polygon(_star(side, points=5 + int(rng.random() * 4)) if shape == "star" else _shield(side), fill=TOP)
    cover = np.array(image.reduce(FINER))
    initials = "".join(chr(ord("A") + int(rng.random() * 26)) for _ in range(2))
    letters = lettering.line("DejaVuSans-Bold.ttf", max(3, size // 4), initials)[:size, :size]
    top, left = (size - letters.shape[0]) // 2, (size - letters.shape[1]) // 2
    middle = cover[top : top + letters.shape[0], left : left + letters.shape[1]]
    np.copyto(middle, letters if shape == "ring" else np.minimum(middle, TOP - letters))  # cut out of what is filled
    return cover


def _star(side: int, points: int) -> list[tuple[float, float]]:
    turns = [(pi * i / points, side / 2 * (1 if i % 2 == 0 else 0.6)) for i in range(2 * points)]
    return [(side / 2 + radius * sin(turn), side / 2 - radius * cos(turn)) for turn, radius in turns]


def _shield(side: int) -> list[tuple[float, float]]:
    return [(side * x, side * y) for x, y in ((0.08, 0), (0.92, 0), (0.92, 0.55), (0.75, 0.8), (0.5, 1), (0.25, 0.8), (0.08, 0.55))]


@lru_cache(maxsize=64)
def from_file(file: str, size: int, channels: int) -> tuple[Cover, NDArray[np.float32]]:
    """A person's own emblem, its larger side `size` px: uint8 (h, w) of how much it covers, and its colours, float32 (h, w, channels)."""
    try:
        with Image.open(Path(file)) as opened:
            opened.thumbnail((4096, 4096))
            image = opened.convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Refusal(f"The logo {file} could not be read as a picture ({error}).") from error
    scale = size / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    pixels = np.array(image)
    colour = to_unit(pixels[..., :3])
    return pixels[..., 3], colour if channels == 3 else (colour @ LUMA)[..., None]
