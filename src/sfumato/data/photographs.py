"""Photographs that come with scikit-image itself, need no download and are free to use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data.items import Item, Items

# Free by scikit-image's own notes (CC0, public domain, or no known restrictions).  Left out: hubble_deep_field (noise on black),
# moon (a veil of haze), page and text (scans in poor light), clock (blurred), cell, microaneurysms and lfw_subset (tiny or not
# photographs of the day), colorwheel, horse, phantom and logo (drawings).  `cat` is another name of chelsea.
TRAIN = (
    "coffee",
    "rocket",
    "motorcycle_left",
    "motorcycle_right",
    "retina",
    "immunohistochemistry",
    "brick",
    "grass",
    "gravel",
    "camera",
    "coins",
)
HELD_OUT = ("astronaut", "chelsea")


@dataclass(frozen=True)
class Photograph:
    """Reads one of them: a value, so that it can be handed to a worker."""

    name: str

    def __call__(self) -> Levels:
        """uint8 (H, W, 1 or 3)"""
        try:
            from skimage import data
        except ImportError as error:
            raise Refusal("The built-in photographs come with scikit-image: pip install 'sfumato[demo]'.") from error
        if self.name.startswith("motorcycle"):
            left, right, _ = data.stereo_motorcycle()
            picture = left if self.name.endswith("left") else right
        else:
            picture = getattr(data, self.name)()
        picture = np.asarray(picture, np.uint8)
        return picture[..., None] if picture.ndim == 2 else np.ascontiguousarray(picture[..., :3])


def items() -> Items:
    """Those to train on."""
    return Items(tuple(Item(name, make=Photograph(name)) for name in TRAIN))


def held_out() -> Items:
    """The two that no training sees."""
    return Items(tuple(Item(name, make=Photograph(name)) for name in HELD_OUT))
