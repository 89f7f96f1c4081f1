"""More pixels without more detail, as inputs were enlarged in training: what a network of one size is shown when it shall enlarge."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import Unit, like, to_unit
from sfumato.use.tiles import Picture

MOST = 16  # times
BAND = 128  # px of the result's height that are held in floats at once, beside what their kernels see
SEEN = 4  # px above and below a band: the widest kernel looks 3 px far


def enlarge(pixels: Picture, times: int, kernel: str = "bicubic") -> Picture:
    """uint8, uint16 or float32 (H, W, C) -> the same type (times * H, times * W, C).

    kernel : as in the step `scale`.
    Of a large picture only some rows are held in floats at once.
    """
    if not 1 <= times <= MOST:
        raise Refusal(f"A picture is enlarged 1 to {MOST} times, not {times}.")
    if kernel == "nearest" or times == 1:
        return np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1))
    height, width, channels = pixels.shape
    made = np.empty((times * height, times * width, channels), pixels.dtype)
    rows = max(1, BAND // times)
    for top in range(0, height, rows):
        above, end = min(top, SEEN), min(top + rows, height)
        grown = _grown(to_unit(pixels[top - above : end + SEEN]), times, kernel)[times * above : times * (end - top + above)]
        made[times * top : times * end] = like(grown.clip(0, 1), pixels.dtype)  # kernels with negative parts reach beyond
    return made


def _grown(unit: Unit, times: int, kernel: str) -> Unit:
    """float32 (H, W, C) -> (times * H, times * W, C), not clipped.

    Torch reckons where a pixel comes from in float32: where `times` is no power of 2, the less exactly the farther down it is.
    """
    if kernel == "lanczos":  # which torch has not
        size = times * unit.shape[1], times * unit.shape[0]
        planes = [Image.fromarray(unit[..., channel]).resize(size, Image.Resampling.LANCZOS) for channel in range(unit.shape[2])]
        return np.stack([np.asarray(plane, np.float32) for plane in planes], axis=2)
    x = torch.from_numpy(np.array(unit, order="C")).permute(2, 0, 1)[None]
    grown = F.interpolate(x, scale_factor=times, mode=kernel, antialias=True)[0].permute(1, 2, 0)  # Pillow's kernels
    return np.asarray(grown.numpy(), np.float32)
