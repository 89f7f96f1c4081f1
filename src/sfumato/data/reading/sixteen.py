"""What files of 16 bits say of their numbers, at which OpenCV does not look: the tags of a TIFF, the one colour of a PNG that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP16

Deep = NDArray[np.uint16]

_MEANING, _PLANES, _EXTRA = 262, 284, 338  # tags of TIFF,
_WHITE_IS_ZERO, _APART, _ANYTHING, _MULTIPLIED, _STRAIGHT = 0, 2, 0, 1, 2  # and their values


def as_meant(colours: Deep, alpha: Deep | None, picture: Any) -> tuple[Deep, Deep | None]:
    """(H, W, C) and (H, W) of a TIFF as they are stored -> as its tags mean them."""
    if picture.tag_v2.get(_PLANES) == _APART and colours.shape[2] > 1:
        raise ValueError("its 16-bit colours lie in planes of their own; save it with the colours of a pixel side by side")
    if picture.tag_v2.get(_MEANING) == _WHITE_IS_ZERO:
        colours = TOP16 - colours
    [fourth, *_] = picture.tag_v2.get(_EXTRA) or (_STRAIGHT,)
    if alpha is None or fourth == _ANYTHING:  # such as infrared, in which scanners see dust
        return colours, None
    if fourth == _MULTIPLIED:
        straight = colours.astype(np.float64) * TOP16 / np.maximum(alpha, 1)[..., None]
        colours = np.minimum(straight.round(), TOP16).astype(np.uint16)
    return colours, alpha


def seen_through(colours: Deep, clear: int | tuple[int, ...]) -> Deep:
    """The alpha (H, W) of a PNG (H, W, C) of which one colour, to its last bit, stands for nothing: that grey, or red, green and blue."""
    hidden = (colours == np.array(clear, np.uint16)).all(axis=2)
    alpha: Deep = np.where(hidden, np.uint16(0), np.uint16(TOP16))
    return alpha
