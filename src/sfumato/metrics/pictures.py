"""How near one picture is to another.  A score's protocol is a sentence, and a part of the score.

Pictures are Unit (H, W, C) with C 1 or 3; both are rounded to 8 bits first, for what counts is what is written to disk.
All arithmetic is float64.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal, unknown
from sfumato.core.levels import TOP, Unit, to_levels

Float = NDArray[np.float64]

MOST_DB = 100.0  # stands for equal pictures: infinity has no mean and no place in JSON
WINDOW, SIGMA = 11, 1.5  # px; of SSIM's Gaussian window, as in Wang et al. 2004
K1, K2 = 0.01, 0.03  # SSIM's constants, as in Wang et al. 2004
STUDIO_BLACK, STUDIO_WEIGHTS = 16.0, (65.481, 128.553, 24.966)  # ITU-R BT.601, in 8-bit levels for R, G, B in 0..1

_SSIM = (
    f"SSIM (Wang et al. 2004): Gaussian window {WINDOW} px wide, sigma {SIGMA}, K1 {K1}, K2 {K2}, biased covariance,"
    " mean over all windows inside the picture"
)
_PSNR = f"PSNR in dB: 10 log10(1 / mean squared error), white = 1, at most {MOST_DB:g} dB"
_RGB = "over all pixels and channels of sRGB-encoded RGB (or grey)"
_LUMA = "on luma Y of ITU-R BT.601 in studio range (16..235, as MATLAB's rgb2ycbcr)"
_ROUNDED = "both pictures rounded to 8 bits, no border cut"

PROTOCOLS: dict[str, str] = {
    "psnr_rgb": f"{_PSNR}, {_RGB}; {_ROUNDED}.",
    "psnr_y": f"{_PSNR}, {_LUMA}; {_ROUNDED}.",
    "ssim_rgb": f"{_SSIM} and over channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
    "ssim_y": f"{_SSIM}, {_LUMA}; {_ROUNDED}.",
    "psnr_inside": f"{_PSNR}, over the pixels of a mask and all channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
    "psnr_outside": f"{_PSNR}, over the pixels outside a mask and all channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
}


def psnr_rgb(picture: Unit, truth: Unit) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels.  Two Unit (H, W, C) -> at most 100."""
    return _decibels(_squares(*_as_written(picture, truth)))


def psnr_y(picture: Unit, truth: Unit) -> float:
    """Peak signal-to-noise ratio in dB of studio-range luma, as papers on super-resolution count it.  Two Unit (H, W, C)."""
    one, other = _as_written(picture, truth)
    return _decibels(_squares(luma(one), luma(other)))


def ssim_rgb(picture: Unit, truth: Unit) -> float:
    """Structural similarity, mean over channels.  Two Unit (H, W, C), sides of at least 11 px -> -1..1.  Wang et al. 2004."""
    return _ssim(*_as_written(picture, truth))


def ssim_y(picture: Unit, truth: Unit) -> float:
    """Structural similarity of studio-range luma.  Two Unit (H, W, C), sides of at least 11 px -> -1..1.  Wang et al. 2004."""
    one, other = _as_written(picture, truth)
    return _ssim(luma(one), luma(other))


def psnr_inside(picture: Unit, truth: Unit, mask: NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio in dB where a mask is true.  Two Unit (H, W, C) and a bool (H, W); an empty mask is refused."""
    one, other = _as_written(picture, truth)
    if mask.dtype != np.bool_ or mask.shape != one.shape[:2]:
        raise Refusal(f"A mask must be boolean with the picture's height and width {one.shape[:2]}, but is {mask.dtype} {mask.shape}.")
    if not mask.any():
        raise Refusal("There is no pixel inside the mask, so there is no score. Leave this picture out.")
    return _decibels(_squares(one[mask], other[mask]))


def psnr_outside(picture: Unit, truth: Unit, mask: NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio in dB where a mask is false.  Two Unit (H, W, C) and a bool (H, W)."""
    return psnr_inside(picture, truth, ~mask)


Metric = Callable[[Unit, Unit], float]
METRICS: dict[str, Metric] = {"psnr_rgb": psnr_rgb, "psnr_y": psnr_y, "ssim_rgb": ssim_rgb, "ssim_y": ssim_y}


def metric(name: str) -> Metric:
    """A metric of two whole pictures by its name; an unknown one is refused with the nearest."""
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def luma(picture: Float) -> Float:
    """BT.601 luma in studio range.  (H, W, 3) or (H, W, 1) in 0..1 -> (H, W, 1), 16 for black to 235 for white, over the top level."""
    weights = np.array(STUDIO_WEIGHTS) / TOP
    weighted = picture @ weights[:, None] if picture.shape[2] == 3 else picture * weights.sum()
    return np.asarray(weighted + STUDIO_BLACK / TOP)


def _as_written(picture: Unit, truth: Unit) -> tuple[Float, Float]:
    if picture.shape != truth.shape or picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.size == 0:
        raise Refusal(f"Compared are two pictures of the same shape (height, width, 1 or 3), but these are {picture.shape}, {truth.shape}.")
    if not (np.isfinite(picture).all() and np.isfinite(truth).all()):
        raise Refusal("A picture holds values that are not finite (NaN or infinity), so it has no score.")
    return to_levels(picture).astype(np.float64) / TOP, to_levels(truth).astype(np.float64) / TOP


def _squares(one: Float, other: Float) -> float:
    return float(np.mean(np.square(one - other)))


def _decibels(error: float) -> float:
    return min(MOST_DB, -10 * float(np.log10(error))) if error > 0 else MOST_DB


def _ssim(one: Float, other: Float) -> float:
    if min(one.shape[:2]) < WINDOW:
        size = f"{one.shape[1]} x {one.shape[0]} px"
        raise Refusal(f"SSIM looks through a window of {WINDOW} px, but the picture is {size}. Leave it out, or use PSNR.")
    per_channel = [_similarity(one[..., channel], other[..., channel]) for channel in range(one.shape[2])]
    return float(np.mean(per_channel))


def _similarity(one: Float, other: Float) -> float:
    mean_one, mean_other = _window(one), _window(other)
    variances = _window(one * one) - mean_one**2 + _window(other * other) - mean_other**2
    covariance = _window(one * other) - mean_one * mean_other
    c1, c2 = K1**2, K2**2
    light = (2 * mean_one * mean_other + c1) / (mean_one**2 + mean_other**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return float(np.mean(light * structure))


def _window(plane: Float) -> Float:
    """Gaussian means of the windows that lie wholly inside.  (H, W) -> (H - 10, W - 10)"""
    reach = WINDOW // 2
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    bell /= bell.sum()
    filtered = cv2.sepFilter2D(np.ascontiguousarray(plane), cv2.CV_64F, bell, bell)
    return np.asarray(filtered[reach:-reach, reach:-reach])
