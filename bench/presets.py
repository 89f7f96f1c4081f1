"""Every preset against what a person would do without a network: ten or three minutes of training, bsds/valid, its own metric.

    python bench/presets.py [--only denoise holes ...] [--minutes 0.2]

Trained on bsds/train; scored on whole pictures of bsds/valid, spoilt once, by the last averaged weights.  Where something is missing, only
what was missing is scored.  Differences are paired picture by picture, with a bootstrap over pictures; less is nearer for distances.
Times of one 481 x 321 picture on this machine stand beside, for whoever must choose.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from skimage import feature, restoration

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.core.seed import Seed
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from sfumato.spoil import grammar
from sfumato.spoil.resample import resize
from sfumato.tasks import catalogue as recipes
from sfumato.tasks.parts import pairs, restorer, scoring, sources

RUNS = results.ROOT / "build" / "presets"
COUNT = 40  # pictures: biharmonic inpainting takes seconds each
Repair = Callable[[Levels, Levels], Levels]  # the spoilt picture, and which px are missing (H, W) bool, where some are


def bicubic(spoilt: Levels, gone: Levels) -> Levels:
    """Twice as large."""
    return resize(spoilt, 2 * spoilt.shape[0], 2 * spoilt.shape[1], "bicubic")


def median(spoilt: Levels, gone: Levels) -> Levels:
    """Of 3 x 3 px."""
    return np.asarray(cv2.medianBlur(spoilt, 3))


def non_local(spoilt: Levels, gone: Levels) -> Levels:
    """Non-local means as OpenCV has it for colour, its strength by scikit-image's estimate of the noise."""
    sigma = float(np.mean(restoration.estimate_sigma(spoilt, channel_axis=2)))
    return np.asarray(cv2.fastNlMeansDenoisingColored(spoilt, None, sigma, sigma, 7, 21))


def as_it_is(spoilt: Levels, gone: Levels) -> Levels:
    """Nothing is done: a grey picture stays grey."""
    return spoilt


def unsharp(spoilt: Levels, gone: Levels) -> Levels:
    """Half of what a blur of 1 px takes away, added again."""
    unit = to_unit(spoilt)
    return to_levels(unit + 0.5 * (unit - cv2.GaussianBlur(unit, (0, 0), 1.0)))


def mean_colour(spoilt: Levels, gone: Levels) -> Levels:
    """What is missing, in the mean colour of the rest; everything, where nothing is marked as missing."""
    filled = spoilt.copy()
    known = spoilt[~gone] if gone.any() else spoilt.reshape(-1, 3)
    where = gone if gone.any() else np.ones_like(gone)
    filled[where] = known.mean(0).round().astype(np.uint8)
    return filled


def biharmonic(spoilt: Levels, gone: Levels) -> Levels:
    """scikit-image's, as smooth as it can be."""
    return to_levels(np.asarray(restoration.inpaint_biharmonic(spoilt, gone, channel_axis=2, split_into_regions=True), np.float32))


def canny(spoilt: Levels, gone: Levels) -> Levels:
    """Black lines on white."""
    edges = feature.canny(cv2.cvtColor(spoilt, cv2.COLOR_RGB2GRAY) / TOP, sigma=1.0)
    return np.repeat(np.where(edges, 0, TOP).astype(np.uint8)[..., None], 3, axis=2)


@dataclass(frozen=True)
class Preset:
    """A recipe, how long it learns, what it is compared with, and how."""

    recipe: str
    baseline: Repair
    minutes: float = 3.0
    metric: str = "psnr_rgb"
    inside: bool = False  # only what the chain changed is scored
    changes: tuple[str, ...] = ()


PRESETS = {
    "enlarge": Preset("enlarge", bicubic, 10),
    "jpeg": Preset("jpeg", non_local, 10),
    "denoise": Preset("denoise", non_local, 10),
    "old-photographs": Preset("old-photographs", median, 10),
    "text": Preset("text", median),
    "sharpen": Preset("sharpen", unsharp),
    "deblur": Preset("deblur", unsharp),
    "general": Preset("general", non_local),
    "colourise": Preset("colourise", as_it_is, metric="ciede2000"),
    "holes": Preset("holes", biharmonic, inside=True, changes=("spoil.chain=hole 8..24",)),
    "large-holes": Preset("holes", mean_colour, inside=True, changes=("spoil.chain=hole 40..64 density=20",)),
    "border": Preset("border", mean_colour, inside=True),
    "drawing": Preset("drawing", canny),
    "edges-to-picture": Preset("edges-to-picture", mean_colour, metric="feature"),
    "drawing-to-painting": Preset("drawing-to-painting", mean_colour, metric="feature"),
}


def judged(preset: Preset, seen: dict[str, scoring.Seen]) -> Callable[[Levels, Levels, Levels], float]:
    """Of a repaired picture, the good one, and what was missing."""
    if preset.inside:
        return lambda made, good, gone: metrics.psnr_inside(to_unit(made), to_unit(good), gone)
    measure = seen[preset.metric].metric if preset.metric in seen else metrics.metric(preset.metric)
    return lambda made, good, gone: measure(to_unit(made), to_unit(good))


def compare(name: str, preset: Preset, minutes: float, seen: dict[str, scoring.Seen]) -> tuple[Bar, dict[str, Any]]:
    """Train, repair, and set beside the baseline."""
    changes = ('data.folders=["known:bsds"]', f"train.minutes={minutes}", "train.epochs=off", "train.seed=1", *preset.changes)
    run = trainings.finished(RUNS / f"{name}-{minutes:g}m", preset.recipe, *changes)
    model = restorer.load(run / "last.safetensors", device="cpu")
    recipe = recipes.read(preset.recipe, list(preset.changes))
    chain = grammar.parse(recipe.spoil.chain)
    target = grammar.parse(recipe.spoil.target) if recipe.spoil.target else None
    items = sources.held_out("known:bsds")[:COUNT]
    held = pairs.held_out(items, chain, target, seed=Seed(0), side=1 << 30, count=COUNT)
    measure, values, spent = judged(preset, seen), {"ours": [], "baseline": []}, {"ours": [], "baseline": []}
    for spoilt, good in zip(held.inputs, held.targets, strict=True):
        gone = (spoilt != good).any(2) if preset.inside else np.zeros(good.shape[:2], bool)
        if preset.inside and not gone.any():
            continue
        for way, act in (("ours", lambda picture, _: np.asarray(model.restore(picture))), ("baseline", preset.baseline)):
            begun = time.perf_counter()
            made = act(spoilt, gone)
            spent[way].append(time.perf_counter() - begun)
            values[way].append(measure(made, good, gone))
    less = preset.metric in ("feature", "ciede2000")
    before, after = (values["ours"], values["baseline"]) if less else (values["baseline"], values["ours"])
    protocol = seen[preset.metric].protocol if preset.metric in seen else metrics.protocol(preset.metric)
    gain = score.gain(before, after, protocol=metrics.PROTOCOLS["psnr_inside"] if preset.inside else protocol, seed=0)
    assert gain.low is not None and gain.high is not None
    means = {way: statistics.mean(found) for way, found in values.items()}
    what = "px that were missing, " if preset.inside else ""
    bar = Bar(
        what=f"{name}, {minutes:g} minutes, {what}{preset.metric}: ahead of {preset.baseline.__name__} "
        f"({means['ours']:.3f}, {means['baseline']:.3f})",
        needed="above 0, and its interval too",
        measured=round(gain.mean, 3),
        spread=[round(gain.low, 3), round(gain.high, 3)],
        holds=gain.low > 0,
    )
    seconds = {way: round(statistics.median(times), 4) for way, times in spent.items()}
    return bar, {"preset": name, "baseline": preset.baseline.__name__, "means": means, "seconds": seconds, "gain": gain.row()}


def main() -> None:
    """Print and write bench/results/presets.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    options.add_argument("--minutes", type=float, help="of each, instead of its own")
    given = options.parse_args()
    seen = scoring.through("tiny-features")
    found = [compare(name, PRESETS[name], given.minutes or PRESETS[name].minutes, seen) for name in given.only]
    results.write("presets", [bar for bar, _ in found], rows=[row for _, row in found])


if __name__ == "__main__":
    main()
