"""Pictures of any size brought to one: the short side is shrunk (or enlarged) to `side`, and the middle square cut out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from sfumato.core.levels import Levels
from sfumato.data.reading import read

FINER = 2.0  # a JPEG may be decoded coarser, but never below so many times the side: what is left is then shrunk with a proper filter


def read_square(path: Path, side: int, channels: Literal[1, 3] = 3) -> Levels:
    """Decode a file, coarsely where it is a large JPEG, upright and in sRGB.  uint8 (side, side, channels)

    Refuses what `read_levels` refuses.
    """
    least = round(FINER * side)
    picture = read.read_levels(path, channels, least=least)
    if min(picture.shape[:2]) < least:  # then it was not decoded coarsely
        return square(picture, side)
    width, height = read.read_size(path)
    times = round(width / picture.shape[1])
    return square(picture, side, extent=(height / times, width / times))  # the last row and column may stand for less than `times` px


def square(picture: Levels, side: int, *, extent: tuple[float, float] | None = None) -> Levels:
    """Short side to `side`, then the middle; every pixel of the result is a mean of all it covers, so nothing aliases.

    uint8 (H, W, 1 or 3) -> (side, side, the same); one that has this size already comes back as it is.
    extent : how much of height and width is picture; unless told, all.
    """
    if picture.shape[:2] == (side, side):
        return picture
    height, width = extent or picture.shape[:2]
    short = min(height, width)
    left, top = (width - short) / 2, (height - short) / 2
    grey = picture.shape[2] == 1
    whole = Image.fromarray(picture[..., 0] if grey else picture)
    # in one go: only what is cut out is resampled; Pillow's cubic grows with the shrinking, where OpenCV's looks at 16 pixels and aliases
    shrunk = whole.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + short, top + short))
    return np.asarray(shrunk).reshape(side, side, picture.shape[2])
