"""How far a network looks in effect: as far as a cut changes what it makes by a quarter of a level."""

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.nets.reach import effective
from sfumato.use.tiles import Tiles, restore

QUARTER = 0.25 / 255


class Row(nn.Module):
    """Weighs its neighbours by given weights, one pixel apart."""

    stride = 1

    def __init__(self, weights: list[float]):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, len(weights), padding=len(weights) // 2, bias=False)
        self.conv.weight.data.zero_()[0, 0, len(weights) // 2] = torch.tensor(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


WHITE = torch.ones(1, 1, 64, 64)


def test_a_network_that_looks_at_single_pixels_needs_no_margin():
    assert effective(nn.Identity(), [WHITE], 9) == 0


@pytest.mark.parametrize(("far", "found"), [(2 * QUARTER, 3), (QUARTER / 2, 1)])
def test_a_pixel_counts_if_it_changes_the_result_by_more_than_the_tolerance(far, found):
    assert effective(Row([far, 0, 0.2, 0.5, 0.2, 0, far]), [WHITE], 3) == found


def test_it_is_never_more_than_the_theoretical_reach():
    assert effective(Row([0.3, 0, 0.2, 0.5, 0.2, 0, 0.3]), [WHITE], 2) == 2


def test_where_a_change_runs_through_all_of_a_probe_it_is_the_theoretical_reach():
    assert effective(Row([0.01] * 201), [WHITE], 100) == 100


def test_a_smaller_probe_on_which_nothing_changes_says_nothing_of_the_others():
    row = Row([0.3, 0, 0.2, 0.5, 0.2, 0, 0.3])
    black = torch.zeros(1, 1, 4, 4)  # of which a piece is as long as the row looks far
    assert effective(row, [WHITE, black], 30) == effective(row, [black, WHITE], 30) == 3


def test_it_is_a_multiple_of_the_stride():
    network = Row([0.3, 0.2, 0.5, 0.2, 0.3])
    network.stride = 4
    assert effective(network, [WHITE], 8) == 4


def test_tiles_with_this_margin_equal_the_whole_within_the_tolerance(portrait):
    bell = torch.exp(-(torch.arange(-12.0, 13.0) ** 2) / 2 / 2.0**2)
    network = Row((bell / bell.sum()).tolist())
    pixels = portrait[..., :1].astype(np.float32) / 255
    margin = effective(network, [torch.from_numpy(pixels).permute(2, 0, 1)[None]], 12)

    def patchwise(view):
        with torch.no_grad():
            return network(torch.from_numpy(view).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()

    whole, tiled = (restore(pixels, patchwise, Tiles(side=side, margin=margin, stride=1, overlap=0)) for side in (512, 40))
    assert 3 < margin < 12 and np.abs(whole - tiled)[16:-16, 16:-16].max() <= 2 * QUARTER
