"""Distances between pictures as a classifier sees them: features and Gram matrices at named taps (Johnson et al. 2016).

A `FeatureNetwork` is frozen and owns its normalisation, so that nobody can forget it or take another; it checks what it is shown once.
All differences are float32, whatever the precision of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.core.errors import Refusal, unknown
from sfumato.nets.surgery import groups, pyramid

SIDE = 256  # px of the picture on which strides are told
SLACK = 0.5  # outside 0..1 that what a network made may lie before it counts as another range


class FeatureNetwork(nn.Module):
    """What a classifier sees at its taps.  float32 (B, 3, H, W) in 0..1 -> one (B, c, h, w) a tap

    taps : names of levels (`pyramid.names`), fine to coarse; none: the last level of each grid, where the grid is about to change.
    enlarge : times that pictures are enlarged first (bilinear), for a network that was made for larger ones.
    Always in evaluation mode, never moved; its weights belong to no optimiser.  Refuses unknown taps, and pictures of another range.
    """

    def __init__(self, classifier: nn.Module, taps: Sequence[str] = (), *, enlarge: int = 1):
        super().__init__()
        known = pyramid.names(classifier)
        if getattr(classifier, "channels", 3) != 3:
            raise Refusal("A feature network judges pictures in colour, but this classifier sees pictures of one channel.")
        for tap in taps:
            if tap not in known:
                raise unknown("tap", tap, known)
        levels = pyramid.describe(classifier, 3, SIDE)
        chosen = set(taps) or {level.name for level in pyramid.last_of_each_grid(levels)}
        self.levels = [level for level in levels if level.name in chosen]
        if taps and list(taps) != self.taps:  # weights are given in their order
            raise Refusal(f"Taps are named once each, fine to coarse: take {self.taps}, not {list(taps)}.")
        self.encoder = pyramid.cut(classifier, self.levels[-1].name)
        self.enlarge = enlarge
        self._places = [self.encoder.names.index(level.name) for level in self.levels]
        self._checked = False
        groups.freeze([self.encoder])
        self.eval()

    @property
    def taps(self) -> list[str]:
        """Names, fine to coarse."""
        return [level.name for level in self.levels]

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Whatever is asked, it stays in evaluation mode."""
        super().train(False)
        return self

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in 0..1 -> one float32 (B, c, h, w) a tap"""
        if not self._checked:
            self._check(pictures.detach())
        if pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)
        if self.enlarge != 1:
            pictures = F.interpolate(pictures, scale_factor=self.enlarge, mode="bilinear", antialias=False)
        features: list[Tensor] = self.encoder(pictures)
        return [features[place].float() for place in self._places]

    def _check(self, pictures: Tensor) -> None:
        """The first pictures must look like 0..1: of -1..1 or 0..255 it would see the same washed-out thing everywhere."""
        low, high = float(pictures.amin()), float(pictures.amax())
        if low < -SLACK or high > 1 + SLACK:
            raise Refusal(
                f"A feature network is shown pictures in 0..1 and normalises them itself, but these go from {low:.3g} to {high:.3g}."
            )
        self._checked = True


Distance = Callable[[Tensor, Tensor], Tensor]


def feature_distances(output: list[Tensor], target: list[Tensor], distance: Distance) -> list[Tensor]:
    """One scalar a tap.  Two lists of (B, c, h, w)."""
    return [distance(ours, theirs) for ours, theirs in zip(output, target, strict=True)]


def gram(features: Tensor) -> Tensor:
    """What goes with what, wherever it lies: channels' products, averaged over the grid.  (B, c, h, w) -> float32 (B, c, c)

    Gatys et al. 2016; over c * h * w, as Johnson et al. 2016 do.  In float32 whatever it is called under: products overflow in half.
    """
    with torch.autocast(features.device.type, enabled=False):
        rows = features.float().flatten(2)
        return rows @ rows.mT / (rows.shape[1] * rows.shape[2])


def gram_distances(output: list[Tensor], target: list[Tensor], distance: Distance) -> list[Tensor]:
    """One scalar a tap: of Gram matrices.  Two lists of (B, c, h, w), whose grids need not be equal."""
    return [distance(gram(ours), gram(theirs)) for ours, theirs in zip(output, target, strict=True)]


def low_colours(output: Tensor, target: Tensor, side: int = 16) -> Tensor:
    """Mean absolute difference of what is left of colour and light in squares of `side` px.  Two (B, C, H, W) -> a scalar

    Feature and adversarial losses forgive a cast; this does not.
    """
    grid = (max(1, output.shape[-2] // side), max(1, output.shape[-1] // side))
    ours, theirs = (F.adaptive_avg_pool2d(one.float(), grid) for one in (output, target))
    return (ours - theirs).abs().mean()
