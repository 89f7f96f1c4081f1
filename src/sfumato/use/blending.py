"""What a repaired picture keeps of the one that came: a share of everything, or its colours in the large.

Of a large picture only some rows are held in floats at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import Unit, like, to_unit
from sfumato.use.tiles import Picture

COARSE = 64  # px: waves of half this length and more are colours in the large
BAND = 64  # px of height that are held in floats at once
_COLUMNS_FIRST = ["einsum_path", (1, 2), (0, 1)]  # a band is as wide as the picture, and few waves are left of that


def between(given: Picture, made: Picture, strength: float) -> Picture:
    """`strength` of the way from one to the other.  Two pictures of one shape and type -> the same"""
    blended = np.empty(made.shape, made.dtype)
    for band in _bands(made):
        one, other = to_unit(given[band]), to_unit(made[band])
        blended[band] = like(one + np.float32(strength) * (other - one), made.dtype)
    return blended


def keep_colour(given: Picture, made: Picture, coarse: int = COARSE) -> Picture:
    """The made picture with the slow waves of the given one in place of its own, exactly but for rounding and clipping.

    Two pictures (H, W, C) of one shape and type -> the same.  Slow are the cosines of the picture's own length whose half waves are
    `coarse` px and longer, in each direction: an orthogonal projection, so that what is put back is all that was taken away.
    """
    rows, columns = (_cosines(side, coarse) for side in made.shape[:2])
    slow = _missing(given, made, rows, columns)
    kept = np.empty(made.shape, made.dtype)
    for band in _bands(made):
        put_back = np.einsum("hk,klc,wl->hwc", rows[band], slow, columns, optimize=True)
        kept[band] = like(np.clip(to_unit(made[band]) + put_back, 0, 1), made.dtype)
    return kept


def _missing(given: Picture, made: Picture, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Unit:
    """How much of each slow wave the made picture lacks.  -> float32 (waves down, waves across, C)"""
    lacks = np.zeros((rows.shape[1], columns.shape[1], made.shape[2]))
    for band in _bands(made):
        missing = to_unit(given[band]) - to_unit(made[band])
        lacks += np.einsum("hk,hwc,wl->klc", rows[band], missing, columns, optimize=_COLUMNS_FIRST)
    return lacks.astype(np.float32)


def _bands(picture: Picture) -> Iterator[slice]:
    """Rows that follow each other, from the top down."""
    return (slice(top, top + BAND) for top in range(0, len(picture), BAND))


def _cosines(side: int, coarse: int) -> NDArray[np.float32]:
    """Orthonormal slow waves of a side, the mean first (DCT-II).  (side, count)"""
    count = min(side, 1 + side // coarse)
    waves = np.cos(np.pi / side * (np.arange(side)[:, None] + 0.5) * np.arange(count))
    norms = np.where(np.arange(count) == 0, np.sqrt(1 / side), np.sqrt(2 / side))
    return np.asarray(waves * norms, np.float32)
