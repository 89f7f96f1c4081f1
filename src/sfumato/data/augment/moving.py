"""Pixels taken from where a map says: one map a picture, so that several moves can be made one, and pixels are interpolated once.

A map takes px of the result to px of the picture, the corner of the first pixel at 0: float64 (B, 2, 3) on the CPU.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Fill = Literal["zero", "reflect"]
Sampling = Literal["nearest", "bilinear"]


def about(turned: Tensor, x: Tensor | float, y: Tensor | float, shift_x: Tensor, shift_y: Tensor) -> Tensor:
    """The map that turns px of the result about the point (x, y) and then shifts the picture.  (B, 2, 2) and (B,) each -> (B, 2, 3)"""
    column, row = -(x + shift_x), -(y + shift_y)
    across = turned[:, 0, 0] * column + turned[:, 0, 1] * row + x
    down = turned[:, 1, 0] * column + turned[:, 1, 1] * row + y
    return torch.cat([turned, torch.stack([across, down], dim=1)[:, :, None]], dim=2)


def joined(maps: list[Tensor]) -> Tensor:
    """One map for moves that are made one after the other.  Several (B, 2, 3) -> (B, 2, 3)"""
    found = maps[0]
    for then in maps[1:]:
        turned = found[:, :, :2, None] * then[:, None, :, :]  # by hand: a product of matrices may differ in its last bit with the batch
        found = turned.sum(dim=2) + torch.cat([torch.zeros_like(found[:, :, :2]), found[:, :, 2:]], dim=2)
    return found


def sample(pictures: Tensor, maps: Tensor, how: Sampling, fill: Fill) -> Tensor:
    """Take every pixel from where its picture's map says.  float32 (B, C, H, W) and (B, 2, 3) -> the same shape"""
    height, width = pictures.shape[2:]
    scaled = maps * torch.tensor([2 / width, 2 / height], dtype=maps.dtype).view(1, 2, 1)
    scaled[:, :, 2] -= 1
    x_x, x_y, x_0, y_x, y_y, y_0 = scaled.float().to(pictures.device).view(-1, 6, 1, 1).unbind(1)
    columns = (torch.arange(width, device=pictures.device) + 0.5).view(1, 1, -1)
    rows = (torch.arange(height, device=pictures.device) + 0.5).view(1, -1, 1)
    grid = pictures.new_empty(len(pictures), 2, height, width)
    torch.add(x_x * columns, x_y * rows + x_0, out=grid[:, 0])
    torch.add(y_x * columns, y_y * rows + y_0, out=grid[:, 1])
    padding = {"zero": "zeros", "reflect": "reflection"}[fill]
    moved = functional.grid_sample(pictures, grid.permute(0, 2, 3, 1), mode=how, padding_mode=padding, align_corners=False)
    return moved if how == "nearest" else moved.clamp_(0, 1)
