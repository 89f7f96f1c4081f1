"""Numbers and states as a person reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unit:
    """How a metric is called and written; a value is multiplied by `times` first, so that shares are told in percent."""

    name: str
    unit: str
    digits: int
    times: float = 1
    lower: bool = False  # less is better


UNITS = {
    "psnr_rgb": Unit("PSNR", "dB", 2),
    "psnr_y": Unit("PSNR of luma", "dB", 2),
    "ssim_rgb": Unit("SSIM", "", 4),
    "ssim_y": Unit("SSIM of luma", "", 4),
    "psnr_inside": Unit("PSNR inside the marks", "dB", 2),
    "psnr_outside": Unit("PSNR outside the marks", "dB", 2),
    "feature": Unit("distance by features", "", 4, lower=True),
    "lpips": Unit("LPIPS", "", 4, lower=True),
    "ciede2000": Unit("colour difference CIEDE2000", "", 2, lower=True),
    "drift": Unit("drift of a channel's mean", "levels", 2, lower=True),
    "peak": Unit("largest difference", "levels", 1, lower=True),
    "delta1": Unit("depth within a factor of 1.25", "%", 2, 100),
    "abs_rel": Unit("relative distance of depth", "%", 2, 100, lower=True),
    "delta1_scaled": Unit("depth within a factor of 1.25, medians made equal", "%", 2, 100),
    "abs_rel_scaled": Unit("relative distance of depth, medians made equal", "%", 2, 100, lower=True),
    "accuracy": Unit("accuracy", "%", 2, 100),
    "top_5": Unit("accuracy of the first five", "%", 2, 100),
    "balanced_accuracy": Unit("accuracy, classes alike", "%", 2, 100),
    "cross_entropy": Unit("cross-entropy", "nats", 4, lower=True),
    "calibration_error": Unit("calibration error", "%", 2, 100, lower=True),
    "pixel_accuracy": Unit("pixel accuracy", "%", 2, 100),
    "mean_iou": Unit("mean IoU", "%", 2, 100),
    "mean_accuracy": Unit("pixel accuracy, classes alike", "%", 2, 100),
    "iou": Unit("IoU", "%", 1, 100),
    "precision": Unit("precision", "%", 1, 100),
    "recall": Unit("recall", "%", 1, 100),
    "f1": Unit("F1", "%", 1, 100),
}

WAYS = {
    "input": "as it came (spoilt)",
    "restored": "repaired",
    "bicubic": "plain enlargement (bicubic)",
    "constant": "one depth for everything",
    "network": "the network",
}


def unit(metric: str) -> Unit:
    """Of a metric by its name; one that is not known keeps its name."""
    return UNITS.get(metric, Unit(metric.replace("_", " "), "", 3))


def in_order(metrics: Iterable[str]) -> list[str]:
    """As a reader looks for them: what stands first above, first; what is not known, last."""
    places = {name: place for place, name in enumerate(UNITS)}
    return sorted(metrics, key=lambda name: places.get(name, len(places)))


def number(value: float, metric: str) -> str:
    """28.31 for PSNR, 0.9123 for SSIM, 99.54 for an accuracy of 0.9954."""
    return f"{value * unit(metric).times:.{unit(metric).digits}f}"


def signed(value: float, metric: str) -> str:
    """+1.20, with a real minus sign when it is lost; nothing that rounds to zero has a sign."""
    text = f"{value * unit(metric).times:+.{unit(metric).digits}f}"
    return text[1:] if not float(text) else text.replace("-", "\N{MINUS SIGN}")


def interval(score: Mapping[str, Any], metric: str, *, gain: bool = False) -> str:
    """27.90 to 28.71; empty for a single picture."""
    if score.get("low") is None or score.get("high") is None:
        return ""
    written = signed if gain else number
    return f"{written(score['low'], metric)} to {written(score['high'], metric)}"


def way(name: str) -> str:
    """A row of the table of scores: what was done to the pictures."""
    return WAYS.get(name, f"{name} filter")


def duration(minutes: float) -> str:
    """48 s, 3.6 min, 14 min, 2 h 05 min."""
    if minutes * 60 < 99.5:
        return f"{minutes * 60:.0f} s"
    if minutes < 9.95:
        return f"{minutes:.1f} min".replace(".0 ", " ")
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def size(count: float) -> str:
    """Bytes as 412 MB or 1.9 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def amount(count: float) -> str:
    """Many things as 950, 12 400, 0.45 M."""
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def several(count: int, noun: str) -> str:
    """1 picture, 2 pictures."""
    return f"{amount(count)} {noun}{'' if count == 1 else 's'}"
