"""What each network can be told, in recipes and in model files.  Importing this needs no torch."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal

STRICT = ConfigDict(extra="forbid", strict=True)
Width = Annotated[int, Field(ge=1, le=4096)]  # channels
Count = Annotated[int, Field(ge=0, le=32)]  # of blocks at one level
Norm = Literal["none", "batch", "group"]
Activation = Literal["relu", "leaky", "gelu", "silu"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class UNet:
    """The U-Net of the lectures made right: added skips, nearest-up + conv, exact identity at the start."""

    kind: Literal["unet"] = "unet"
    widths: tuple[Width, ...] = Field(default=(32, 64, 96), min_length=1, max_length=8)  # channels a level, finest first
    blocks: tuple[Count, ...] = (2, 2, 2)  # residual blocks a level on the way down; the last level is the bottom
    blocks_up: tuple[Count, ...] = (2, 2)  # residual blocks a level on the way up, finest first
    stem: Literal["full", "half"] = "half"  # half: pixel-unshuffle, all work at half resolution
    cross: bool = False  # residual block + conv on every skip, the input's too
    norm: Norm = "none"
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        levels = len(self.widths)
        if len(self.blocks) != levels or len(self.blocks_up) != levels - 1:
            raise Refusal(
                f"network.widths names {levels} level(s), so network.blocks needs {levels} and network.blocks_up {levels - 1} numbers, "
                f"but they have {len(self.blocks)} and {len(self.blocks_up)}."
            )
        if self.cross and levels == 1:
            raise Refusal("network.cross is what skips go through, and a network of one level has none: leave it out, or give more levels.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Residual:
    """A small residual restorer (0.05-1 M parameters) for super-resolution and denoising."""

    kind: Literal["residual"] = "residual"
    width: int = Field(default=64, ge=4, le=4096)
    blocks: int = Field(default=6, ge=1, le=256)
    stem: Literal["full", "half"] = "full"
    enlarges: int = Field(default=1, ge=1, le=16)  # set from a chain that shrinks
    norm: Norm = "none"
    activation: Activation = "relu"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Span:
    """Few numbers, quick: re-parameterised convolutions and attention without numbers of its own (SPAN, Wan et al. 2024)."""

    kind: Literal["span"] = "span"
    width: int = Field(default=32, ge=4, le=4096)
    blocks: int = Field(default=6, ge=2, le=256)
    gain: int = Field(default=2, ge=1, le=8)  # how much wider each convolution is inside while it learns; 1 x 1 and 3 x 3 are then one
    folded: bool = False  # each convolution is the one 3 x 3 that it comes to; set when a model is written
    enlarges: int = Field(default=1, ge=1, le=16)  # set from a chain that shrinks


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Johnson:
    """One forward pass to a picture of feature losses (Johnson et al. 2016): super-resolution, or a style."""

    kind: Literal["johnson"] = "johnson"
    width: int = Field(default=64, ge=4, le=4096)
    blocks: int = Field(default=4, ge=1, le=64)
    up: Literal["transposed-3", "transposed-4", "nearest", "bilinear", "shuffle"] = "nearest"  # the first leaves a checkerboard
    enlarges: int = Field(default=1, ge=1, le=16)  # a power of two; set from a chain that shrinks

    def __post_init__(self) -> None:
        if self.enlarges & (self.enlarges - 1):
            raise Refusal(f"network.kind = 'johnson' only doubles, so it cannot enlarge {self.enlarges} times: take 2, 4, 8 or 16.")
