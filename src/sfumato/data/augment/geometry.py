"""Where pixels come from: shifted, mirrored, bent and enlarged, for every picture of a batch in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from sfumato.core.errors import Refusal, check_range
from sfumato.data.augment.moving import Fill, about, sample
from sfumato.data.augment.transform import between, drawn, factor, whole


@dataclass(frozen=True)
class PadCrop:
    """Shift by whole pixels: pad on every side, then cut a window of the old size.  Every pixel comes through as it is.

    pad : px, the farthest shift in each direction.
    fill : what stands beyond the border: zero (black) or reflect (mirrored).
    """

    pad: int = 4
    fill: Fill = "zero"

    draws = 2
    blends: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.pad < 0:
            raise Refusal(f"The pad of pad-crop is {self.pad} px, but cannot be negative.")

    def shifts(self, u: Tensor) -> Tensor:
        """What is drawn: how far down and right of the old window the new one lies, px.  (B, 2) -> int64 (B, 2)"""
        return whole(drawn(u), 2 * self.pad + 1) - self.pad

    def maps(self, u: Tensor, height: int, width: int) -> Tensor:
        """The same as maps.  (B, 2) -> float64 (B, 2, 3)"""
        down, right = self.shifts(u).double().unbind(1)
        return about(torch.eye(2, dtype=torch.float64).expand(len(u), -1, -1), 0, 0, -right, -down)

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, 2) -> the same shape.  Refuses to mirror more than there is."""
        height, width = pictures.shape[2:]
        if self.fill == "reflect" and self.pad >= min(height, width):
            raise Refusal(f"pad-crop cannot mirror {self.pad} px of pictures of {width} x {height} px: make its pad smaller.")
        moves = (self.shifts(u) + self.pad).to(pictures.device)
        sides = (self.pad,) * 4
        padded = functional.pad(pictures, sides, mode="reflect") if self.fill == "reflect" else functional.pad(pictures, sides)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view of every window; one of them is copied a picture
        picked: Tensor = windows[torch.arange(len(pictures), device=pictures.device), :, moves[:, 0], moves[:, 1]]
        return picked


@dataclass(frozen=True)
class Flip:
    """Mirror left and right.

    chance : of a picture to be mirrored.
    """

    chance: float = 0.5

    draws = 1
    blends: ClassVar[bool] = False
    fill: ClassVar[Fill] = "zero"  # nothing is seen from beyond the border

    def __post_init__(self) -> None:
        check_range("The chance of flip", (self.chance, self.chance), within=(0, 1))

    def struck(self, u: Tensor) -> Tensor:
        """What is drawn: which pictures are mirrored.  (B, 1) -> bool (B,)"""
        return drawn(u)[:, 0] < self.chance

    def maps(self, u: Tensor, height: int, width: int) -> Tensor:
        """The same as maps.  (B, 1) -> float64 (B, 2, 3)"""
        back = torch.tensor([[-1, 0, width], [0, 1, 0]], dtype=torch.float64)
        return torch.where(self.struck(u)[:, None, None], back, torch.eye(2, 3, dtype=torch.float64))

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, 1) -> the same shape."""
        struck = self.struck(u).to(pictures.device)
        return torch.where(struck.view(-1, 1, 1, 1), pictures.flip(-1), pictures)


@dataclass(frozen=True)
class Affine:
    """Rotate, zoom, shear and shift about the middle, all at once, bilinearly.

    rotate : degrees, at most, in either direction.
    zoom : 0.1 draws factors from 0.9 to 1/0.9.
    shear : px along a row for each px down, at most.
    shift : share of the side, at most, in each direction.
    fill : what stands beyond the border: zero (black) or reflect (mirrored).
    """

    rotate: float = 10.0
    zoom: float = 0.1
    shear: float = 0.1
    shift: float = 0.05
    fill: Fill = "zero"

    draws = 5
    blends: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range("The rotate of affine", (self.rotate, self.rotate), within=(0, 180))
        check_range("The zoom of affine", (self.zoom, self.zoom), within=(0, 0.9))
        check_range("The shear of affine", (self.shear, self.shear), within=(0, 2))
        check_range("The shift of affine", (self.shift, self.shift), within=(0, 1))

    def maps(self, u: Tensor, height: int, width: int) -> Tensor:
        """What is drawn.  (B, 5) -> float64 (B, 2, 3)"""
        rows = drawn(u)
        turn, bend = torch.deg2rad(between(rows[:, 0], -self.rotate, self.rotate)), between(rows[:, 2], -self.shear, self.shear)
        back = 1 / factor(rows[:, 1], self.zoom)  # what is to look larger is taken from closer by
        cos, sin = torch.cos(turn) * back, torch.sin(turn) * back
        shift_x, shift_y = (between(rows[:, column], -self.shift, self.shift) * side for column, side in ((3, width), (4, height)))
        turned = torch.stack([cos, bend * cos - sin, sin, bend * sin + cos], dim=1).view(-1, 2, 2)
        return about(turned, width / 2, height / 2, shift_x, shift_y)

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, 5) -> the same shape."""
        height, width = pictures.shape[2:]
        return sample(pictures, self.maps(u, height, width), "bilinear", self.fill)


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cut a piece out and enlarge it to the old size, bilinearly (Szegedy et al. 2014).

    scale : share of the area that the piece has.
    ratio : its width over its height, drawn evenly in its logarithm; a piece that would be larger than the picture ends at its border.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    draws = 4

    def __post_init__(self) -> None:
        check_range("The scale of resized-crop", self.scale, within=(0.001, 1))
        check_range("The ratio of resized-crop", self.ratio, within=(0.01, 100))

    def boxes(self, u: Tensor, height: int, width: int) -> Tensor:
        """What is drawn: top, left, height and width in px.  (B, 4) -> int64 (B, 4)"""
        rows = drawn(u)
        area = between(rows[:, 0], *self.scale) * height * width
        low, high = (float(torch.tensor(end, dtype=torch.float64).log()) for end in self.ratio)
        ratio = between(rows[:, 1], low, high).exp()
        wide = (area * ratio).sqrt().round().clamp(1, width)
        tall = (area / ratio).sqrt().round().clamp(1, height)
        top, left = (rows[:, 2] * (height - tall + 1)).floor(), (rows[:, 3] * (width - wide + 1)).floor()
        return torch.stack([torch.minimum(top, height - tall), torch.minimum(left, width - wide), tall, wide], dim=1).long()

    def __call__(self, pictures: Tensor, u: Tensor) -> Tensor:
        """float32 (B, C, H, W) and float (B, 4) -> the same shape."""
        height, width = pictures.shape[2:]
        top, left, tall, wide = self.boxes(u, height, width).double()[:, :, None].unbind(1)
        rows = places(top, tall, height) * (2 / height) - 1
        columns = places(left, wide, width) * (2 / width) - 1
        grid = pictures.new_empty(len(pictures), height, width, 2)
        grid[..., 0] = columns.to(grid)[:, None, :]
        grid[..., 1] = rows.to(grid)[:, :, None]
        return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False).clamp_(0, 1)


def places(start: Tensor, length: Tensor, count: int) -> Tensor:
    """Where the pixels of a stretch that is enlarged to `count` px are taken from, never from beyond it.  (B, 1) each -> (B, count), px"""
    middles = torch.arange(count, dtype=torch.float64) + 0.5
    return start + torch.minimum((middles * (length / count)).clamp(min=0.5), length - 0.5)
