"""The recipe of the task `restore`: spoil good pictures, learn the way back.  Importing it needs neither torch nor OpenCV."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.nets.arguments import UNet
from sfumato.nets.catalogue import Network
from sfumato.nets.critic_arguments import NoCritic, Patch, Seeing
from sfumato.tasks.parts.sections import (
    STRICT,
    AdamW,
    Augment,
    Data,
    Feature,
    FineTune,
    Game,
    Look,
    Loss,
    Muon,
    Previews,
    Schedule,
    Train,
    check_batch,
    check_name,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Spoil:
    """How pictures get spoilt, in the grammar of chains."""

    chain: str = "scale 2 | jpeg 20..60 | text"
    target: str = ""  # a chain that strikes the target (photo to drawing); empty: the good picture itself
    steps_file: str = ""  # a Python file with steps of one's own


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SizedPreviews(Previews):
    """Held-out pictures, always the same ones: what is made of them is kept again and again, and scored."""

    side: int = Field(default=256, ge=32, le=4096)  # px, the largest side of each


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Restore:
    """Everything a run of `train restore` is made from."""

    task: Literal["restore"] = "restore"
    name: str = "restore"
    data: Data = Data()
    spoil: Spoil = Spoil()
    augment: Augment = Augment()
    network: Network = Field(default=UNet(), discriminator="kind")
    loss: Loss = Loss()
    feature: Feature = Feature()
    optimiser: Muon | AdamW = Field(default=Muon(), discriminator="kind")
    schedule: Schedule = Schedule()
    train: Train = Train()
    previews: SizedPreviews = SizedPreviews()
    look: Look = Look()
    fine_tune: FineTune = FineTune()
    critic: NoCritic | Patch | Seeing = Field(default=NoCritic(), discriminator="kind")
    game: Game = Game()
    start_from: str = ""  # a model file whose weights the training starts from

    def __post_init__(self) -> None:
        check_name(self.name)
        check_batch(self.data, self.train)
        if self.critic.kind == "features" and not self.feature.network:
            raise Refusal("critic.kind = 'features' sees by the classifier that judges features: name it in feature.network.")
        if self.critic.kind != "none" and self.optimiser.kind == "muon":
            raise Refusal(
                "In a game an optimiser that remembers past directions makes the two chase each other: "
                "set optimiser.kind = 'adamw' and optimiser.beta1 = 0.0."
            )
        if self.critic.kind != "none" and self.train.accumulate > 1:
            raise Refusal("In a game each turn is one batch: leave train.accumulate at 1, and lower train.batch instead.")


def check(recipe: Restore) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures: chains that do not parse."""
    from sfumato.spoil import catalogue, grammar  # the steps need OpenCV, which most verbs do not

    steps = catalogue.with_file(recipe.spoil.steps_file)
    for chain in filter(None, (recipe.spoil.chain, recipe.spoil.target)):
        grammar.parse(chain, steps)


def sources(recipe: Restore) -> list[str]:
    """Where the pictures would come from, and how many are found there; folders are looked through, files are not opened."""
    from sfumato.data.reading.find import find_pictures

    names = dict.fromkeys(recipe.data.folders)
    return [name if name.startswith(("builtin:", "known:")) else f"{len(find_pictures(Path(name)))} pictures in {name}" for name in names]
