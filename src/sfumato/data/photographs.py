"""Photographs that come with scikit-image itself, need no download and are free to use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.data.items import Item, Items

# Of the pictures inside scikit-image's own wheel, those that are free and clean enough to be a target.  Licences by scikit-image's notes:
# CC0 are coffee, camera, brick, grass, gravel and retina, public domain is rocket (SpaceX, 2015); the motorcycles are Middlebury's
# (Scharstein et al. 2014), which grants "permission to use and publish all images".  All were looked at enlarged.  Left out:
#   immunohistochemistry, coins   compression rings around every edge, and coins is sharpened; only "no known restrictions"
#   moon, page                    no word on a licence; moon is enlarged twice from a smaller picture
#   hubble_deep_field, cell       noise, which is what is to be learnt away
#   clock, text                   blurred; small and grainy
#   lfw_subset, microaneurysms    25 px and 102 px; other people's faces
#   colorwheel, horse, phantom, logo, checkerboard   drawings
# `cat` is another name of chelsea, and held out.
TRAIN = ("coffee", "rocket", "motorcycle_left", "motorcycle_right", "retina", "camera", "brick", "grass", "gravel")
HELD_OUT = ("astronaut", "chelsea")
STEREO = ("motorcycle_left", "motorcycle_right")  # two of one function, in this order
SHRUNK = {"retina": 3}  # taken so many times smaller: at full size it shows the lens's blur and JPEG blocks


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
        if self.name in STEREO:
            picture = getattr(data, "stereo_" + self.name.partition("_")[0])()[STEREO.index(self.name)]
        else:
            picture = getattr(data, self.name)()
        picture = np.array(Image.fromarray(picture).reduce(SHRUNK.get(self.name, 1)))
        return picture[..., None] if picture.ndim == 2 else picture


def items() -> Items:
    """Those to train on."""
    return Items(tuple(Item(name, make=Photograph(name)) for name in TRAIN))


def held_out() -> Items:
    """The two that no training sees."""
    return Items(tuple(Item(name, make=Photograph(name)) for name in HELD_OUT))
