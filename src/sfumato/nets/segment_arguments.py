"""What networks that were made for masks can be told.  Importing this needs no torch."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP
from sfumato.nets.arguments import STRICT, Activation, Norm

Layers = Annotated[int, Field(ge=1, le=64)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DenseUNet:
    """A U-Net of dense blocks (Jégou et al. 2017, "One Hundred Layers Tiramisu"): few numbers, much memory."""

    kind: Literal["dense-unet"] = "dense-unet"
    growth: int = Field(default=12, ge=1, le=256)  # channels that a layer adds
    layers: tuple[Layers, ...] = Field(default=(4, 4, 4), min_length=1, max_length=6)  # of the dense blocks on the way down, finest first
    middle: Layers = 4  # layers at the bottom; the way up mirrors the way down
    stem: int = Field(default=48, ge=1, le=1024)  # channels of the first convolution
    dropout: float = Field(default=0.0, ge=0, lt=1)  # of what a layer adds
    norm: Norm = "batch"
    activation: Activation = "relu"
    outputs: int = Field(default=0, ge=0, le=TOP)  # classes of a mask; set from the data

    def __post_init__(self) -> None:
        if self.norm == "group":  # it looks at the whole picture, and masks are made in tiles
            raise Refusal("network.norm = 'group' looks at the whole picture, so large ones could not be cut: take 'batch' or 'none'.")
