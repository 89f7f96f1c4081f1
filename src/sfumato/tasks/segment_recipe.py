"""The recipe of the task `segment`: pictures and masks, what is done to them, a network.  It needs neither torch nor OpenCV."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.nets.catalogue import SegmenterNetwork
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.encoder_arguments import EncoderUNet
from sfumato.tasks.parts.sections import (
    STRICT,
    AdamW,
    Augment,
    FineTune,
    Light,
    Look,
    Masked,
    Muon,
    Previews,
    Schedule,
    Train,
    check_fine_tune,
    check_name,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MaskLoss:
    """Cross-entropy of every pixel, and the overlap of regions."""

    gamma: float = Field(default=0.0, ge=0, le=10)  # above 0: what is surer than it need be counts less (focal; 2 is usual)
    dice: float = Field(default=0.0, ge=0)  # weight of the soft Dice loss
    classes: Literal["equal", "balanced"] = "equal"  # balanced: rare classes weigh more (median frequency)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Segment:
    """Everything a run of `train segment` is made from."""

    task: Literal["segment"] = "segment"
    name: str = "segment"
    data: Masked = Masked()
    augment: Augment = Augment()
    light: Light = Light()
    network: SegmenterNetwork = Field(
        default=EncoderUNet(encoder=ResNet(widths=(32, 64, 128, 192), blocks=(1, 1, 1, 1), stem_kernel=5, stem_stride=2), norm="batch"),
        discriminator="kind",
    )
    loss: MaskLoss = MaskLoss()
    optimiser: Muon | AdamW = Field(default=Muon(rate=0.02, rest_rate=5e-3, weight_decay=0.01), discriminator="kind")
    schedule: Schedule = Schedule()
    train: Train = Train(batch=8)
    previews: Previews = Previews()
    look: Look = Look()
    fine_tune: FineTune = FineTune()
    start_from: str = ""  # a model file whose weights the training starts from: all that fit by name

    def __post_init__(self) -> None:
        check_name(self.name)
        check_fine_tune(self.fine_tune, self.optimiser)


def check(recipe: Segment) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures."""
    from sfumato.data.known import catalogue

    if not recipe.data.folders:
        catalogue.entry(recipe.data.known)


def sources(recipe: Segment) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    data = recipe.data
    if not data.folders:
        return [f"the known data set {data.known}"]
    from sfumato.data.reading.find import find_pictures

    places = [*(("pictures", name) for name in data.folders), ("masks", data.masks)]
    return [f"{len(find_pictures(Path(name)))} {what} in {name}" for what, name in places]
