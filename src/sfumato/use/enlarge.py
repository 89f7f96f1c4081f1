"""More pixels without more detail, as inputs were enlarged in training: what a network of one size is shown when it shall enlarge."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import like, to_unit
from sfumato.use.tiles import Picture

MOST = 16  # times


def enlarge(pixels: Picture, times: int, kernel: str = "bicubic") -> Picture:
    """uint8, uint16 or float32 (H, W, C) -> the same type (times * H, times * W, C).

    kernel : as in the step `scale`.
    """
    if not 1 <= times <= MOST:
        raise Refusal(f"A picture is enlarged 1 to {MOST} times, not {times}.")
    if kernel == "nearest" or times == 1:
        return np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1))
    unit = to_unit(pixels)
    if kernel == "lanczos":  # which torch has not
        size = times * unit.shape[1], times * unit.shape[0]
        planes = [Image.fromarray(unit[..., channel]).resize(size, Image.Resampling.LANCZOS) for channel in range(unit.shape[2])]
        grown = np.stack([np.asarray(plane) for plane in planes], axis=2)
    else:
        x = torch.from_numpy(np.array(unit, order="C")).permute(2, 0, 1)[None]
        grown = F.interpolate(x, scale_factor=times, mode=kernel, antialias=True)[0].permute(1, 2, 0).numpy()  # Pillow's kernels
    return np.ascontiguousarray(like(grown.clip(0, 1), pixels.dtype))  # kernels with negative parts reach beyond
