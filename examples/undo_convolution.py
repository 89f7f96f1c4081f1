"""Can one convolution undo another?  A 3x3 convolution is fitted so that it takes back a given one, with several sizes of its own kernel.

    python examples/undo_convolution.py

The lecture fitted it in a spreadsheet.  Here the best kernel of each size is found exactly, by least squares over photographs, for a
kernel that can be undone (its spectrum stays away from zero) and for one that cannot (a mean over 3x3, which sets some waves to zero).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor, nn

from grid import write

KERNELS = {
    "sharpening": [[0.0, -0.2, 0.0], [-0.2, 1.8, -0.2], [0.0, -0.2, 0.0]],
    "soft blur": [[0.03, 0.07, 0.03], [0.07, 0.6, 0.07], [0.03, 0.07, 0.03]],
    "mean of 3x3": [[1 / 9] * 3] * 3,
}
SIZES = (3, 5, 7, 11)


def pictures() -> Tensor:
    """Grey pieces of photographs, float64 (N, 1, 48, 48)."""
    from skimage import data

    whole = [data.astronaut()[..., 1], data.coffee()[..., 1], data.camera()]
    pieces = [one[top : top + 48, left : left + 48] for one in whole for top in range(0, 336, 48) for left in range(0, 384, 48)]
    return torch.from_numpy(np.stack(pieces)).double().div(255).unsqueeze(1)


def undone(good: Tensor, kernel: Tensor, size: int) -> float:
    """Root mean square that is left, over that of the pictures about their means, with the best kernel of `size` and zero padding."""
    spoilt = nn.functional.conv2d(good, kernel.view(1, 1, 3, 3), padding=1)
    columns = nn.functional.unfold(spoilt, size, padding=size // 2).transpose(1, 2).reshape(-1, size * size)
    wanted = good.reshape(-1, 1)
    best = torch.linalg.lstsq(columns, wanted).solution
    return float((columns @ best - wanted).square().mean().sqrt() / good.std())


def main() -> None:
    """Fit, print and keep the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    good = pictures()
    rows = []
    for name, kernel in KERNELS.items():
        weights = torch.tensor(kernel, dtype=torch.float64)
        spectrum = torch.fft.fft2(weights, s=(64, 64)).abs()
        left = [f"{100 * undone(good, weights, size):.2f}" for size in SIZES]
        rows.append([name, f"{float(spectrum.min()):.3f}", *left])
    titles = ["convolution", "weakest wave", *(f"left by {size}x{size}, %" for size in SIZES)]
    write("undo_convolution", titles, rows, "What the best linear kernel leaves, as a share of the pictures' spread; padding by zeros.")


if __name__ == "__main__":
    main()
