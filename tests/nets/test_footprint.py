"""Memory that a network holds while it works."""

import pytest
import torch
from torch import nn

from sfumato.nets.footprint import bytes_per_pixel

FLOAT = 4  # bytes


def test_a_chain_of_convolutions_holds_two_neighbours_and_the_picture():
    chain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 20, 3, padding=1), nn.Conv2d(20, 3, 3, padding=1))
    assert bytes_per_pixel(chain) == pytest.approx(FLOAT * (3 + 8 + 20))


def test_what_is_kept_for_later_counts_until_it_is_used():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.down, self.up = nn.Conv2d(3, 10, 1), nn.Conv2d(10, 40, 2, stride=2), nn.ConvTranspose2d(40, 10, 2, stride=2)

        def forward(self, x):
            kept = self.first(x)
            return kept + self.up(self.down(kept))

    assert bytes_per_pixel(Skip()) == pytest.approx(FLOAT * (3 + 3 * 10))  # picture, skip, what came up, their sum


def test_views_share_their_memory():
    class Views(nn.Module):
        def forward(self, x):
            return x[:, :, ::2].reshape(-1).view(3, -1)[:1]

    assert bytes_per_pixel(Views()) == pytest.approx(FLOAT * (3 + 1.5))


def test_the_network_stays_where_it_is():
    network = nn.Sequential(nn.Conv2d(3, 3, 1))
    before = network[0].weight.clone()
    bytes_per_pixel(network)
    assert network[0].weight.device.type == "cpu" and torch.equal(network[0].weight, before)
