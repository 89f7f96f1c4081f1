"""Small classifiers of every kind and make, for all the tests that need one."""

import torch
from torch import nn

from sfumato.nets import catalogue
from sfumato.nets.classify_arguments import VGG16, Classifying, Dense, MobileNet, Plain, ResNet, SqueezeNet

TWO = {"widths": (8, 12), "blocks": (1, 2), "classes": 5}
NORMALISED = {"mean": (0.3,) * 3, "spread": (0.2, 0.3, 0.4)}

SMALL: list[Classifying] = [
    Plain(widths=(4, 6), classes=5),
    Plain(widths=(4, 6), classes=5, block="residual", bias=False),
    Plain(widths=(4, 6), classes=5, block="dense", bias=False, activation="gelu"),
    ResNet(**TWO, **NORMALISED),
    ResNet(**TWO, order="pre", stride_in="first", dropout=0.1, stem_width=4, stem_kernel=5, activation="leaky"),
    ResNet(**TWO, order="pre", zero_last=True, squeeze=True, norm="none"),
    ResNet(**TWO, zero_last=True, squeeze=True, shortcut="conv", norm="group", stem_stride=2),
    ResNet(**TWO, shortcut="pad", strides=(1, 2), head="flatten", side=24, activation="silu"),
    ResNet(**TWO, merge="dense", stem_width=5, order="pre"),
    ResNet(**TWO, merge="none", stride_in="first", norm="none"),
    Dense(growth=4, layers=(2, 2), classes=5, **NORMALISED),
    Dense(growth=4, layers=(2, 2), classes=5, bottleneck=0, stem_stride=2, stem_kernel=7),
]

PUBLISHED: list[Classifying] = [SqueezeNet(classes=5), MobileNet(classes=5), VGG16(classes=5), VGG16(classes=5, norm="batch")]


def make(spec: Classifying, channels: int = 3) -> nn.Module:
    """One with weights from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return catalogue.build(spec, channels)


def wake(network: nn.Module) -> nn.Module:
    """Weights and statistics that are nowhere zero, as after training."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.05 * torch.rand(tensor.shape, generator=generator))
    return network


def pictures(count: int = 4, channels: int = 3, side: int = 24) -> torch.Tensor:
    """Noise in 0..1, smoothed a little so that neighbours know each other."""
    noise = torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1))
    return nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)
