"""Plots as bytes, by matplotlib without its global state."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

FEW = 40  # points; a running mean of fewer lags behind them more than it says
Format = Literal["png", "svg"]
Series = tuple[Sequence[float], Sequence[float]]  # x and y


def curves(
    series: Mapping[str, Series],
    *,
    x: str,
    y: str,
    scale: Literal["linear", "log"] = "linear",
    smooth: bool = False,
    kind: Format = "svg",
    size: tuple[float, float] = (7, 3),  # inches
) -> bytes:
    """Lines over a common axis, named in a legend where there are several.

    smooth : a running mean over the raw line, faint behind it.  A line of few points is drawn as it is, each point a dot.
    """
    figure, axes = _axes(size, x, y)
    for index, (name, (xs, ys)) in enumerate(series.items()):
        colour, few = f"C{index}", len(ys) < FEW
        if smooth and not few:
            axes.plot(xs, ys, color=colour, alpha=0.3, linewidth=0.8)
        axes.plot(xs, running_mean(ys) if smooth and not few else ys, color=colour, linewidth=1.6, marker="." if few else "", label=name)
    axes.set_yscale(scale)
    if len(series) > 1:
        axes.legend(frameon=False)
    return _rendered(figure, kind)


def rate_finder(rates: Sequence[float], losses: Sequence[float], suggested: float, *, kind: Format = "png") -> bytes:
    """Loss over the learning rate, with the suggestion marked."""
    figure, axes = _axes((7, 4), "learning rate", "loss (smoothed)")
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
    return _rendered(figure, kind)


def running_mean(values: Sequence[float], share: float = 0.9) -> list[float]:
    """Exponential running mean, corrected for its start."""
    means, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = share * total + (1 - share) * value, share * weight + (1 - share)
        means.append(total / weight)
    return means


def _axes(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _rendered(figure: Figure, kind: Format) -> bytes:
    """The same bytes for the same plot: no date is written, and names inside an SVG are not drawn by chance."""
    buffer = io.BytesIO()
    if kind == "png":
        FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=120, metadata={"Software": None})
    else:
        with rc_context({"svg.hashsalt": "sfumato"}):
            FigureCanvasSVG(figure).print_figure(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
