"""What the recipes of tasks that tell something of every pixel hold alike.  It needs neither torch nor OpenCV."""

from typing import Any

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
    Muon,
    Previews,
    Schedule,
    Train,
    check_name,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PixelwiseRecipe:
    """A task adds its own name, data and loss, which stand here for their place in the file."""

    task: Any = ""
    name: str = ""
    data: Any = None
    augment: Augment = Augment()
    light: Light = Light()
    network: SegmenterNetwork = Field(
        default=EncoderUNet(encoder=ResNet(widths=(32, 64, 128, 192), blocks=(1, 1, 1, 1), stem_kernel=5, stem_stride=2), norm="batch"),
        discriminator="kind",
    )
    loss: Any = None
    optimiser: Muon | AdamW = Field(default=Muon(rate=0.02, rest_rate=5e-3, weight_decay=0.01), discriminator="kind")
    schedule: Schedule = Schedule()
    train: Train = Train(batch=8)
    previews: Previews = Previews()
    look: Look = Look()
    fine_tune: FineTune = FineTune()
    start_from: str = ""  # a model file whose weights the training starts from: all that fit by name

    def __post_init__(self) -> None:
        check_name(self.name)
