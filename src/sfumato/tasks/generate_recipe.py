"""The recipe of the task `generate`: pictures from noise, taught by a game.  Importing it needs neither torch nor OpenCV."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.nets.dreaming_arguments import Dreamer
from sfumato.tasks.parts import places
from sfumato.tasks.parts.sections import STRICT, AdamW, FineTune, Look, Schedule, Squares, Train, check_name


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Wasserstein:
    """The critic, and what keeps it from being steep (Arjovsky et al. 2017; Gulrajani et al. 2017)."""

    keep: Literal["gradient-penalty", "clip"] = "gradient-penalty"
    penalty: float = Field(default=10.0, gt=0)  # weight of the gradient penalty
    limit: float = Field(default=0.01, gt=0)  # of clipped weights
    steps: int = Field(default=5, ge=1, le=100)  # batches of the critic's for each of the generator's
    rate: float = Field(default=1e-4, gt=0)
    width: int = Field(default=32, ge=4, le=512)  # channels of the critic's first convolution


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Generate:
    """Everything a run of `train generate` is made from."""

    task: Literal["generate"] = "generate"
    name: str = "generate"
    data: Squares = Squares(known="lsun-bedrooms", side=64, channels="colour")
    network: Dreamer = Dreamer()
    critic: Wasserstein = Wasserstein()
    optimiser: AdamW = AdamW(rate=1e-4, beta1=0.0, beta2=0.9, weight_decay=0.0, clip="off")
    schedule: Schedule = Schedule(kind="constant", warm=0.0)
    train: Train = Train(batch=64)
    look: Look = Look()
    fine_tune: FineTune = FineTune()

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.data.side != self.network.side:
            raise Refusal(f"data.side is {self.data.side}, but the network makes pictures of {self.network.side} px: give both the same.")
        if self.train.accumulate > 1:
            raise Refusal("In a game each turn is one batch: leave train.accumulate at 1, and lower train.batch instead.")


def check(recipe: Generate) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures."""
    places.check_known(recipe.data)


def sources(recipe: Generate) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    return places.told(recipe.data)
