"""The network of Johnson et al. 2016: its size, any picture, no border made up inside."""

import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue
from sfumato.nets.arguments import Johnson
from sfumato.nets.reach import farthest, reach
from tests.nets.classifiers import wake

WAYS = ("transposed-3", "transposed-4", "nearest", "bilinear", "shuffle")


def test_it_has_the_published_number_of_numbers():
    network = catalogue.build(Johnson(enlarges=4))
    assert sum(parameter.numel() for parameter in network.parameters()) == 401_859


@pytest.mark.parametrize("up", WAYS)
@pytest.mark.parametrize(("enlarges", "side"), [(1, (20, 33)), (2, (17, 24)), (4, (19, 18)), (4, (3, 2))])
def test_any_picture_comes_out_in_its_size(up, enlarges, side, rng):
    network = catalogue.build(Johnson(width=4, blocks=1, enlarges=enlarges, up=up)).eval()
    made = network(torch.from_numpy(rng.random((1, 3, *side), dtype="float32")))
    assert made.shape[2:] == (side[0] * enlarges, side[1] * enlarges) and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("up", WAYS)
def test_each_pixel_stands_where_it_stood(up):
    """A picture that is mirrored comes out mirrored, with weights that are: the grid is not shifted.  Of transposed 3 this is not so."""
    network = catalogue.build(Johnson(width=4, blocks=1, enlarges=2, up=up)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.copy_((parameter + parameter.flip(3)) / 2)
        if up == "shuffle":  # the four px of each are mirrored too
            for part in network.grow:
                weight = part.conv.conv.weight.view(-1, 2, 2, *part.conv.conv.weight.shape[1:])
                weight.copy_((weight + weight.flip(2)) / 2)
    x = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(1))
    same = torch.allclose(network(x.flip(3)), network(x).flip(3), atol=1e-5)
    assert same is (up != "transposed-3")


def checkerboard(up: str) -> float:
    """What grey leaves of it: the spread of the means of the four places of a doubled pixel, before anything is learnt."""
    torch.manual_seed(0)
    with torch.no_grad():
        made = catalogue.build(Johnson(width=16, blocks=1, up=up, enlarges=2)).eval()(torch.full((1, 3, 32, 32), 0.5))
    return float(made[0, :, 16:48, 16:48].unfold(1, 2, 2).unfold(2, 2, 2).mean((1, 2)).std(dim=(1, 2)).mean())


def test_ways_that_begin_as_nearest_neighbours_leave_no_checkerboard_of_grey_and_a_kernel_of_three_does():
    """Odena et al. 2016; Aitken et al. 2017 for the shuffle."""
    assert max(checkerboard(up) for up in ("nearest", "bilinear", "shuffle")) < 1e-4 < 0.01 * checkerboard("transposed-3")


def test_nothing_far_away_changes_a_pixel():
    network = wake(catalogue.build(Johnson(width=4, blocks=2, enlarges=2))).eval()
    x = torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(1))
    other = x.clone()
    other[..., 60:] = 0
    assert torch.equal(network(x)[..., :40], network(other)[..., :40])


def test_how_far_it_looks_is_seen_through_its_last_activation():
    """As far as its border is mirrored: 4 px of the stem, 2 of each block, 2 of both doublings and of the last, finer grid."""
    network = catalogue.build(Johnson(enlarges=4, blocks=4))
    assert reach(network) == network.pad == 4 + 4 * 2 + 2


@pytest.mark.parametrize("up", WAYS)
def test_no_output_of_what_one_px_becomes_looks_farther_than_the_reach(up):
    """Every way of doubling: some see farther on one side, and it is the last of the px that shows it."""
    network = wake(catalogue.build(Johnson(width=4, blocks=1, up=up, enlarges=2))).eval()
    far, here = reach(network), 32
    row = torch.rand(1, 3, 16, 64, generator=torch.Generator().manual_seed(1))
    changed = row.clone()
    changed[..., here + far + 1 :] = 0
    changed[..., : here - far] = 0
    own = slice(2 * here, 2 * here + 2)
    assert torch.equal(network(row)[..., own], network(changed)[..., own])


def test_a_network_whose_outputs_have_no_slope_is_taken_to_look_as_far_as_its_kernels_allow():
    class Saturated(torch.nn.Module):
        stride, enlarges = 1, 1

        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 9, padding=4)

        def forward(self, picture):
            return (1e4 * self.conv(picture)).tanh()

    assert 4 <= reach(Saturated()) == farthest(Saturated()) <= 9


def test_it_only_doubles():
    with pytest.raises(Refusal, match="cannot enlarge 3 times"):
        Johnson(enlarges=3)
