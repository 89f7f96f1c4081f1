"""What a U-Net over a classifier's body can be told.  Importing this needs no torch."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sfumato.core.levels import TOP
from sfumato.nets.arguments import STRICT, Activation, Norm
from sfumato.nets.classify_arguments import VGG16, Dense, MobileNet, Plain, ResNet, SqueezeNet, Timm


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EncoderUNet:
    """A U-Net whose way down is a classifier's body, with the weights of one that was trained or without."""

    kind: Literal["encoder-unet"] = "encoder-unet"
    encoder: ResNet | Dense | Plain | SqueezeNet | VGG16 | MobileNet | Timm = Field(
        default=ResNet(widths=(32, 64, 96), blocks=(1, 1, 1), strides=(1, 2, 2), stem_kernel=5, stem_stride=2), discriminator="kind"
    )
    encoder_from: str = ""  # whose body and weights are taken instead of `encoder`: a model file, tiny-features, timm:NAME:FILE
    levels: int = Field(default=0, ge=0, le=64)  # of the encoder, stem counted; 0: all
    width: int = Field(default=32, ge=4, le=1024)  # channels at the picture's own grid
    middle: int = Field(default=2, ge=0, le=16)  # blocks at the bottom
    block: Literal["residual", "convs"] = "residual"
    skips: Literal["off", "add", "concat"] = "concat"  # off: an autoencoder
    cross: bool = False  # residual block + conv on every skip of the encoder
    input_skip: Literal["off", "add", "concat"] = "concat"  # the picture itself as the last skip
    cross_input: bool = False  # residual block + conv on it
    up: Literal["shuffle", "nearest"] = "shuffle"  # pixel-shuffle begun as nearest, or nearest itself
    blur: bool = False  # a mean of 2x2 after each shuffle: no checkerboard
    start: Literal["zero", "small", "identity", "free"] = "zero"  # of the last convolution: it adds nothing, or a thousandth, to the
    # picture; it hands the picture on; or, free, it makes a picture from nothing but what it sees
    attention: bool = False  # self-attention at the bottom (Zhang et al. 2019): then large pictures cannot be cut
    output: Literal["free", "bounded"] = "free"  # bounded: never outside 0..1
    outputs: int = Field(default=0, ge=0, le=TOP)  # instead of a picture: one number a pixel for each class of a mask, or a depth
    norm: Norm = "none"  # of the decoder
    skip_norm: Norm = "none"  # of what the encoder hands to it: a classifier's features may be of any size
    activation: Activation = "relu"
