"""What a step of augmentation is, and steps one after the other.

What a step does to a picture follows from that picture's row of uniforms alone, so it is the same in any batch, on any device, and after
a resumed run.  The rows are best left on the CPU: parameters are worked out there in float64, and an accelerator is never waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.augment.moving import Fill, joined, sample

FINENESS = 2**24  # steps between 0 and 1 that a float32 holds evenly


class Transform(Protocol):
    """One step.  What is refused depends on the step; none writes to what it was given."""

    @property
    def draws(self) -> int:
        """How many uniforms in [0, 1) it takes a picture."""
        ...

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) in 0..1 and float (B, draws) -> the same shape, in 0..1, on the pictures' device."""
        ...


@runtime_checkable
class Move(Transform, Protocol):
    """A step that only moves pixels: what it does is a map a picture."""

    @property
    def fill(self) -> Fill: ...  # what stands beyond the border

    @property
    def blends(self) -> bool: ...  # whether a pixel of the result is mixed from several

    def maps(self, u: Tensor, height: int, width: int) -> Tensor:
        """float (B, draws) -> float64 (B, 2, 3), as in `moving`."""
        ...


@runtime_checkable
class Touch(Transform, Protocol):
    """A step that can write into what it is given, which saves a copy where nobody else looks at that."""

    def onto(self, pictures: Tensor, u: Tensor) -> Tensor:
        """As when called, but into the pictures, which are contiguous."""
        ...


@dataclass(frozen=True)
class Chain:
    """Steps one after the other; without any, pictures come through as they are.

    Moves that follow each other, such as pad-crop | flip | affine, are made one where black stands beyond the border: pixels are
    interpolated once, and what one move shifted out of sight the next may bring back.

    same : every picture gets the draw of the first one, as when a batch is augmented as if it were one picture; for comparison.
    """

    transforms: tuple[Transform, ...]
    same: bool = False

    @property
    def draws(self) -> int:
        """Uniforms a picture, of all steps together."""
        return sum(transform.draws for transform in self.transforms)

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) in 0..1 and float (B, draws) -> the same shape.  Refuses a table of another size."""
        if tuple(u.shape) != (len(pictures), self.draws):
            raise Refusal(f"{len(pictures)} pictures and {self.draws} draws each need a table of that size, but it is {tuple(u.shape)}.")
        rows = drawn(u)
        rows = rows[:1].expand_as(rows) if self.same else rows
        given, pictures = pictures, pictures.contiguous()
        ends = np.cumsum([0, *(transform.draws for transform in self.transforms)]).tolist()
        steps = [(transform, rows[:, start:end]) for transform, (start, end) in zip(self.transforms, pairwise(ends), strict=True)]
        for moves, group in groupby(steps, key=lambda step: isinstance(step[0], Move) and step[0].fill == "zero"):
            together = list(group)
            if moves and len(together) > 1:
                pictures = _moved(pictures, together)
                continue
            for transform, own in together:
                made_here = pictures.data_ptr() != given.data_ptr()
                pictures = transform.onto(pictures, own) if made_here and isinstance(transform, Touch) else transform(pictures, own)
        return pictures


def _moved(pictures: Tensor, steps: Sequence[tuple[Transform, Tensor]]) -> Tensor:
    """Several moves made one.  (B, C, H, W) -> the same shape"""
    moves = [(transform, own) for transform, own in steps if isinstance(transform, Move)]
    maps = [transform.maps(own, *pictures.shape[2:]) for transform, own in moves]
    return sample(pictures, joined(maps), "bilinear" if any(transform.blends for transform, _ in moves) else "nearest", "zero")


def drawn(u: Tensor) -> Tensor:
    """Uniforms as parameters are made of them: float64 on the CPU, where cosines are the same for one picture and for many."""
    return u.detach().to(device="cpu", dtype=torch.float64)


def between(u: Tensor, low: float, high: float) -> Tensor:
    """Uniforms spread evenly over a range.  The same shape."""
    return low + (high - low) * u


def factor(u: Tensor, most: float) -> Tensor:
    """Uniforms as factors between 1 - most and 1 / (1 - most), as often below 1 as above.  The same shape."""
    return torch.exp(between(u, -1, 1) * -np.log1p(-most))


def whole(u: Tensor, count: int) -> Tensor:
    """Uniforms as whole numbers 0 .. count - 1, all equally often.  int64, the same shape."""
    return (u * count).long().clamp_(max=count - 1)  # a uniform that was rounded to 1 on its way is no number of its own


def beside(parameter: Tensor, pictures: Tensor) -> Tensor:
    """One number a picture, to be multiplied with pictures.  (B,) -> float32 (B, 1, 1, 1) on their device"""
    return parameter.to(dtype=torch.float32, device=pictures.device).view(-1, 1, 1, 1)


def table(seed: Seed, purpose: str, epoch: int, items: Sequence[int], draws: int, device: torch.device | str = "cpu") -> Tensor:
    """Uniforms in [0, 1) for the pictures of a batch; a row depends on (seed, purpose, epoch, item) alone.  -> float32 (B, draws)"""
    uniforms = seed.table(purpose, epoch, np.asarray(items, dtype=np.int64), draws)
    even = np.floor(uniforms * FINENESS) / FINENESS  # rounded, the highest would become 1
    return torch.from_numpy(even.astype(np.float32)).to(device)
