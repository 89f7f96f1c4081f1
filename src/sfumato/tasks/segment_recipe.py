"""The recipe of the task `segment`: pictures and masks, what is done to them, a network.  It needs neither torch nor OpenCV."""

import math
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.tasks.parts import places
from sfumato.tasks.parts.pixelwise_recipe import PixelwiseRecipe
from sfumato.tasks.parts.sections import STRICT, Masked


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MaskLoss:
    """Cross-entropy of every pixel, and the overlap of regions."""

    gamma: float = Field(default=0.0, ge=0, le=10)  # above 0: what is surer than it need be counts less (focal; 2 is usual)
    dice: float = Field(default=0.0, ge=0)  # weight of the soft Dice loss
    classes: Literal["equal", "balanced"] = "equal"  # balanced: rare classes weigh more (median frequency)
    weights: tuple[str, ...] = ()  # of classes by name, on top, such as "pedestrian=3"

    def __post_init__(self) -> None:
        """Refuses what is no name with a weight."""
        self.by_name()

    def by_name(self) -> dict[str, float]:
        """Weights of the classes that have one."""
        found: dict[str, float] = {}
        for text in self.weights:
            name, _, number = (part.strip() for part in text.rpartition("="))
            try:
                weight = float(number)
            except ValueError:
                weight = math.nan
            if not name or name in found or not 0 <= weight < math.inf:
                raise Refusal(f'loss.weights holds names with weights of at least 0, once each, such as "pedestrian=3", not {text!r}.')
            found[name] = weight
        return found


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Segment(PixelwiseRecipe):
    """Everything a run of `train segment` is made from."""

    task: Literal["segment"] = "segment"
    name: str = "segment"
    data: Masked = Masked()
    loss: MaskLoss = MaskLoss()


def check(recipe: Segment) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures."""
    places.check_known(recipe.data)


def sources(recipe: Segment) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    return places.told(recipe.data, masks="masks")
