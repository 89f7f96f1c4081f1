"""Profiles of three curves and a matrix, computed in floats both ways: nothing is rounded, and what sRGB lacks lies outside 0..1.

As displays, cameras and most editors write them (ICC.1:2022, 8.3; curves 10.6 and 10.18).  LittleCMS in Pillow converts 8 bits alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP, TOP16, to_unit
from sfumato.data.reading.profiles import MOST_BYTES

Numbers = NDArray[np.floating[Any]]  # (H, W, 3)
BY_TABLE = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2")  # what a profile means where it has one of these, whatever its curves say
SRGB = (  # linear sRGB -> XYZ under D50, as sRGB's own profiles round it (IEC 61966-2-1, adapted by Bradford's way)
    (0.43607, 0.38515, 0.14307),
    (0.22249, 0.71687, 0.06061),
    (0.01392, 0.09708, 0.71410),
)
BACK = 0.01  # largest error of the way there and back at any of the probes: tables are flat near black, where many values are one
MOST, STEEPEST = 1 << 16, 16.0  # values, and the largest power, of a curve
INSIDE = 0.999  # share of a picture's values that sRGB must have: what it lacks can only go past a network, with all that is wrong in it
ASKED = 256  # px a side, at most, that are asked
ALIKE = 1 / TOP  # largest distance to sRGB of a profile that means the same


class Curve(Protocol):
    """From what a file holds of one channel to light, and back; both rise."""

    def light(self, held: Numbers) -> Numbers: ...

    def held(self, light: Numbers) -> Numbers: ...


@dataclass(frozen=True)
class Formula:
    """(a x + b) ** power + e from x = d on, c x + f below."""

    power: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def light(self, held: Numbers) -> Numbers:
        """See `Curve`."""
        high = np.maximum(self.a * held + self.b, 0) ** self.power + self.e
        return np.where(held >= self.d, high, self.c * held + self.f) if self.c else high

    def held(self, light: Numbers) -> Numbers:
        """See `Curve`."""
        high = (np.maximum(light - self.e, 0) ** (1 / self.power) - self.b) / self.a
        if not self.c:
            return np.asarray(high)
        knee = (self.a * self.d + self.b) ** self.power + self.e
        return np.where(light >= knee, high, (light - self.f) / self.c)


@dataclass(frozen=True, eq=False)
class Table:
    """Values at equal distances, straight between them."""

    values: Numbers  # (N,), never falling; of those that are equal the first leads back

    def light(self, held: Numbers) -> Numbers:
        """See `Curve`."""
        return np.interp(held, np.linspace(0, 1, len(self.values)), self.values)

    def held(self, light: Numbers) -> Numbers:
        """See `Curve`."""
        values, first = np.unique(self.values, return_index=True)
        return np.interp(light, values, first / (len(self.values) - 1))


ENCODED = Formula(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # sRGB's own


@dataclass(frozen=True, eq=False)
class Wide:
    """What a profile's numbers mean."""

    curves: tuple[Curve, Curve, Curve]
    matrix: Numbers  # light of the profile's primaries -> light of sRGB's, (3, 3)

    def to_srgb(self, own: Numbers) -> Numbers:
        """0..1 as the file has it (H, W, 3) -> float64, sRGB-encoded; what sRGB lacks is below 0 or above 1."""
        light = np.stack([curve.light(own[..., index].astype(np.float64)) for index, curve in enumerate(self.curves)], -1) @ self.matrix.T
        return np.sign(light) * ENCODED.held(np.abs(light))

    def from_srgb(self, pixels: Numbers) -> Numbers:
        """The way back of `to_srgb`: float64 in 0..1."""
        light = np.sign(pixels) * ENCODED.light(np.abs(pixels))
        own = np.clip(light @ np.linalg.inv(self.matrix).T, 0, 1)
        return np.stack([curve.held(own[..., index]) for index, curve in enumerate(self.curves)], -1)

    def kept(self, own: Numbers, change: Any, times: int) -> NDArray[np.float32]:
        """What becomes of a piece when `change` is done to what sRGB has of it; what it lacks goes past.

        own : 0..1 as the file has it, (h, w, 3) -> float32 (h * times, w * times, 3).  Where nothing is changed, nothing is rounded either.
        change : float32 sRGB in 0..1 (h, w, 3) -> the same, `times` as large.
        """
        seen = self.to_srgb(own)
        inside = np.clip(seen, 0, 1).astype(np.float32)
        beyond = seen - inside
        made = change(inside)
        if times > 1:
            return np.asarray(self.from_srgb(made + beyond.repeat(times, 0).repeat(times, 1)), np.float32)
        return np.asarray(own + (self.from_srgb(made + beyond) - self.from_srgb(inside + beyond)), np.float32)


@lru_cache(maxsize=16)
def of(profile: bytes) -> Wide | None:
    """None of a profile that is damaged, is of other colours than RGB, works by tables, or means sRGB."""
    steps = np.linspace(0, 1, 9)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 27, 3)
    try:
        with np.errstate(all="ignore"):
            found = _read(profile) if len(profile) <= MOST_BYTES else None
            if found is None:
                return None
            moved = found.to_srgb(cube)
            apart = np.abs(found.from_srgb(moved) - cube).max()
    except (struct.error, ValueError, KeyError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError):
        return None
    if not apart <= BACK:  # also where there is no number
        return None
    return None if np.abs(moved - cube).max() <= ALIKE else found


def fitting(profile: bytes | None, pixels: NDArray[Any]) -> Wide | None:
    """The profile of a picture, uint8 or uint16 (H, W, 3), where it is one of curves and sRGB has nearly all of the picture's colours.

    Some of the pixels are asked.
    """
    found = of(profile) if profile and pixels.shape[2] == 3 else None
    if found is None:
        return None
    down, right = (1 + side // ASKED for side in pixels.shape[:2])
    seen = found.to_srgb(to_unit(np.ascontiguousarray(pixels[::down, ::right])))
    return found if ((seen >= -ALIKE) & (seen <= 1 + ALIKE)).mean() >= INSIDE else None


def _read(profile: bytes) -> Wide | None:
    if profile[16:20] != b"RGB " or profile[20:24] != b"XYZ ":
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for number in range(min(count, 200)):
        name, start, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        tags[name] = profile[start : start + size]
    if any(name in tags for name in BY_TABLE):
        return None
    curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
    columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    matrix = np.linalg.inv(np.array(SRGB)) @ (np.array(columns, np.float64).T / 65536)
    np.linalg.inv(matrix)  # or it has no way back
    red, green, blue = curves
    return None if red is None or green is None or blue is None else Wide((red, green, blue), matrix)


def _curve(data: bytes) -> Curve | None:
    if data[:4] == b"para":
        (kind,) = struct.unpack_from(">H", data, 8)
        if kind not in (0, 3, 4):  # the others are flat below, and have no way back there
            return None
        formula = Formula(*(value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", data, 12)))
        return formula if 0 < formula.power <= STEEPEST and formula.a > 0 and (formula.c > 0 or formula.d <= 0) else None
    (count,) = struct.unpack_from(">I", data, 8)
    if data[:4] != b"curv" or count > MOST:
        return None
    if count < 2:
        power = struct.unpack_from(">H", data, 12)[0] / 256 if count else 1.0
        return Formula(power) if 0 < power <= STEEPEST else None
    values = np.array(struct.unpack_from(f">{count}H", data, 12), np.float64) / TOP16
    return Table(values) if (np.diff(values) >= 0).all() and values[-1] > values[0] else None
