"""More pixels without more detail, as inputs were enlarged in training: what a network of one size is shown when it shall enlarge."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F

from sfumato.core.errors import Refusal
from sfumato.use.tiles import Picture

Kernel = Literal["nearest", "bilinear", "bicubic"]
MOST = 16  # times


def enlarge(pixels: Picture, times: int, kernel: str = "bicubic") -> Picture:
    """uint8, uint16 or float32 (H, W, C) -> the same type (times * H, times * W, C).

    kernel : as in the step `scale`; "lanczos" is near enough to bicubic when it enlarges, which is taken in its place.
    """
    if not 1 <= times <= MOST:
        raise Refusal(f"A picture is enlarged 1 to {MOST} times, not {times}.")
    if kernel == "nearest" or times == 1:
        return np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1))
    way = kernel if kernel in get_args(Kernel) else "bicubic"
    x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    grown = F.interpolate(x, scale_factor=times, mode=way, antialias=True)[0].permute(1, 2, 0).numpy()  # Pillow's kernels, not OpenCV's
    if pixels.dtype == np.float32:
        return np.ascontiguousarray(grown.clip(0, 1))  # kernels with negative parts reach beyond
    top = np.iinfo(pixels.dtype).max
    return np.ascontiguousarray((np.clip(grown, 0, top) + np.float32(0.5)).astype(pixels.dtype))
