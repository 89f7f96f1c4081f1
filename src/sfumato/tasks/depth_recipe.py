"""The recipe of the task `depth`: pictures and depth maps, what is done to them, a network.  It needs neither torch nor OpenCV."""

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
    Deep,
    FineTune,
    Light,
    Look,
    Muon,
    Previews,
    Schedule,
    Train,
    check_fine_tune,
    check_name,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DepthLoss:
    """Squared differences of logarithms (Eigen et al. 2014)."""

    forgiven: float = Field(default=0.5, ge=0, le=1)  # share of a whole picture's factor: 0 asks for metres, 1 for their order alone


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Depth:
    """Everything a run of `train depth` is made from."""

    task: Literal["depth"] = "depth"
    name: str = "depth"
    data: Deep = Deep()
    augment: Augment = Augment()
    light: Light = Light()
    network: SegmenterNetwork = Field(
        default=EncoderUNet(encoder=ResNet(widths=(32, 64, 128, 192), blocks=(1, 1, 1, 1), stem_kernel=5, stem_stride=2), norm="batch"),
        discriminator="kind",
    )
    loss: DepthLoss = DepthLoss()
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


def check(recipe: Depth) -> None:
    """Nothing more can be seen to be wrong without torch and without pictures."""


def sources(recipe: Depth) -> list[str]:
    """Where the pictures would come from, and how many are found there; files are not opened."""
    data = recipe.data
    if not data.folders:
        return [f"{data.leaves} made scenes of leaves"]
    from sfumato.data.reading.find import find_pictures

    places = [*(("pictures", name) for name in data.folders), ("depth maps", data.depths)]
    return [f"{len(find_pictures(Path(name)))} {what} in {name}" for what, name in places]
