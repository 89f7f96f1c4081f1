"""Plain enlargement as the step `scale` does it, for networks that learnt to repair what was enlarged so."""

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import to_unit
from sfumato.spoil.resample import resize
from sfumato.use.enlarge import enlarge


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
def test_it_is_that_of_the_step_that_spoilt(kernel, portrait):
    height, width = portrait.shape[:2]
    apart = enlarge(portrait, 3, kernel).astype(int) - resize(portrait, 3 * height, 3 * width, kernel)
    assert np.abs(apart).max() <= (0 if kernel == "nearest" else 1)


def test_depth_is_kept(portrait):
    deep = portrait.astype(np.uint16) * 257
    assert enlarge(deep, 2).dtype == np.uint16 and enlarge(to_unit(portrait), 2).dtype == np.float32
    assert np.abs(enlarge(deep, 2) / 257 - enlarge(portrait, 2)).max() < 1


def test_grey_is_as_welcome(portrait):
    grey = portrait[..., :1]
    theirs = np.asarray(Image.fromarray(grey[..., 0]).resize((256, 256), Image.Resampling.BICUBIC))
    assert np.abs(enlarge(grey, 2)[..., 0].astype(int) - theirs).max() <= 1


def test_nobody_enlarges_without_end(portrait):
    with pytest.raises(Refusal, match="1 to 16"):
        enlarge(portrait, 17)
