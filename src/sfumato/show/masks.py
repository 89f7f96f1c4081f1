"""Masks as a person looks at them: every class in a colour of its own, over the picture or alone."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP, VOID, Levels, Mask, to_levels

SHARE = 0.55  # of the colour, where a mask lies over a picture
GOLDEN = 0.618034  # of the circle of hues: neighbours in number are far apart

Colour = tuple[int, int, int]


def palette(count: int, colours: Sequence[Colour | None] = ()) -> Levels:
    """A colour for each label, those given or others that are told apart; black for VOID.  uint8 (256, 3)"""
    found = np.zeros((VOID + 1, 3), np.uint8)
    for label in range(count):
        given = colours[label] if label < len(colours) else None
        hue, ring = label * GOLDEN % 1, label // 8 % 3
        found[label] = given or [round(TOP * part) for part in colorsys.hsv_to_rgb(hue, 1 - 0.3 * ring, 1 - 0.25 * ring)]
    found[VOID] = 0
    return found


def coloured(mask: Mask, colours: Levels) -> Levels:
    """(H, W) and a palette -> uint8 (H, W, 3)"""
    return colours[mask]


def overlay(picture: Levels, mask: Mask, colours: Levels, share: float = SHARE) -> Levels:
    """The mask's colours over the picture's light; VOID leaves the picture as it is.  uint8 (H, W, 1 or 3) and (H, W) -> (H, W, 3)"""
    weight: NDArray[np.float32] = np.where(mask == VOID, 0, share).astype(np.float32)[..., None]
    mixed = picture * (1 - weight) + colours[mask] * weight
    return to_levels(mixed / np.float32(TOP))


def key(names: Sequence[str], colours: Levels) -> list[Levels]:
    """A patch of each class's colour, for a gallery with the names below."""
    return [np.full((40, 80, 3), colours[label], np.uint8) for label in range(len(names))]
