"""How near pictures are as a classifier sees them, picture by picture, and how near two sets of them are.  All arithmetic is float64.

A feature distance is only worth something on a network that the pictures were not trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.metrics.score import LESS
from sfumato.nets import tensor_file

Float = NDArray[np.float64]
See = Callable[[Tensor], list[Tensor]]  # float32 (B, 3, H, W) in 0..1 -> features (B, c, h, w), one a tap

AT_ONCE = 64  # pictures
DEGREE = 3  # of KID's polynomial kernel (Binkowski et al. 2018)
BLOCKS = 100  # that KID's interval is taken over: subsets, as in the paper

PROTOCOLS = {
    "feature": "Mean squared difference of a classifier's features, each tap over the mean square of the good picture's, mean over taps; "
    + LESS,
    "lpips": "Squared difference of features of unit length by channel, mean over the grid, summed over taps (Zhang et al. 2018), "
    f"channels weighed alike where no heads are given; {LESS}",
    "kid": f"KID (Binkowski et al. 2018): unbiased squared MMD of pooled features, polynomial kernel of degree 3; {LESS}",
}


def feature_distance(see: See, pictures: Levels, truths: Levels) -> Float:
    """One number a picture.  Two uint8 (N, H, W, 3) -> (N,).

    At each tap the mean squared difference is taken relative to the mean square of what the good picture gives, so that taps of unlike
    scale count alike and 0 is equal.
    """
    return _over(see, pictures, truths, _relative)


def lpips(see: See, pictures: Levels, truths: Levels, heads: Sequence[Tensor] | None = None) -> Float:
    """Learned perceptual distance of Zhang et al. 2018, one number a picture.  heads: (c,) weights of channels at each tap, at least 0."""
    return _over(see, pictures, truths, lambda ours, theirs: _unit_distance(ours, theirs, heads))


def heads(path: Path, channels: Sequence[int]) -> list[Tensor]:
    """Weights of channels from a safetensors file of the published heads: `lin0.model.1.weight` (1, c, 1, 1) and so on, one a tap.

    Refuses a file that lacks one, or whose heads are for other taps than those of so many channels.
    """
    file = tensor_file.look(path)
    names = [f"lin{index}.model.1.weight" for index in range(len(channels))]
    if missing := [name for name in names if name not in file.places]:
        raise Refusal(f"{path} holds no head {missing[0]!r}: one is needed for each of {len(channels)} tap(s).")
    data = file.data()
    found = [file.tensor(name, data).flatten().float() for name in names]
    if (counts := [len(head) for head in found]) != list(channels):
        raise Refusal(f"{path} has heads for taps of {counts} channels, but the classifier's have {list(channels)}: name its own taps.")
    return found


def _relative(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    shares = [
        (one - other).square().flatten(1).mean(1) / other.square().flatten(1).mean(1).clamp_min(1e-12)
        for one, other in zip(ours, theirs, strict=True)
    ]
    return torch.stack(shares).mean(0)


def _unit_distance(ours: list[Tensor], theirs: list[Tensor], weights: Sequence[Tensor] | None) -> Tensor:
    total = torch.zeros(len(ours[0]), dtype=torch.float64)
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        apart = (one / one.norm(dim=1, keepdim=True).clamp_min(1e-10) - other / other.norm(dim=1, keepdim=True).clamp_min(1e-10)).square()
        share = torch.full((one.shape[1],), 1 / one.shape[1]) if weights is None else weights[index]
        total += (apart * share.to(apart).view(1, -1, 1, 1)).sum(1).mean((1, 2))
    return total


def _over(see: See, pictures: Levels, truths: Levels, distance: Callable[[list[Tensor], list[Tensor]], Tensor]) -> Float:
    if pictures.shape != truths.shape or pictures.ndim != 4:
        raise Refusal(f"Compared are pictures of the same shape (N, H, W, C), but these are {pictures.shape}, {truths.shape}.")
    found = [distance(ours, theirs).numpy() for ours, theirs in zip(_seen(see, pictures), _seen(see, truths), strict=True)]
    return np.concatenate(found)


def _seen(see: See, pictures: Levels) -> Iterator[list[Tensor]]:
    for start in range(0, len(pictures), AT_ONCE):
        batch = batch_to_unit(torch.from_numpy(np.array(pictures[start : start + AT_ONCE])))
        with torch.inference_mode():  # not around the loop: who asks for the next ones would be in it too
            found = [tap.cpu().double() for tap in see(batch)]
        yield found


def pooled(see: See, pictures: Levels) -> Float:
    """Features of the last tap, averaged over the grid: what KID compares.  uint8 (N, H, W, 3) -> (N, c)"""
    return np.concatenate([taps[-1].mean((2, 3)).numpy() for taps in _seen(see, pictures)])


def kid(one: Float, other: Float) -> float:
    """Unbiased squared MMD of two sets of features (N, c) and (M, c): 0 in the mean where both come from one distribution."""
    return float(_mmd(_kernel(one, one), _kernel(other, other), _kernel(one, other)))


def kid_interval(one: Float, other: Float, *, seed: Seed, size: int = 500) -> tuple[float, float, float]:
    """KID as mean over subsets of `size`, with a 95 % interval over them: (mean, low, high).  Subsets are drawn without replacement."""
    values = _subsets(one, other, seed, size)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def kid_change(before: Float, after: Float, truth: Float, *, seed: Seed, size: int = 500) -> tuple[float, float, float]:
    """KID of `after` less that of `before`, on the same subsets: (mean, low, high), a 95 % interval over resampled pictures.

    before, after : features of the same pictures, made in two ways; below zero, the second way is nearer to the truth.
    """
    rng = seed.at("kid-gain")
    size = min(size, len(truth) // 2)  # of the whole there would be one subset alone
    if size < 2:
        raise Refusal(f"KID compares sets of at least 4 pictures, but there are {len(truth)}.")
    kernels: dict[str, Any] = {}
    for name, made in (("before", before), ("after", after)):
        kernels[name] = (_kernel(made, made), _kernel(made, truth))
    whole = _kernel(truth, truth)
    found = []
    for _ in range(BLOCKS * 10):
        mine, theirs = (rng.choice(len(truth), size, replace=False) for _ in range(2))
        values = {
            name: _mmd(own[np.ix_(mine, mine)], whole[np.ix_(theirs, theirs)], cross[np.ix_(mine, theirs)])
            for name, (own, cross) in kernels.items()
        }
        found.append(values["after"] - values["before"])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(np.mean(found)), float(low), float(high)


def _subsets(one: Float, other: Float, seed: Seed, size: int) -> Float:
    size = min(size, len(one), len(other))
    if size < 2:
        raise Refusal(f"KID compares sets of at least 2 pictures, but they have {len(one)} and {len(other)}.")
    rng = seed.at("kid")
    values = []
    for _ in range(BLOCKS):
        mine, theirs = (part[rng.choice(len(part), size, replace=False)] for part in (one, other))
        values.append(kid(mine, theirs))
    return np.asarray(values)


def _kernel(one: Float, other: Float) -> Float:
    products: Float = one @ other.T / one.shape[1] + 1
    return products**DEGREE


def _mmd(own: Float, theirs: Float, cross: Float) -> float:
    n, m = len(own), len(theirs)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (theirs.sum() - np.trace(theirs)) / (m * (m - 1))
    return float(within - 2 * cross.mean())


def see_through(network: nn.Module) -> See:
    """A feature network as what sees: its forward, on the device it lies on."""
    device = next(network.parameters()).device
    return lambda batch: network(batch.to(device))
