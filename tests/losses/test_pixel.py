"""Distances pixel by pixel, and the space they are taken in."""

import pytest
import torch
from skimage import color

from sfumato.losses import pixel


def test_lab_is_that_of_the_book(portrait):
    pictures = torch.from_numpy(portrait.copy()).permute(2, 0, 1)[None] / 255
    found = 100 * pixel.lab(pictures)[0].permute(1, 2, 0)
    assert (found - torch.from_numpy(color.rgb2lab(portrait))).abs().max() < 0.05


def test_corners_of_the_cube_are_known():
    white, black, red = torch.tensor([[1.0, 1, 1], [0, 0, 0], [1, 0, 0]])
    found = [100 * pixel.lab(colour[None, :, None, None]).flatten() for colour in (white, black, red)]
    for ours, known in zip(found, ([100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]), strict=True):
        torch.testing.assert_close(ours, torch.tensor(known, dtype=torch.float32), atol=0.05, rtol=0)


@pytest.mark.parametrize("level", [-0.2, 0.0, 0.01, 0.0404, 0.0405, 0.3, 1.0, 1.3])
def test_gradients_are_those_of_finite_differences_inside_and_outside_of_the_range(level):
    colour = torch.tensor([level, 0.4, 0.6])[None, :, None, None].requires_grad_(True)
    for channel in range(3):
        (slope,) = torch.autograd.grad(pixel.lab(colour)[0, channel].sum(), colour)
        step = torch.zeros_like(colour)
        step[0, 0] = 2e-4
        numeric = (pixel.lab(colour + step) - pixel.lab(colour - step))[0, channel].sum() / 4e-4
        assert slope[0, 0].item() == pytest.approx(numeric.item(), rel=0.03, abs=2e-3)


def test_a_distance_in_lab_sees_what_the_eye_sees():
    """A step of blue at equal light looks smaller to RGB than one of grey, and is larger to the eye."""
    grey = torch.full((1, 3, 1, 1), 0.5)
    lighter, bluer = grey + 0.1, grey + torch.tensor([0.0, 0.0, 0.2])[:, None, None]
    in_lab = pixel.in_lab(pixel.mse)
    assert pixel.mse(grey, bluer) < 1.5 * pixel.mse(grey, lighter) and in_lab(grey, bluer) > 3 * in_lab(grey, lighter)
