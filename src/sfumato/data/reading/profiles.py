"""Colour profiles: from what a file's numbers mean to sRGB and back, by LittleCMS.

Only what has eight bits is converted, for that is what the library in Pillow converts; grey keeps the numbers it has.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from sfumato.core.levels import TOP, Levels

Space = Literal["RGB", "CMYK"]
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_DAMAGED = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
MOST_BYTES = 4 << 20  # a larger profile is taken for damaged: printers' have up to 3 MB, and transforms are kept
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
BAND = 256  # px of height that are converted at once


def to_srgb(pixels: Levels, profile: bytes | None) -> Levels:
    """uint8 (H, W, 1 or 3) as a file has them -> the same colours in sRGB.

    The very same pixels where there is nothing to convert: no profile, one that is damaged, sRGB by another name, grey.
    """
    way = _way_in(profile, "RGB") if profile and pixels.shape[2] == 3 else None
    return pixels if way is None else _converted(pixels, way)


def from_srgb(pixels: Levels, profile: bytes | None) -> Levels:
    """sRGB uint8 (H, W, 1 or 3) -> what a file with this profile holds; the way back of `to_srgb`.

    The very same pixels where there is no way back: some profiles, of scanners, only lead in.
    """
    if not profile or pixels.shape[2] != 3 or _way_in(profile, "RGB") is None or (way := _way_out(profile)) is None:
        return pixels
    return _converted(pixels, way)


def _converted(pixels: Levels, way: ImageCms.ImageCmsTransform) -> Levels:
    """uint8 (H, W, 3) -> the same shape.  By bands of rows, for Pillow holds four bytes a pixel of what goes in and of what comes out."""
    made = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), BAND):
        band = slice(top, top + BAND)
        made[band] = np.asarray(ImageCms.applyTransform(Image.fromarray(pixels[band]), way))
    return made


def of_grey(profile: bytes) -> bool:
    """Whether a profile says what grey means, so that it fits no colours (ICC.1, header: data colour space)."""
    return profile[16:20] == b"GRAY"


def cmyk_to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture of four inks -> RGB, by its profile where it has one."""
    way = _way_in(profile, "CMYK") if profile else None
    converted = None if way is None else ImageCms.applyTransform(picture, way)
    return picture.convert("RGB") if converted is None else converted


@lru_cache(maxsize=16)
def _way_in(profile: bytes, space: Space) -> ImageCms.ImageCmsTransform | None:
    """None where nothing is to be done: the profile is damaged, of another kind of colours, or is sRGB."""
    if len(profile) > MOST_BYTES:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != space:
            return None
        way = ImageCms.buildTransform(opened, _srgb(), space, "RGB", _INTENT, _FLAGS)
    except _DAMAGED:
        return None
    return None if space == "RGB" and _does_nothing(way) else way


@lru_cache(maxsize=16)
def _way_out(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(_srgb(), ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB", "RGB", _INTENT, _FLAGS)
    except _DAMAGED:
        return None


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _does_nothing(way: ImageCms.ImageCmsTransform) -> bool:
    """Whether colours from all over the cube stay within one level: the many makes of sRGB differ by their rounding alone."""
    steps = np.linspace(0, TOP, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 27, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(cube), way))
    return int(np.abs(moved.astype(int) - cube).max()) <= 1
