"""A score is a mean with its protocol, the number of pictures, and an interval; without them it is only a number."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed

RESAMPLES = 2000  # of the bootstrap; its interval then wavers by about 2 % of its own width
AT_ONCE = 1 << 22  # values drawn at once, at most
LEVEL = 0.95
LESS = "less is nearer"  # what the protocol of a distance says


@dataclass(frozen=True, kw_only=True)
class Score:
    """The mean of one metric over some pictures, with a 95 % interval: by bootstrap (none for one picture), or as the protocol says."""

    protocol: str  # how it was taken: a sentence of PROTOCOLS in the file of its metric, or one made of it
    n: int  # pictures
    seed: int  # of the damage that was scored, and of the bootstrap
    mean: float
    low: float | None
    high: float | None

    def gain_over(self, before: "Score") -> float:
        """Difference of the two means; refused when they were not measured alike on the same number of pictures with the same seed."""
        for what, mine, theirs in (("protocol", self.protocol, before.protocol), ("n", self.n, before.n), ("seed", self.seed, before.seed)):
            if mine != theirs:
                raise Refusal(f"Two scores with unlike {what} are not compared: here {mine!r}, there {theirs!r}.")
        return self.mean - before.mean

    def row(self) -> dict[str, Any]:
        """For JSON: protocol, n, seed, mean, low, high."""
        return asdict(self)


def over_pictures(values: Sequence[float], *, protocol: str, seed: int) -> Score:
    """Mean of one value a picture, with its interval.  Refuses none and values that are not finite."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0:
        raise Refusal("There is no picture to score.")
    if not np.isfinite(numbers).all():
        raise Refusal(f"{int((~np.isfinite(numbers)).sum())} of {numbers.size} scores are not finite, so they have no mean.")
    low, high = interval(numbers, seed=seed)
    return Score(protocol=protocol, n=numbers.size, seed=seed, mean=float(numbers.mean()), low=low, high=high)


def share(hits: int, n: int, *, protocol: str, seed: int) -> Score:
    """How many of n pictures were right, with the interval of Wilson 1927, which holds near 0 and 1 too.  Refuses n = 0."""
    if n < 1 or not 0 <= hits <= n:
        raise Refusal(f"A share is counted in 1 picture or more, but here it is {hits} of {n}.")
    low, high = wilson(hits, n)
    return Score(protocol=protocol, n=n, seed=seed, mean=hits / n, low=low, high=high)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share: all shares from which `hits` of n would lie at most 1.96 standard deviations away.  Wilson 1927."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (hits + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * (hits * (n - hits) / n + z * z / 4) ** 0.5
    return max(0.0, middle - reach), min(1.0, middle + reach)


def gain(before: Sequence[float], after: Sequence[float], *, protocol: str, seed: int) -> Score:
    """Mean of what was gained, picture by picture, so that the interval is that of the gain and not of the pictures' variety.

    That is after - before, or before - after where the protocol says that less is nearer: above zero is better either way.
    """
    if len(before) != len(after):
        raise Refusal(f"A gain is counted picture by picture, but there are {len(before)} scores before and {len(after)} after.")
    differences = (np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)) * (-1 if LESS in protocol else 1)
    return over_pictures(differences.tolist(), protocol=f"Gain, picture by picture, in {protocol}", seed=seed)


def interval(values: np.ndarray[Any, np.dtype[np.float64]], *, seed: int) -> tuple[float | None, float | None]:
    """95 % percentile bootstrap interval of the mean over pictures.  (N,) -> (low, high), or (None, None) for N = 1.  Efron 1979."""
    if values.size < 2:
        return None, None
    rng, rows = Seed(seed).at("bootstrap"), max(1, AT_ONCE // values.size)
    sizes = [(min(rows, RESAMPLES - start), values.size) for start in range(0, RESAMPLES, rows)]
    means = np.concatenate([values[rng.integers(0, values.size, size=size)].mean(axis=1) for size in sizes])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
