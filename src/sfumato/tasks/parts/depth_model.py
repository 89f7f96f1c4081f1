"""A trained depth network in use: how far away each pixel of one picture is, or of every picture of a tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import Levels
from sfumato.data import depths
from sfumato.data.depths import Metres
from sfumato.nets import load as model_files
from sfumato.nets.reach import as_it_is
from sfumato.show import depths as drawn
from sfumato.tasks.parts.seer import Seer

TASK = "depth"
Draws = Literal["map", "colours"]


@dataclass(frozen=True)
class DepthModel(Seer):
    """A network with the header it was saved with, on a device.

    The network gives logarithms of the depth over a middle one, which the card holds with what one step of a written map stands for.
    """

    doing: ClassVar[str] = "telling depth"

    @property
    def unit(self) -> float:
        """Metres that one step of a written depth map stands for: that of the maps it learnt from."""
        return float(self.header.card["unit"])

    def depth(self, picture: str | Path | Levels) -> Metres:
        """How far away each pixel is.  A path, or uint8 (H, W, 3 or 1), any size -> float32 (H, W), metres"""
        found = self.told(picture, as_it_is)[..., 0]
        return np.asarray(np.exp(found + np.float32(self.header.card["middle"])), np.float32)

    def draw(self, picture: Levels, how: Draws) -> NDArray[Any]:
        """The depth of one picture: in colours, uint8 (H, W, 3), or in steps of `unit`, uint16 (H, W)."""
        metres = self.depth(picture)
        return depths.to_steps(metres, self.unit) if how == "map" else drawn.coloured(metres)


def load(path: str | Path, *, device: str = "auto") -> DepthModel:
    """A model file on a device."""
    return DepthModel(*model_files.ready(path, TASK, device))
