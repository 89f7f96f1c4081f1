"""VGG16 (Simonyan and Zisserman 2015), with batch norm or without: its convolutions, by torchvision's names.

Its three published layers of 4,096, which hold 124 of its 138 million numbers, are left out: it is taken for its features, and names
classes by one new linear layer on their mean.
"""

from __future__ import annotations

from torch import nn

from sfumato.nets.classify.published import Published, take
from sfumato.nets.classify.whole import Head
from sfumato.nets.classify_arguments import VGG16

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # a grid each, halved after it


def build(spec: VGG16, channels: int) -> Published:
    """The network that a recipe or a model file asks for."""
    layers: list[nn.Module] = []
    places: list[int] = []
    before = 3
    for widths in WIDTHS:
        for width in widths:
            layers.append(nn.Conv2d(before, width, 3, padding=1))
            if spec.norm == "batch":
                layers.append(nn.BatchNorm2d(width))
            places.append(len(layers))
            layers.append(nn.ReLU(inplace=True))
            before = width
        layers.append(nn.MaxPool2d(2))
    head = Head(before, spec.classes, dropout=spec.dropout)
    network = Published(nn.Sequential(*layers), places, head, spec, channels)
    take(network, spec.pretrained_file, what="VGG16 with batch norm" if spec.norm == "batch" else "VGG16", head=False)
    return network
