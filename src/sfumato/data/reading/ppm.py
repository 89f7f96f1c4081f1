"""PPM in colours of more than 8 bits, as `dcraw -6` writes it, of which Pillow keeps 8 (netpbm: ppm(5))."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP, TOP16

_WORD, _COMMENT = re.compile(rb"\S+"), re.compile(rb"#[^\r\n]*")


def is_deep(picture: Any) -> bool:
    """Whether a file that Pillow opened, and did not decode yet, is one of these.  Its mode does not say it: it is "RGB"."""
    if picture.format != "PPM" or picture.mode != "RGB" or not picture.tile:
        return False
    how = picture.tile[0][3]  # "RGB" of 8 bits, as they lie; ("RGB", white) of all others
    return not isinstance(how, str) and int(how[1]) > TOP


def pixels(raw: bytes, picture: Any) -> NDArray[np.uint16]:
    """The file's numbers, scaled by its own white to 16 bits, rounded half up: uint16 (H, W, 3).

    Fails with ValueError where the file is cut short or holds words that are no numbers, and with OverflowError where they are no levels.
    """
    width, height = picture.size
    coder, _, start, how = picture.tile[0]
    white, count = int(how[1]), 3 * width * height
    stored: NDArray[Any]
    if coder == "ppm":
        stored = np.frombuffer(raw, ">u2", count, start)
    else:  # P3: in words
        words = _WORD.finditer(_COMMENT.sub(b"", raw[start:]))
        stored = np.fromiter((int(word[0]) for word in words), np.uint32, count)
    levels: NDArray[np.uint32] = np.minimum(stored, white).astype(np.uint32).reshape(height, width, 3)
    return ((levels * TOP16 + white // 2) // white).astype(np.uint16)  # 32 bits have room for the largest, TOP16 squared and its half
