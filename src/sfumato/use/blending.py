"""What a repaired picture keeps of the one that came: a share of everything, or its colours in the large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import like, to_unit
from sfumato.use.tiles import Picture

COARSE = 64  # px: waves of half this length and more are colours in the large


def between(given: Picture, made: Picture, strength: float) -> Picture:
    """`strength` of the way from one to the other.  Two pictures of one shape and type -> the same"""
    one, other = to_unit(given), to_unit(made)
    return like(one + np.float32(strength) * (other - one), made.dtype)


def keep_colour(given: Picture, made: Picture, coarse: int = COARSE) -> Picture:
    """The made picture with the slow waves of the given one in place of its own, exactly but for rounding and clipping.

    Two pictures (H, W, C) of one shape and type -> the same.  Slow are the cosines of the picture's own length whose half waves are
    `coarse` px and longer, in each direction: an orthogonal projection, so that what is put back is all that was taken away.
    """
    missing = to_unit(given) - to_unit(made)
    rows, columns = (_cosines(side, coarse) for side in missing.shape[:2])
    slow = np.einsum("hk,hwc,wl->klc", rows, missing, columns, optimize=True)
    put_back = np.einsum("hk,klc,wl->hwc", rows, slow, columns, optimize=True)
    return like(np.clip(to_unit(made) + put_back, 0, 1), made.dtype)


def _cosines(side: int, coarse: int) -> NDArray[np.float32]:
    """Orthonormal slow waves of a side, the mean first (DCT-II).  (side, count)"""
    count = min(side, 1 + side // coarse)
    waves = np.cos(np.pi / side * (np.arange(side)[:, None] + 0.5) * np.arange(count))
    norms = np.where(np.arange(count) == 0, np.sqrt(1 / side), np.sqrt(2 / side))
    return np.asarray(waves * norms, np.float32)
