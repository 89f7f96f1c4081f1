"""What happened inside a network while it learnt, as pictures: a column a record, a row a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sfumato.show.plots import rendered

Numbers = NDArray[np.float32]
ACROSS = 4  # histograms in a row
NAME = 26  # letters of a layer's name that there is room for


def activations(
    names: Sequence[str], steps: Sequence[int], *, means: Numbers, spreads: Numbers, dead: Numbers, counts: Numbers, reach: float
) -> bytes:
    """Mean, standard deviation and share near zero over steps, and below them each layer's histogram over steps.  A PNG.

    means, spreads, dead : (R, L) for R records and L layers.  counts : (R, L, bins) of |output| from 0 to `reach`; brighter is more,
    logarithmically, and each layer has its own scale.
    """
    rows = -(-len(names) // ACROSS)
    figure = Figure(figsize=(11, 3.4 + 1.75 * rows), layout="constrained")
    curves, pictures = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.0, 1.75 * rows])[:, 0]
    titles = ("mean", "standard deviation", "share near zero")
    for axes, title, values in zip(curves.subplots(1, 3), titles, (means, spreads, dead), strict=True):
        _lines(axes, title, steps, values)
    curves.supxlabel("step; from the first layer (dark) to the last (bright)", fontsize=9)
    grid = pictures.subplots(rows, ACROSS, sharex=True, sharey=True, squeeze=False).flat
    for index, axes in enumerate(grid):
        if index >= len(names):
            axes.set_axis_off()
            continue
        _colour_dimension(axes, steps, counts[:, index], reach)
        axes.set_title(_short(names[index]), fontsize=8, pad=3)
    pictures.supylabel("|output|", fontsize=9)
    return rendered(figure)


def gradients(names: Sequence[str], steps: Sequence[int], norms: Numbers) -> bytes:
    """Norms of each weight's gradient over steps, as a map and as lines.  (R, G) -> a PNG"""
    figure = Figure(figsize=(11, max(3.2, 0.6 + 0.26 * len(names))), layout="constrained")
    plane, curves = figure.subplots(1, 2, width_ratios=[1.25, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.ma.masked_invalid(np.log10(norms.astype(np.float64)))
    image = plane.imshow(shown.T, aspect="auto", interpolation="nearest", cmap="magma", extent=_extent(steps, len(names), 0))
    plane.set_yticks([index + 0.5 for index in range(len(names))], [_short(name) for name in names], fontsize=8)
    plane.set_xlabel("step")
    figure.colorbar(image, ax=plane, label="gradient norm, power of ten")
    _lines(curves, "gradient norm", steps, np.where(norms > 0, norms, np.nan))
    if np.isfinite(norms).any() and (norms > 0).any():
        curves.set_yscale("log")
    curves.set_xlabel("step")
    return rendered(figure)


def _lines(axes: Axes, title: str, steps: Sequence[int], values: NDArray[Any]) -> None:
    count = values.shape[1]
    for index in range(count):
        colour = colormaps["viridis"](0.92 * index / max(1, count - 1))
        axes.plot(steps, values[:, index], color=colour, linewidth=1.1, marker="." if len(steps) < 3 else "")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _colour_dimension(axes: Axes, steps: Sequence[int], counts: Numbers, reach: float) -> None:
    """Counts as brightness, on a logarithmic scale, for one bin holds most: one column a record, zero below."""
    brightness = np.log1p(np.nan_to_num(counts)).T
    axes.imshow(brightness, origin="lower", aspect="auto", interpolation="nearest", cmap="inferno", extent=_extent(steps, 0, reach))
    axes.tick_params(labelsize=7)


def _extent(steps: Sequence[int], low: float, high: float) -> tuple[float, float, float, float]:
    return float(steps[0]), float(max(steps[-1], steps[0] + 1)), low, high


def _short(name: str) -> str:
    """The end of a name says more than its beginning."""
    return name if len(name) <= NAME else "…" + name[1 - NAME :]
