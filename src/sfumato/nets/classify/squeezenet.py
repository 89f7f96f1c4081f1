"""SqueezeNet 1.1 (Iandola et al. 2016): 1.2 million numbers, by the names and with the input of torchvision's copy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.nets.classify.published import Published, take
from sfumato.nets.classify_arguments import SqueezeNet

FIRES = ((64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256))
POOLS_BEFORE = (0, 2, 4)  # fires before which the grid is halved


class Fire(nn.Module):
    """Few channels, then many of 1x1 and as many of 3x3.  (B, in, H, W) -> (B, 2 * wide, H, W)"""

    def __init__(self, wide_in: int, narrow: int, wide: int):
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(wide_in, narrow, 1)
        self.expand1x1 = nn.Conv2d(narrow, wide, 1)
        self.expand3x3 = nn.Conv2d(narrow, wide, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 2 * wide, H, W)"""
        few = self.squeeze1x1(x).relu_()
        return torch.cat([self.expand1x1(few), self.expand3x3(few)], 1).relu_()


def build(spec: SqueezeNet, channels: int) -> Published:
    """The network that a recipe or a model file asks for."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(inplace=True)]
    places = [1]
    for index, (wide_in, narrow, wide) in enumerate(FIRES):
        if index in POOLS_BEFORE:
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        places.append(len(layers))
        layers.append(Fire(wide_in, narrow, wide))
    head = nn.Sequential(
        nn.Dropout(spec.dropout), nn.Conv2d(512, spec.classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    network = Published(nn.Sequential(*layers), places, head, spec, channels)
    take(network, spec.pretrained_file, what="SqueezeNet 1.1")
    return network
