"""What each classifier can be told, in recipes and in model files.  Importing this needs no torch."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal
from sfumato.nets.arguments import STRICT, Activation, Norm, Width

Blocks = Annotated[int, Field(ge=1, le=64)]  # of a stage
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Classifying:
    """What every classifier is told: how many names there are, and what its pictures are like."""

    classes: int = Field(default=0, ge=0, le=10**6)  # 0: set from the data before the network is built
    side: int = Field(default=0, ge=0, le=4096)  # px of the pictures it was made for; 0: not said
    mean: tuple[float, ...] = Field(default=(), max_length=64)  # of the data, by channel; empty: pictures go in as they are
    spread: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(), max_length=64)  # standard deviation, by channel

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.spread):
            raise Refusal(
                f"network.mean has {len(self.mean)} number(s) and network.spread {len(self.spread)}: one for each channel, or none."
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Plain(Classifying):
    """The small network of the lectures: a 3x3 convolution of stride 2 for every width, one more to the classes, and no linear layer."""

    kind: Literal["plain"] = "plain"
    widths: tuple[Width, ...] = Field(default=(8, 16, 32, 16), min_length=1, max_length=8)
    block: Literal["none", "residual", "dense"] = "none"  # of two convolutions, after each but the last; dense doubles the width
    bias: bool = True  # of convolutions, though a norm follows: the published 12,126 parameters count them
    activation: Activation = "relu"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ResNet(Classifying):
    """Residual stages (He et al. 2016), and the same without skips; norms and activations after the convolutions or before them."""

    kind: Literal["resnet"] = "resnet"
    widths: tuple[Width, ...] = Field(default=(32, 64, 128, 256), min_length=1, max_length=8)  # channels a stage gives
    blocks: tuple[Blocks, ...] = (1, 1, 1, 1)  # a stage
    strides: tuple[Literal[1, 2], ...] = ()  # a stage; empty: each halves the grid
    stride_in: Literal["first", "last"] = "last"  # convolution of the stage; last costs more, and sees more
    order: Literal["post", "pre"] = "post"  # norm and activation after a convolution, or before it
    merge: Literal["add", "dense", "none"] = "add"  # dense: what a block adds stands beside what it was given, so widths must grow
    shortcut: Literal["pool", "conv", "pad"] = "pool"  # where a block halves: mean of 2x2 and 1x1 convolution, strided 1x1, every second px
    stem_width: int = Field(default=0, ge=0, le=4096)  # channels; 0: as the first stage
    stem_kernel: Literal[3, 5, 7] = 3
    stem_stride: Literal[1, 2] = 1
    head: Literal["pool", "flatten"] = "pool"  # flatten needs network.side
    dropout: Share = 0.0  # before the last layer
    zero_last: bool = False  # each block starts as its shortcut
    squeeze: bool = False  # channels weighed by what the whole picture shows (Hu et al. 2018)
    norm: Norm = "batch"
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        stages = len(self.widths)
        if len(self.blocks) != stages or len(self.strides) not in (0, stages):
            raise Refusal(
                f"network.widths names {stages} stage(s), so network.blocks needs {stages} number(s) and network.strides as many or none, "
                f"but they have {len(self.blocks)} and {len(self.strides)}."
            )
        if self.zero_last and self.merge != "add":
            raise Refusal(f'network.zero_last is for network.merge = "add", but merge is "{self.merge}": such a block would give nothing.')
        if self.merge == "dense" and any(
            then - now < blocks for (now, then), blocks in zip(pairwise((self.stem_width or self.widths[0], *self.widths)), self.blocks)
        ):
            raise Refusal(
                'network.merge = "dense" sets what a block adds beside what it was given, so each of network.widths must exceed '
                "the one before (the first: network.stem_width) by at least one channel a block."
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Dense(Classifying):
    """Dense stages with transitions (Huang et al. 2017, DenseNet-BC): every layer sees all that came before it in its stage."""

    kind: Literal["dense"] = "dense"
    growth: int = Field(default=12, ge=1, le=512)  # channels a layer adds
    layers: tuple[Blocks, ...] = Field(default=(6, 6, 6), min_length=1, max_length=8)  # a stage; between stages the grid is halved
    compression: float = Field(default=0.5, gt=0, le=1)  # share of the channels that a transition keeps
    bottleneck: int = Field(default=4, ge=0, le=16)  # times the growth, of the 1x1 convolution in a layer; 0: none
    stem_width: int = Field(default=0, ge=0, le=4096)  # channels; 0: twice the growth
    stem_kernel: Literal[3, 5, 7] = 3
    stem_stride: Literal[1, 2] = 1
    dropout: Share = 0.0  # before the last layer
    norm: Norm = "batch"
    activation: Activation = "relu"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Timm(Classifying):
    """Any model of the library timm, by its name there (extra `encoders`).  Nothing is downloaded."""

    kind: Literal["timm"] = "timm"
    name: str = Field(default="resnet18", pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?$", max_length=100)  # no address: names only
    pretrained_file: str = ""  # weights to start from: a safetensors or weights-only .pth file on this machine
    dropout: Share = 0.0  # before the last layer


IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of what published networks were trained on


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Published(Classifying):
    """What published networks are told alike: their own statistics of pictures, and where their weights lie."""

    mean: tuple[float, ...] = Field(default=IMAGENET_MEAN, max_length=64)
    spread: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=IMAGENET_SPREAD, max_length=64)
    pretrained_file: str = ""  # a safetensors file of published weights on this machine
    dropout: Share = 0.0  # before the last layer


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SqueezeNet(Published):
    """SqueezeNet 1.1 (Iandola et al. 2016), by torchvision's names."""

    kind: Literal["squeezenet"] = "squeezenet"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VGG16(Published):
    """The convolutions of VGG16 (Simonyan and Zisserman 2015), by torchvision's names; a new last layer."""

    kind: Literal["vgg16"] = "vgg16"
    norm: Literal["none", "batch"] = "none"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MobileNet(Published):
    """MobileNet v1 (Howard et al. 2017), by timm's names."""

    kind: Literal["mobilenet"] = "mobilenet"
    mean: tuple[float, ...] = Field(default=(0.5, 0.5, 0.5), max_length=64)
    spread: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.5, 0.5, 0.5), max_length=64)
    share: float = Field(default=0.25, gt=0, le=4)  # of the channels of the widest
