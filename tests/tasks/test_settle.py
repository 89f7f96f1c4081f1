"""How far a model looks in effect, on what it is given in use."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets.load import Contract
from sfumato.nets.reach import effective
from sfumato.tasks.parts.settle import probes

FAR = 12  # px


class FillsHoles(nn.Module):
    """Gives what is pure white the mean of all within 12 px, and leaves the rest as it is."""

    stride = 1

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x.amin(1, keepdim=True) == 1, F.avg_pool2d(x, 2 * FAR + 1, 1, FAR), x)


class LooksNearby(nn.Module):
    """One convolution."""

    stride, tiles = 1, True

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class LooksEverywhere(LooksNearby):
    """And the mean of the whole picture, where nothing is called by a name that says so."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.mean((2, 3), keepdim=True)


def test_a_network_that_fills_holes_is_measured_where_holes_are(portrait: np.ndarray) -> None:
    holed = portrait.copy()
    holed[20:100, :40] = 255  # mirrored to the side of a probe it lies over the place of a cut
    whole, with_holes = (effective(FillsHoles(), probes([picture], 1), 40) for picture in (portrait, holed))
    assert (whole, with_holes) == (0, FAR)


def test_small_pictures_are_mirrored_to_the_side_of_a_probe(portrait: np.ndarray) -> None:
    assert {probe.shape for probe in probes([portrait, portrait[:40, :30]], 8)} == {(1, 3, 256, 256)}


def test_what_looks_at_the_whole_picture_is_not_cut_whatever_it_is_called() -> None:
    assert not Contract.of(LooksEverywhere()).tiles and Contract.of(LooksNearby()).tiles
