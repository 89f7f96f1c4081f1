"""What each network can be told, in recipes and in model files.  Importing this needs no torch."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=True)
Norm = Literal["none", "batch", "group"]
Activation = Literal["relu", "leaky", "gelu", "silu"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class UNet:
    """The U-Net of the lectures made right: added skips, nearest-up + conv, exact identity at the start."""

    kind: Literal["unet"] = "unet"
    widths: tuple[int, ...] = (32, 64, 96)  # channels a level, finest first
    blocks: tuple[int, ...] = (2, 2, 2)  # residual blocks a level on the way down; the last level is the bottom
    blocks_up: tuple[int, ...] = (2, 2)  # residual blocks a level on the way up, finest first
    stem: Literal["full", "half"] = "half"  # half: pixel-unshuffle, all work at half resolution
    cross: bool = False  # residual block + conv on every skip, the input's too
    norm: Norm = "none"
    activation: Activation = "relu"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Residual:
    """A small residual restorer (0.05-1 M parameters) for super-resolution and denoising."""

    kind: Literal["residual"] = "residual"
    width: int = Field(default=64, ge=4)
    blocks: int = Field(default=6, ge=1)
    stem: Literal["full", "half"] = "full"
    enlarges: int = Field(default=1, ge=1, le=8)  # set from a chain that ends in shrink
    norm: Norm = "none"
    activation: Activation = "relu"
