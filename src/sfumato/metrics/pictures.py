"""How near one picture is to another.  A score's protocol is a sentence, and a part of the score.

Pictures are Unit (H, W, C) with C 1 or 3; both are rounded to 8 bits first, for what counts is what is written to disk.
All arithmetic is float64, but for colours in Lab, which OpenCV gives in float32.
"""

import re
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal, unknown
from sfumato.core.levels import TOP, Unit, to_levels
from sfumato.metrics.score import LESS

Float = NDArray[np.float64]

MOST_DB = 100.0  # stands for equal pictures: infinity has no mean and no place in JSON
WINDOW, SIGMA = 11, 1.5  # px; of SSIM's Gaussian window, as in Wang et al. 2004
K1, K2 = 0.01, 0.03  # SSIM's constants, as in Wang et al. 2004
STUDIO_BLACK, STUDIO_WEIGHTS = 16.0, (65.481, 128.553, 24.966)  # ITU-R BT.601, in 8-bit levels for R, G, B in 0..1
BLOCK = 8  # px, of JPEG

_SSIM = (
    f"SSIM (Wang et al. 2004): Gaussian window {WINDOW} px wide, sigma {SIGMA}, K1 {K1}, K2 {K2}, biased covariance,"
    " mean over all windows inside the picture"
)
_PSNR = f"PSNR in dB: 10 log10(1 / mean squared error), white = 1, at most {MOST_DB:g} dB"
_RGB = "over all pixels and channels of sRGB-encoded RGB (or grey)"
_LUMA = "on luma Y of ITU-R BT.601 in studio range (16..235, as MATLAB's rgb2ycbcr); of a picture of one channel, on its values as they are"
_ROUNDED = "both pictures rounded to 8 bits, no border cut"
_CUT = "both pictures rounded to 8 bits, {px} px of every border left out"

PROTOCOLS: dict[str, str] = {
    "psnr_rgb": f"{_PSNR}, {_RGB}; {_ROUNDED}.",
    "psnr_y": f"{_PSNR}, {_LUMA}; {_ROUNDED}.",
    "ssim_rgb": f"{_SSIM} and over channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
    "ssim_y": f"{_SSIM}, {_LUMA}; {_ROUNDED}.",
    "psnr_inside": f"{_PSNR}, over the pixels of a mask and all channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
    "psnr_b": f"PSNR-B in dB (Yim and Bovik 2011), blocks of {BLOCK} px, {_LUMA}; {_ROUNDED}.",
    "ciede2000": "Colour difference CIEDE2000 (Sharma et al. 2005; sRGB, D65), mean over pixels, " + f"{LESS}; {_ROUNDED}.",
    "colourfulness": "Colourfulness M3 of the picture alone (Hasler and Suesstrunk 2003), on levels 0..255; rounded to 8 bits.",
    "drift": f"Largest difference of a channel's mean, in levels of {TOP}, {LESS}; {_ROUNDED}.",
    "peak": f"Largest difference of any value, in levels of {TOP}, {LESS}; {_ROUNDED}.",
    "psnr_outside": f"{_PSNR}, over the pixels outside a mask and all channels of sRGB-encoded RGB (or grey); {_ROUNDED}.",
}


def psnr_rgb(picture: Unit, truth: Unit) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels.  Two Unit (H, W, C) -> at most 100."""
    return _decibels(_squares(*_as_written(picture, truth)))


def psnr_y(picture: Unit, truth: Unit) -> float:
    """Peak signal-to-noise ratio in dB of studio-range luma, as papers on super-resolution count it.  Two Unit (H, W, C)."""
    return _decibels(_squares(*_lumas(*_as_written(picture, truth))))


def ssim_rgb(picture: Unit, truth: Unit) -> float:
    """Structural similarity, mean over channels.  Two Unit (H, W, C), sides of at least 11 px -> -1..1.  Wang et al. 2004."""
    return _ssim(*_as_written(picture, truth))


def ssim_y(picture: Unit, truth: Unit) -> float:
    """Structural similarity of studio-range luma.  Two Unit (H, W, C), sides of at least 11 px -> -1..1.  Wang et al. 2004."""
    return _ssim(*_lumas(*_as_written(picture, truth)))


def psnr_b(picture: Unit, truth: Unit) -> float:
    """PSNR in dB that also counts steps at the borders of 8 x 8 px blocks, of studio-range luma.  Two Unit (H, W, C).

    Yim and Bovik 2011, "Quality assessment of deblocked images".  Sides must be longer than a block.
    """
    one, other = (plane[..., 0] for plane in _lumas(*_as_written(picture, truth)))
    if min(one.shape) <= BLOCK:
        raise Refusal(f"PSNR-B compares borders of blocks of {BLOCK} px, but the picture is {one.shape[1]} x {one.shape[0]} px.")
    return _decibels(_squares(one, other) + _blocking(one))


def _blocking(plane: Float) -> float:
    """The blocking effect factor.  (H, W)"""
    at, beside = [], []
    for steps in (np.diff(plane, axis=1), np.diff(plane, axis=0).T):
        borders = np.arange(steps.shape[1]) % BLOCK == BLOCK - 1
        at.append(np.square(steps[:, borders]).ravel())
        beside.append(np.square(steps[:, ~borders]).ravel())
    more = float(np.concatenate(at).mean() - np.concatenate(beside).mean())
    return more * np.log2(BLOCK) / np.log2(min(plane.shape)) if more > 0 else 0.0


def ciede2000(picture: Unit, truth: Unit) -> float:
    """Mean colour difference.  Two Unit (H, W, 1 or 3) -> 0 and up; 1 is about what an eye just sees.  Sharma et al. 2005."""
    one, other = (_lab(pixels) for pixels in _as_written(picture, truth))
    return float(colour_differences(one, other).mean())


def colour_differences(one: Float, other: Float) -> Float:
    """CIEDE2000 with all weights 1.  Two Lab (..., 3) -> (...)"""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab, -1, 0) for lab in (one, other))
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(c7 / (c7 + 25**7)))
    chroma1, chroma2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1, hue2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = chroma1 * chroma2 == 0
    turn = (hue2 - hue1 + 180) % 360 - 180
    turn = np.where(hue2 - hue1 == 180, 180.0, turn)  # as Sharma's table has it
    turn = np.where(grey, 0.0, turn)
    light, chroma = l2 - l1, chroma2 - chroma1
    hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn) / 2)
    l_mean, c_mean = (l1 + l2) / 2, (chroma1 + chroma2) / 2
    h_sum = hue1 + hue2
    far = np.abs(hue1 - hue2) > 180
    h_mean = np.where(grey, h_sum, np.where(far, np.where(h_sum < 360, h_sum + 360, h_sum - 360), h_sum) / 2)
    t = (
        1
        - 0.17 * np.cos(np.radians(h_mean - 30))
        + 0.24 * np.cos(np.radians(2 * h_mean))
        + 0.32 * np.cos(np.radians(3 * h_mean + 6))
        - 0.20 * np.cos(np.radians(4 * h_mean - 63))
    )
    square = (l_mean - 50) ** 2
    s_l, s_c, s_h = 1 + 0.015 * square / np.sqrt(20 + square), 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t
    r_c = 2 * np.sqrt(c_mean**7 / (c_mean**7 + 25**7))
    r_t = -r_c * np.sin(np.radians(60 * np.exp(-(((h_mean - 275) / 25) ** 2))))
    parts = light / s_l, chroma / s_c, hue / s_h
    total = parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2 + r_t * parts[1] * parts[2]
    return np.asarray(np.sqrt(np.maximum(total, 0.0)))


def _lab(pixels: Float) -> Float:
    """sRGB (H, W, 1 or 3) in 0..1 -> CIE Lab of D65 (H, W, 3)"""
    colour = pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)
    return np.asarray(cv2.cvtColor(colour.astype(np.float32), cv2.COLOR_RGB2Lab), np.float64)


def colourfulness(picture: Unit, truth: Unit) -> float:
    """How colourful the picture is; the truth is not looked at.  Unit (H, W, 1 or 3) -> 0 (grey) and up.  Hasler and Suesstrunk 2003."""
    pixels = TOP * _as_written(picture, truth)[0]
    if pixels.shape[2] == 1:
        return 0.0
    red, green, blue = np.moveaxis(pixels, 2, 0)
    apart = np.stack([red - green, (red + green) / 2 - blue])
    return float(np.hypot(*apart.std((1, 2))) + 0.3 * np.hypot(*apart.mean((1, 2))))


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


def drift(picture: Unit, truth: Unit) -> float:
    """The largest difference of a channel's mean, in levels: a cast, or light that was lost or gained.  Two Unit (H, W, C) -> 0..255"""
    one, other = _as_written(picture, truth)
    return float(np.abs((one - other).mean((0, 1))).max() * TOP)


def peak(picture: Unit, truth: Unit) -> float:
    """The largest difference of any value, in levels.  Two Unit (H, W, C) -> 0..255"""
    one, other = _as_written(picture, truth)
    return float(np.abs(one - other).max() * TOP)


Metric = Callable[[Unit, Unit], float]
METRICS: dict[str, Metric] = {
    "psnr_rgb": psnr_rgb,
    "psnr_y": psnr_y,
    "psnr_b": psnr_b,
    "ssim_rgb": ssim_rgb,
    "ssim_y": ssim_y,
    "ciede2000": ciede2000,
    "colourfulness": colourfulness,
    "drift": drift,
    "peak": peak,
}
_CROPPED = re.compile(r"((?:psnr|ssim)_(?:rgb|y))_crop([1-9][0-9]?)")  # such as psnr_y_crop4: without 4 px of every border


def metric(name: str) -> Metric:
    """A metric of two whole pictures by its name, such as psnr_y or psnr_y_crop4; an unknown one is refused with the nearest."""
    if cropped := _CROPPED.fullmatch(name):
        return partial(_without_border, METRICS[cropped[1]], int(cropped[2]))
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def least_side(name: str) -> int:
    """px that a metric needs of a picture's sides; 1 of one that is not known here."""
    cropped = _CROPPED.fullmatch(name)
    inner, border = (cropped[1], int(cropped[2])) if cropped else (name, 0)
    return 2 * border + (WINDOW if inner.startswith("ssim") else BLOCK + 1 if inner == "psnr_b" else 1)


def protocol(name: str) -> str:
    """How a metric is taken, in a sentence; an unknown one is refused with the nearest."""
    if cropped := _CROPPED.fullmatch(name):
        return PROTOCOLS[cropped[1]].replace(_ROUNDED, _CUT.format(px=cropped[2]))
    metric(name)
    return PROTOCOLS[name]


def _without_border(inner: Metric, px: int, picture: Unit, truth: Unit) -> float:
    if min(picture.shape[:2]) <= 2 * px:
        raise Refusal(f"Nothing is left of a picture of {picture.shape[1]} x {picture.shape[0]} px without {px} px of every border.")
    return inner(picture[px:-px, px:-px], truth[px:-px, px:-px])


def luma(picture: Float) -> Float:
    """BT.601 luma in studio range.  (H, W, 3) in 0..1 -> (H, W, 1), 16 for black to 235 for white, over the top level."""
    return np.asarray(picture @ (np.array(STUDIO_WEIGHTS) / TOP)[:, None] + STUDIO_BLACK / TOP)


def _lumas(picture: Float, truth: Float) -> tuple[Float, Float]:
    """(H, W, 1) each.  A grey file is its own luma (Set14 has one); one that has three equal channels is not, as in MATLAB."""
    return (luma(picture), luma(truth)) if truth.shape[2] == 3 else (picture, truth)


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
