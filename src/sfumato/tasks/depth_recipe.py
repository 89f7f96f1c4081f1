"""The recipe of the task `depth`: pictures and depth maps, what is done to them, a network.  It needs neither torch nor OpenCV."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.tasks.parts import places
from sfumato.tasks.parts.pixelwise_recipe import PixelwiseRecipe
from sfumato.tasks.parts.sections import STRICT, Deep


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DepthLoss:
    """Squared differences of logarithms (Eigen et al. 2014)."""

    forgiven: float = Field(default=0.5, ge=0, le=1)  # share of a whole picture's factor: 0 asks for metres, 1 for their order alone


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Depth(PixelwiseRecipe):
    """Everything a run of `train depth` is made from."""

    task: Literal["depth"] = "depth"
    name: str = "depth"
    data: Deep = Deep()
    loss: DepthLoss = DepthLoss()


def check(recipe: Depth) -> None:
    """Nothing more can be seen to be wrong without torch and without pictures."""


def sources(recipe: Depth) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    data = recipe.data
    if not data.folders:
        return [f"{data.leaves} made scenes of leaves"]
    return places.told(data, depths="depth maps")
