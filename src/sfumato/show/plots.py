"""Plots as bytes, by matplotlib without its global state."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray


def rate_finder(rates: Sequence[float], losses: Sequence[float], suggested: float) -> bytes:
    """Loss over the learning rate, with the suggestion marked."""
    figure, axes = framed((7, 4), "learning rate", "loss (smoothed)")
    axes.plot(rates, losses, linewidth=1.6)
    axes.axvline(suggested, color="C3", linestyle="--", linewidth=1)
    axes.plot([suggested], [np.interp(np.log(suggested), np.log(rates), losses)], "o", color="C3")
    axes.annotate(
        f"suggested {suggested:.2g}",
        (suggested, 1),
        xycoords=("data", "axes fraction"),
        xytext=(5, -4),
        textcoords="offset points",
        color="C3",
        va="top",
    )
    axes.set_xscale("log")
    low, most = min(losses), max(losses)
    high = min(most, max(1.5 * losses[0] - 0.5 * low, 1.5 * low))  # where the loss soars, nothing is to be seen
    if low < high:
        axes.set_ylim(low - 0.1 * (high - low), high + 0.05 * (high - low))
    return rendered(figure)


def surface(places: Sequence[float], losses: NDArray[np.float64]) -> bytes:
    """The loss (S, S) along two directions around a network, which is in the middle; what is not finite is left open."""
    figure, axes = framed((6.4, 5.2), "first random direction, in lengths of the weights", "second")
    known = np.ma.masked_invalid(losses)
    axes.grid(visible=False)
    if known.count() and known.min() < known.max():
        levels = np.geomspace(known.min(), known.max(), 24) if known.min() > 0 else np.linspace(known.min(), known.max(), 24)
        norm = LogNorm(levels[0], levels[-1]) if known.min() > 0 else None
        filled = axes.contourf(places, places, known.T, levels=levels, cmap="viridis", norm=norm)
        lines = axes.contour(places, places, known.T, levels=levels[::3], colors="white", linewidths=0.6, alpha=0.7)
        axes.clabel(lines, fmt=lambda value: f"{value:.2g}", fontsize=8)
        figure.colorbar(filled, ax=axes, label="loss", format=lambda value, _: f"{value:.2g}", ticks=levels[::4])
    axes.plot([0], [0], "+", color="C3", markersize=12, markeredgewidth=2)
    axes.set_aspect("equal")
    return rendered(figure)


def framed(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    """An empty plot with its axes named, as all plots of the house have it."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rendered(figure: Figure) -> bytes:
    """A figure as PNG.  The same bytes for the same plot."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
