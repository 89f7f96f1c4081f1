"""How well depth maps agree with true ones, a number a picture, without what nobody knows (Eigen et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.metrics import score

Metres = NDArray[np.float32]
NEAR = 1.25  # a factor within which a depth counts as right

_KNOWN = "over pixels of known depth, then over pictures"

PROTOCOLS: dict[str, str] = {
    "delta1": f"Share of pixels whose depth is within a factor of {NEAR} of the true one, in metres as they come out, mean {_KNOWN}.",
    "abs_rel": f"Distance to the true depth over the true depth, in metres as they come out, mean {_KNOWN}; {score.LESS}.",
    "delta1_scaled": f"The share within a factor of {NEAR} after one factor for each picture has made the medians equal, mean {_KNOWN}.",
    "abs_rel_scaled": f"The relative distance after one factor for each picture has made the medians equal, mean {_KNOWN}; {score.LESS}.",
}


def abs_rel(seen: Metres, truth: Metres) -> float:
    """Two (H, W) of metres, the second 0 where it is unknown -> 0 and above; refused where nothing is known"""
    near, far = _known(seen, truth)
    return float(np.mean(np.abs(near - far) / far))


def delta1(seen: Metres, truth: Metres) -> float:
    """Likewise -> 0..1"""
    near, far = _known(seen, truth)
    return float(np.mean(np.maximum(near / far, far / near) < NEAR))


def scaled(seen: Metres, truth: Metres) -> Metres:
    """The first, times what makes its median that of the second where that is known."""
    near, far = _known(seen, truth)
    return np.asarray(seen * np.float32(np.median(far) / np.median(near)))


def _known(seen: Metres, truth: Metres) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if seen.shape != truth.shape:
        raise Refusal(f"Depth maps are compared pixel by pixel, but these have the shapes {seen.shape} and {truth.shape}.")
    known = truth > 0
    if not known.any():
        raise Refusal("This depth map knows no pixel's depth, so nothing can be compared with it.")
    return np.maximum(seen[known], 1e-6).astype(np.float64), truth[known].astype(np.float64)


MEASURES: dict[str, Callable[[Metres, Metres], float]] = {
    "delta1": delta1,
    "abs_rel": abs_rel,
    "delta1_scaled": lambda seen, truth: delta1(scaled(seen, truth), truth),
    "abs_rel_scaled": lambda seen, truth: abs_rel(scaled(seen, truth), truth),
}


def measured(seen: Metres, truth: Metres) -> dict[str, float]:
    """All of them, of one picture."""
    return {name: measure(seen, truth) for name, measure in MEASURES.items()}


def judged(ways: Mapping[str, Sequence[Mapping[str, float]]], names: Sequence[str], *, seed: int) -> dict[str, Any]:
    """What scores.json of a depth network holds, from the `measured` of every picture by every way; the last way is the network's."""
    first, *_, last = ways

    def column(way: str, name: str) -> list[float]:
        return [one[name] for one in ways[way]]

    rows = {
        way: {name: score.over_pictures(column(way, name), protocol=said, seed=seed).row() for name, said in PROTOCOLS.items()}
        for way in ways
    }
    gains = {
        name: score.gain(column(first, name), column(last, name), protocol=said, seed=seed).row() for name, said in PROTOCOLS.items()
    }
    return {
        "task": "depth",
        "protocols": PROTOCOLS,
        "rows": [{"name": way, **row} for way, row in rows.items()],
        "gains": gains,
        "pictures": [
            {"name": name, **{way: dict(found[index]) for way, found in ways.items()}} for index, name in enumerate(names)
        ],
    }
