"""Depth maps: for every pixel of a picture, how far away is what it shows.

Files hold 16-bit numbers, as depth cameras write them; what one step stands for is said in a recipe, in metres, and 0 is where nobody
knows.  Scenes of leaves have theirs built in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP16, Levels
from sfumato.data.items import Item, Items, twins
from sfumato.data.leaves.dead_leaves import MadeScene, scene
from sfumato.data.matched import Matched
from sfumato.data.reading import read
from sfumato.data.store import state_of

Steps = NDArray[np.uint16]  # (H, W), a depth map as files have it; 0 is unknown
Metres = NDArray[np.float32]  # (H, W); 0 is unknown

NEAREST, FARTHEST = 1.0, 10.0  # metres to which the foremost leaf and the ground of a made scene are put; between them by logarithms
LEAF_UNIT = 0.001  # metres that one step of their maps stands for


@dataclass(frozen=True, eq=False)
class Depths(Matched):
    """Pictures, a depth map for each, and how many metres one step of it is."""

    unit: float
    called: ClassVar[str] = "depth map"

    def map(self, index: int) -> Metres:
        """float32 (H, W), 0 where it is unknown."""
        return to_metres(self.maps[index].levels(3), self.unit)


@dataclass(frozen=True)
class DepthFile:
    """A depth map that is decoded when it is asked for.  state: of the file, so that what is kept of another one is not taken for it."""

    path: Path
    state: str

    def __call__(self) -> Levels:
        """uint8 (H, W, 3), see `in_bytes`"""
        return in_bytes(read_depth(self.path))


@dataclass(frozen=True)
class MadeDepth:
    """The depth of a made scene: a value, so that it can be handed to a worker."""

    made: MadeScene

    def __call__(self) -> Levels:
        """uint8 (H, W, 3), see `in_bytes`"""
        metres = NEAREST * (FARTHEST / NEAREST) ** scene(self.made).depth
        return in_bytes(np.rint(metres / LEAF_UNIT).astype(np.uint16))


def read_depth(path: Path) -> Steps:
    """A depth map's file, grey.  -> uint16 (H, W).  Refuses colours, palettes and numbers of other kinds."""
    values, palette = read.read_values(path)
    if values.ndim != 2 or palette is not None:
        raise Refusal(f"{path} is no grey picture of 8 or 16 bits, but a depth map is: one whole number a pixel, as PNG or TIFF.")
    return values.astype(np.uint16)


def in_bytes(steps: Steps) -> Levels:
    """uint16 (H, W) -> uint8 (H, W, 3), as stores keep pictures: the upper byte, the lower one, nothing."""
    return np.stack([steps >> 8, steps & 0xFF, np.zeros_like(steps)], axis=-1).astype(np.uint8)


def to_metres(levels: Levels, unit: float) -> Metres:
    """What `in_bytes` gave, (..., 3) -> float32 (...)"""
    steps = levels[..., 0].astype(np.uint16) << 8 | levels[..., 1]
    return steps.astype(np.float32) * np.float32(unit)


def to_steps(metres: Metres, unit: float) -> Steps:
    """float32 (H, W) -> the nearest uint16; what is farther than a file can tell is as far as it can tell.  None becomes unknown."""
    steps: Steps = np.rint(np.clip(metres / unit, 1, TOP16)).astype(np.uint16)
    return steps


def from_folders(pictures: Items, maps: Items, unit: float) -> Depths:
    """Every picture with the depth map that has its name (without the ending); refused where one is missing or there are two."""
    if not len(pictures):
        raise Refusal("There is no picture to go with the depth maps.")
    made = []
    for found in twins(pictures, maps, one="picture", other="depth map"):
        assert found.path is not None
        made.append(Item(found.name, make=DepthFile(found.path, state_of(found))))
    return Depths(pictures, Items(tuple(made)), unit)


def leaves(pictures: Items) -> Depths:
    """Made scenes with their depth."""
    made = tuple(Item(item.name, make=MadeDepth(item.make)) for item in pictures if isinstance(item.make, MadeScene))
    return Depths(pictures, Items(made), LEAF_UNIT)
