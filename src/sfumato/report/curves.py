"""Curves as inline SVG that takes its colours from the page, so that it is right by day and by night."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sfumato.report.read import Points

WIDTH, HEIGHT = 360, 190  # px of the drawing; the page scales it
LEFT, RIGHT, TOP_EDGE, BOTTOM = 46, 12, 12, 24  # px of room for the ticks
DOTS = 24  # with up to so many points each is a dot that tells its value


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points to be joined, and how: "strong", "faint" (what lies behind it), "second"."""

    points: Points
    look: str = "strong"


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    first: float  # px
    last: float  # px
    log: bool = False

    def place(self, value: float) -> float:
        low, high, at = (math.log10(x) for x in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        share = (at - low) / (high - low)
        return self.first + share * (self.last - self.first)


def chart(
    lines: Sequence[Line], *, until: float, says: str, write: Callable[[float], str] = lambda value: f"{value:g}", log: bool = False
) -> Markup:
    """Curves over steps 0 to `until` as one SVG; empty without a point.

    says : the drawing in words, for those who hear the page.  write : a value as a person reads it.
    log : for values that fall by orders of magnitude; taken back when one is not above zero.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return Markup("")
    ys = [y for _, y in points]
    log = log and min(ys) > 0
    across = _Axis(0, max(until, 1, *(x for x, _ in points)), LEFT, WIDTH - RIGHT)
    up = _Axis(*_padded(min(ys), max(ys), log), HEIGHT - BOTTOM, TOP_EDGE, log)
    marks = [_grid(up, tick, _short(tick)) for tick in (_decades(up) if log else _ticks(up.low, up.high, 5))]
    marks += [_below(across, tick) for tick in _ticks(across.low, across.high, 5)]
    marks += [_curve(line, across, up, write) for line in lines if line.points]
    body = Markup("").join(marks)
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(WIDTH, HEIGHT, says, body)


def _curve(line: Line, across: _Axis, up: _Axis, write: Callable[[float], str]) -> Markup:
    places = [(across.place(x), up.place(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = Markup('<polyline class="{}" points="{}"/>').format(line.look, path)
    dots = [
        Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.6"><title>step {:g}: {}</title></circle>').format(
            line.look, *place, step, write(value)
        )
        for place, (step, value) in zip(places, line.points, strict=True)
    ]
    return Markup("").join([drawn, *(dots if len(dots) <= DOTS else [])])


def _grid(up: _Axis, value: float, label: str) -> Markup:
    y = up.place(value)
    return Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="side" x="{}" y="{:.1f}">{}</text>').format(
        LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 3.5, escape(label)
    )


def _below(across: _Axis, value: float) -> Markup:
    return Markup('<text class="below" x="{:.1f}" y="{}">{}</text>').format(across.place(value), HEIGHT - 7, _short(value))


def _padded(low: float, high: float, log: bool) -> tuple[float, float]:
    if log:
        return low / 1.15, high * 1.15
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers inside: steps of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(up: _Axis) -> list[float]:
    """1, 2, 5 times powers of ten; only the powers where there are many."""
    powers = range(math.floor(math.log10(up.low)), math.ceil(math.log10(up.high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    return [value for power in powers for factor in factors if up.low <= (value := factor * 10.0**power) <= up.high]


def _short(value: float) -> str:
    """Ticks without a tail of rounding: 0.3, 12k, 0.0005, 2e-05."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.2g}"
