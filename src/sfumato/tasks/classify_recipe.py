"""The recipe of the task `classify`: labelled pictures, what is done to them, a network.  It needs neither torch nor OpenCV."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.nets.catalogue import ClassifierNetwork
from sfumato.nets.classify_arguments import ResNet
from sfumato.tasks.parts import places
from sfumato.tasks.parts.sections import STRICT, AdamW, FineTune, Labelled, Look, Muon, Schedule, Train, check_name


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Augment:
    """What is done to training pictures, all of a batch at once, each with draws of its own."""

    chain: str = ""  # such as "pad-crop 3 | flip"
    same: bool = False  # all pictures of a batch get the same draw, as in the lectures: worse, for comparison
    mix: Literal["off", "mixup", "cutmix"] = "off"
    alpha: float = Field(default=0.2, gt=0, le=10)  # of the Beta distribution that mixing draws from


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Loss:
    """Cross-entropy, and how certain it wants the network to be."""

    smoothing: float = Field(default=0.0, ge=0, lt=1)
    decoupled: float = Field(default=0.0, ge=0, le=10)  # weight of the decoupled part for mixed pictures (Liu et al. 2022)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LookAround(Look):
    """What is looked at inside while a network learns, and around it at the end; the report shows it."""

    surface: Literal["off"] | Annotated[int, Field(ge=3, le=101)] = "off"  # places a direction of a slice of the loss; an odd number

    def __post_init__(self) -> None:
        if isinstance(self.surface, int) and self.surface % 2 == 0:
            raise Refusal(f"look.surface is {self.surface}, but must be odd, with the network in the middle: give {self.surface + 1}.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Classify:
    """Everything a run of `train classify` is made from."""

    task: Literal["classify"] = "classify"
    name: str = "classify"
    data: Labelled = Labelled()
    augment: Augment = Augment()
    network: ClassifierNetwork = Field(default=ResNet(), discriminator="kind")
    loss: Loss = Loss()
    optimiser: Muon | AdamW = Field(default=AdamW(rate=5e-3, weight_decay=0.02), discriminator="kind")
    schedule: Schedule = Schedule()
    train: Train = Train(batch=128)
    look: LookAround = LookAround(every=20)
    fine_tune: FineTune = FineTune()
    start_from: str = ""  # a model file whose weights the training starts from: all that fit by name, the head apart

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.loss.decoupled and self.augment.mix == "off":
            raise Refusal("loss.decoupled weighs pictures that are mixed, but augment.mix is 'off': give 'mixup' or 'cutmix'.")


def check(recipe: Classify) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures."""
    places.check_known(recipe.data)


def sources(recipe: Classify) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    return places.told(recipe.data)
