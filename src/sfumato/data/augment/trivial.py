"""Augmentation without tuning: one operation and one strength a picture, both drawn evenly (TrivialAugment, Mueller and Hutter 2021).

Pictures are grouped by operation, and each operation acts on its whole group at once; all that moves pixels is one group.  Groups of light
lie side by side in one tensor, and each is changed where it lies.  What is drawn is worked out in numpy, whose small operations cost a
fifth of torch's.  The ranges are those of torchvision's `TrivialAugmentWide` and `RandAugment`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.errors import Refusal, check_range
from sfumato.data.augment import light
from sfumato.data.augment.moving import Sampling, about, sample
from sfumato.data.augment.transform import drawn, whole

Operation = Callable[[Tensor, Tensor], Tensor]
Names = NDArray[np.int64]
Numbers = NDArray[np.float64]

GEOMETRIC = ("shear-x", "shear-y", "shift-x", "shift-y", "rotate")
LIGHT: dict[str, Operation] = {
    "brightness": light.brightness,
    "colour": light.colour,
    "contrast": light.contrast,
    "sharpness": light.sharpness,
    "posterize": light.posterize,
    "solarize": light.solarize,
    "autocontrast": lambda pictures, _: light.autocontrast(pictures),
    "equalize": lambda pictures, _: light.equalize(pictures),
}
NAMES = ("identity", *GEOMETRIC, *LIGHT)
STRENGTHS = 31  # evenly from nothing to the most


@dataclass(frozen=True)
class Space:
    """How strong the operations are at their most."""

    shear: float  # px along a row for each px down, or the other way round
    shift: float | None  # px; None: 150/331 of the side
    rotate: float  # degrees
    enhance: float  # by which factors of light and colour leave 1, in either direction
    bits: int  # taken away from each level by posterize


WIDE = Space(shear=0.99, shift=32, rotate=135, enhance=0.99, bits=6)
NARROW = Space(shear=0.3, shift=None, rotate=30, enhance=0.9, bits=4)


@dataclass(frozen=True)
class TrivialAugment:
    """One operation with one strength a picture.

    sampling : how pixels that are moved are taken: nearest, as in the paper, or bilinear.
    """

    sampling: Sampling = "nearest"

    draws = 3

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W), C 1 or 3, and float (B, 3): operation, strength, direction -> the same shape."""
        return self.onto(pictures.clone(), u)

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """The same, written into the pictures."""
        rows = drawn(u)
        strength = whole(rows[:, 1], STRENGTHS).double() / (STRENGTHS - 1)
        return operate(pictures, whole(rows[:, 0], len(NAMES)), strength, rows[:, 2] < 0.5, WIDE, self.sampling)


@dataclass(frozen=True)
class RandAugment:
    """Several operations a picture, one after the other, all of one strength (Cubuk et al. 2019); for comparison.

    count : of operations a picture.
    strength : share of the most, 0..1.
    sampling : how pixels that are moved are taken: nearest or bilinear.
    """

    count: int = 2
    strength: float = 0.3
    sampling: Sampling = "nearest"

    def __post_init__(self) -> None:
        check_range("The strength of randaugment", (self.strength, self.strength), within=(0, 1))
        if not 1 <= self.count <= 20:
            raise Refusal(f"The count of randaugment is {self.count}, but must be 1..20.")

    @property
    def draws(self) -> int:
        """Operation and direction, for each of them."""
        return 2 * self.count

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W), C 1 or 3, and float (B, draws) -> the same shape."""
        return self.onto(pictures.clone(), u)

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """The same, written into the pictures."""
        rows = drawn(u)
        strength = torch.full((len(pictures),), self.strength, dtype=torch.float64)
        for number in range(self.count):
            which, backward = whole(rows[:, 2 * number], len(NAMES)), rows[:, 2 * number + 1] < 0.5
            pictures = operate(pictures, which, strength, backward, NARROW, self.sampling)
        return pictures


def operate(pictures: Tensor, which: Tensor, strength: Tensor, backward: Tensor, space: Space, sampling: Sampling) -> Tensor:
    """Do to each picture what its number among NAMES says.

    float32 (B, C, H, W); int64 (B,); float64 (B,) in 0..1; bool (B,), the last three on the CPU -> the pictures themselves, written into.
    Refuses C but 1 or 3.
    """
    if pictures.shape[1] not in (1, 3):
        raise Refusal(f"TrivialAugment and RandAugment know grey and RGB pictures, not pictures of {pictures.shape[1]} channels.")
    names, strengths = which.numpy(), strength.numpy()
    signed = np.where(backward.numpy(), -strengths, strengths)
    first, last = NAMES.index(GEOMETRIC[0]), NAMES.index(GEOMETRIC[-1])
    group = np.where((names >= first) & (names <= last), first, names)
    order, counts = group.argsort(kind="stable"), np.bincount(group, minlength=len(NAMES)).tolist()
    begin, middle = counts[0], counts[0] + counts[first]
    if counts[first]:
        rows, there = order[begin:middle], torch.from_numpy(order[begin:middle]).to(pictures.device)
        found = maps(names[rows] - first, signed[rows], space, *pictures.shape[2:])
        pictures.index_copy_(0, there, sample(pictures.index_select(0, there), found, sampling, "zero"))
    if middle < len(order):
        rows, there = order[middle:], torch.from_numpy(order[middle:]).to(pictures.device)
        lit, taken = pictures.index_select(0, there), torch.from_numpy(amounts(names[rows], strengths[rows], signed[rows], space))
        parts = zip(LIGHT.values(), torch.split(lit, counts[last + 1 :]), torch.split(taken, counts[last + 1 :]), strict=True)
        for act, part, amount in parts:
            if len(part):
                act(part, amount)
        pictures.index_copy_(0, there, lit)
    return pictures


def amounts(which: Names, strength: Numbers, signed: Numbers, space: Space) -> Numbers:
    """What each operation of light takes: a factor, bits that are kept, or a threshold.  int64 (n,) and float64 (n,) twice -> (n,)"""
    factors = np.where(which == NAMES.index("solarize"), 1 - strength, 1 + signed * space.enhance)
    return np.where(which == NAMES.index("posterize"), 8 - (strength * space.bits).round(), factors)


def maps(which: Names, signed: Numbers, space: Space, height: int, width: int) -> Tensor:
    """Where each picture's pixels come from.  int64 (n,) among GEOMETRIC, float64 (n,) in -1..1 -> float64 (n, 2, 3), as in `moving.sample`

    Shears keep the first corner, rotations the middle, and shifts are whole px, as in torchvision.
    """
    shear_x, shear_y, right, down, turn = np.where(which == np.arange(len(GEOMETRIC))[:, None], signed, 0.0)
    angle = turn * math.radians(space.rotate)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack([cos, shear_x * space.shear - sin, sin + shear_y * space.shear, cos], axis=1).reshape(-1, 2, 2)
    shift_x, shift_y = (
        np.trunc(moved * (space.shift if space.shift is not None else side * 150 / 331)) for moved, side in ((right, width), (down, height))
    )
    middle = (which == GEOMETRIC.index("rotate")) / 2
    return about(*(torch.from_numpy(part) for part in (turned, middle * width, middle * height, shift_x, shift_y)))
