"""MobileNet v1 (Howard et al. 2017), by the names of timm's copy and with TensorFlow's padding, for its published weights."""

from __future__ import annotations

import re
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from sfumato.nets.classify.published import Published, take
from sfumato.nets.classify.whole import GlobalMean
from sfumato.nets.classify_arguments import MobileNet

STAGES = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))  # channels of each block, times the share
EPSILON = 1e-3  # of the norms, as published


class Same(nn.Conv2d):
    """A 3x3 convolution padded as TensorFlow does: where it halves, by a pixel to the right and below only."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride), rounded up"""
        left, above = (1 if self.stride[0] == 1 else side % 2 for side in (x.shape[-1], x.shape[-2]))  # halving, only of an odd side
        convolved: Tensor = self._conv_forward(F.pad(x, (left, 1, above, 1)), self.weight, self.bias)
        return convolved


class Separable(nn.Module):
    """Each channel for itself in 3x3, then all of them in 1x1.  (B, in, H, W) -> (B, out, H / stride, W / stride)"""

    def __init__(self, wide_in: int, wide_out: int, stride: int):
        super().__init__()
        self.conv_dw = Same(wide_in, wide_in, 3, stride=stride, groups=wide_in, bias=False)
        self.bn1 = nn.BatchNorm2d(wide_in, eps=EPSILON)
        self.conv_pw = nn.Conv2d(wide_in, wide_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide_out, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)"""
        x = F.relu6(self.bn1(self.conv_dw(x)), inplace=True)
        return F.relu6(self.bn2(self.conv_pw(x)), inplace=True)


class Stem(nn.Module):
    """The first convolution, with its norm.  (B, 3, H, W) -> (B, width, H / 2, W / 2)"""

    def __init__(self, width: int):
        super().__init__()
        self.conv_stem = Same(3, width, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, width, H / 2, W / 2)"""
        return F.relu6(self.bn1(self.conv_stem(x)), inplace=True)


def build(spec: MobileNet, channels: int) -> Published:
    """The network that a recipe or a model file asks for."""
    width = round(32 * spec.share)
    layers: list[nn.Module] = [Stem(width)]
    published: list[str] = [""]
    for stage, widths in enumerate(STAGES):
        for block, full in enumerate(widths):
            wide_out = round(full * spec.share)
            layers.append(Separable(width, wide_out, stride=2 if stage and block == 0 else 1))  # every stage but the first halves
            published.append(f"blocks.{stage}.{block}.")
            width = wide_out
    head = nn.Sequential(GlobalMean(), nn.Dropout(spec.dropout), nn.Linear(width, spec.classes))
    network = Published(nn.Sequential(*layers), range(len(layers)), head, spec, channels)
    take(network, spec.pretrained_file, what=f"MobileNet v1 of share {spec.share:g}", called=partial(_called, published))
    return network


def _called(published: list[str], name: str) -> str:
    """Our name of a tensor -> that in the file."""
    if name.startswith("classifier."):
        return "classifier." + name.rpartition(".")[2]
    found = re.fullmatch(r"features\.(\d+)\.(.+)", name)
    assert found is not None
    return published[int(found[1])] + found[2]
