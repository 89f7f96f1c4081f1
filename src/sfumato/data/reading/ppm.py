"""PPM and PGM of more than 8 bits, as `dcraw -6` writes it: of colours Pillow keeps 8, and of grey it scales number by number in Python.

See netpbm: ppm(5), pgm(5).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP, TOP16

_WORD, _COMMENT = re.compile(rb"\S+"), re.compile(rb"#[^\r\n]*")
_CHANNELS = {"I": 1, "RGB": 3}  # by Pillow's mode, which is "RGB" of 8 bits too


def is_deep(picture: Any) -> bool:
    """Whether a file that Pillow opened, and did not decode yet, is one of these."""
    return picture.format == "PPM" and picture.mode in _CHANNELS and bool(picture.tile) and _white(picture) > TOP


def pixels(raw: bytes, picture: Any) -> NDArray[np.uint16]:
    """The file's numbers, scaled by its own white to 16 bits, rounded half up: uint16 (H, W, 1 or 3).

    Fails with ValueError where the file is cut short or holds words that are no numbers, and with OverflowError where they are no levels.
    """
    width, height = picture.size
    coder, _, start, _ = picture.tile[0]
    white, channels = _white(picture), _CHANNELS[picture.mode]
    count = channels * width * height
    stored: NDArray[Any]
    if coder == "ppm_plain":  # P2, P3: in words
        words = _WORD.finditer(_COMMENT.sub(b"", raw[start:]))
        stored = np.fromiter((int(word[0]) for word in words), np.uint32, count)
    else:
        stored = np.frombuffer(raw, ">u2", count, start)
    levels: NDArray[np.uint32] = np.minimum(stored, white).astype(np.uint32).reshape(height, width, channels)
    return ((levels * TOP16 + white // 2) // white).astype(np.uint16)  # 32 bits have room for the largest, TOP16 squared and its half


def _white(picture: Any) -> int:
    """The file's own, from how Pillow would decode it: "RGB" or "I;16B" as they lie, of 8 and 16 bits; ("RGB" or "L", white) all others."""
    how = picture.tile[0][3]
    if isinstance(how, str):
        return TOP16 if how == "I;16B" else TOP
    return int(how[1])
