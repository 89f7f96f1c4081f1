"""What critics can be told.  Importing this needs no torch."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.nets.arguments import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NoCritic:
    """A training without a game."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Patch:
    """Opinions of overlapping patches (Isola et al. 2017)."""

    kind: Literal["patch"] = "patch"
    layers: int = Field(default=3, ge=1, le=5)  # of stride 2: a patch is 16, 34, 70, 142 or 286 px
    width: int = Field(default=32, ge=4, le=512)  # channels of the first, doubled by each
    most: int = Field(default=256, ge=4, le=2048)  # channels, at most
    spectral: bool = True  # spectral norm (Miyato et al. 2018)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Seeing:
    """Opinions on what a frozen classifier sees: the one of `feature.network`, at its taps."""

    kind: Literal["features"] = "features"
    width: int = Field(default=64, ge=4, le=1024)
    spectral: bool = True
