"""What a network that makes pictures from noise can be told.  Importing this needs no torch."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.nets.arguments import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Dreamer:
    """Nearest enlargement and convolutions from 4 px on (after Radford et al. 2016)."""

    kind: Literal["dreamer"] = "dreamer"
    side: int = Field(default=64, ge=16, le=256)  # px of its pictures: a power of two
    noise: int = Field(default=100, ge=1, le=4096)  # numbers a picture is made from
    width: int = Field(default=32, ge=4, le=512)  # channels of the finest grid, doubled by each coarser one
    most: int = Field(default=256, ge=4, le=2048)  # channels, at most
