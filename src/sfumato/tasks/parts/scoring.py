"""Scores of a model on pictures spoilt for the purpose, beside the input's and those of plain filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, to_levels, to_unit
from sfumato.core.progress import say, track
from sfumato.losses.features import FeatureNetwork
from sfumato.metrics import features, score
from sfumato.metrics import pictures as metrics
from sfumato.nets.surgery import borrow
from sfumato.spoil.resample import resize
from sfumato.tasks.parts.pairs import SCORED, WHOLE, Example

Repair = Callable[[Levels], Levels]


@dataclass(frozen=True)
class Seen:
    """A distance as a classifier sees it; less is nearer.  least : px that a side must have, so that its last tap has a grid."""

    metric: metrics.Metric
    protocol: str
    least: int


def through(source: str, heads: Path | None = None, taps: Sequence[str] = ()) -> dict[str, Seen]:
    """`feature` and `lpips` by the eyes of a classifier (see `nets.surgery.borrow`), weighed by published heads where there are any."""
    network = FeatureNetwork(borrow.open_classifier(source)[1], taps)
    see = features.see_through(network)
    weights = features.heads(heads, [level.channels for level in network.levels]) if heads else None

    def seen(distance: Callable[[Levels, Levels], Any]) -> metrics.Metric:
        return lambda picture, truth: float(distance(to_levels(picture)[None], to_levels(truth)[None])[0])

    by = f"; by {borrow.called(source)}, taps {', '.join(network.taps)}" + (f", heads {heads.name}." if heads else ".")
    least = network.levels[-1].stride + 1
    return {
        "feature": Seen(seen(partial(features.feature_distance, see)), features.PROTOCOLS["feature"] + by, least),
        "lpips": Seen(seen(partial(features.lpips, see, heads=weights)), features.PROTOCOLS["lpips"] + by, least),
    }


NAMES = ("psnr_rgb", "ssim_rgb", "drift")  # what everybody wants to know who asks for nothing else
FILTERS: dict[str, Repair] = {
    "median": lambda picture: _as_stack(cv2.medianBlur(picture, 3), picture.shape),
    "bilateral": lambda picture: _as_stack(cv2.bilateralFilter(picture, 5, 25, 2), picture.shape),
}


def least_side(names: Sequence[str], seen: Mapping[str, Seen]) -> int:
    """px that pictures' sides must have to be scored by all of these."""
    return max(SCORED, *(seen[name].least if name in seen else metrics.least_side(name) for name in names))


def _as_stack(filtered: Any, shape: tuple[int, ...]) -> Levels:
    return np.asarray(filtered, np.uint8).reshape(shape)  # OpenCV drops the axis of a single channel


def bicubic(factor: int) -> Repair:
    """Plain enlargement as papers do it, what a network that enlarges is compared with."""
    return lambda picture: resize(picture, picture.shape[0] * factor, picture.shape[1] * factor, "matlab-bicubic")


def judge(
    examples: Iterable[Example],
    repair: Repair,
    *,
    count: int,
    names: Sequence[str],
    seed: int,
    enlarges: int = 1,
    side: int = WHOLE,
    what: str = "scoring",
    seen: Mapping[str, Seen] = {},
) -> dict[str, Any]:
    """Scores of input, filters and `repair` over (name, input, target): `protocols`, `rows` with intervals, `pictures`.

    examples : taken one after the other, and none is kept; there are `count`, or fewer.
    side : px that examples were cut to, which the protocols then say.
    seen : metrics that need a classifier's eyes, by name.
    """
    ways: dict[str, Repair] = {"input": lambda picture: picture, **FILTERS} if enlarges == 1 else {"bicubic": bicubic(enlarges)}
    ways["restored"] = repair
    measures = {name: seen[name].metric if name in seen else metrics.metric(name) for name in names}
    values: dict[str, dict[str, list[float]]] = {way: {name: [] for name in names} for way in ways}
    called: list[str] = []
    same: list[str] = []
    for name, spoilt, good in track(examples, what, count):
        called.append(name)
        same += [name] if np.array_equal(spoilt, good) else []
        truth = to_unit(good)
        for way, act in ways.items():
            result = to_unit(act(spoilt))
            for metric, measure in measures.items():
                values[way][metric].append(measure(result, truth))
    if not called:
        raise Refusal("There is no held-out picture to score. Give more pictures, or another data.split.")
    if same:
        say(f"{len(same)} of {len(called)} pictures came as they should be, such as {same[0]}: nothing was spoilt in them.")
    base = next(iter(ways))
    cut = "" if side == WHOLE else f" Of each picture the middle, at most {side} px."
    protocols = {name: (seen[name].protocol if name in seen else metrics.protocol(name)) + cut for name in names}
    return {
        "protocols": protocols,
        "rows": [{"name": way, **_summary(values[way], protocols, seed)} for way in ways],
        "gains": _gains(values[base], values["restored"], protocols, seed),
        "pictures": [
            {"name": name, base: _one(values[base], index), "restored": _one(values["restored"], index)}
            for index, name in enumerate(called)
        ],
    }


def _summary(values: Mapping[str, list[float]], protocols: Mapping[str, str], seed: int) -> dict[str, Any]:
    return {name: score.over_pictures(numbers, protocol=protocols[name], seed=seed).row() for name, numbers in values.items()}


def _gains(before: Mapping[str, list[float]], after: Mapping[str, list[float]], protocols: Mapping[str, str], seed: int) -> dict[str, Any]:
    return {name: score.gain(before[name], after[name], protocol=protocols[name], seed=seed).row() for name in before}


def _one(values: Mapping[str, list[float]], index: int) -> dict[str, float]:
    return {name: numbers[index] for name, numbers in values.items()}
