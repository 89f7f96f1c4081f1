"""The networks a recipe or a model file can name.  A table to read; modules are imported when they are built."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Union

from pydantic import TypeAdapter, ValidationError

from sfumato.core.errors import Refusal, shortened, unknown
from sfumato.nets import arguments, classify_arguments, dreaming_arguments, encoder_arguments, segment_arguments

if TYPE_CHECKING:
    from torch import nn


MOST_WEIGHTS = 10**9


@dataclass(frozen=True)
class Entry:
    """One kind of network: what it can be told, who builds it, and what it is for."""

    arguments: type[Any]
    builder: str  # "file:function" inside this room
    says: str


NETWORKS = {
    "unet": Entry(arguments.UNet, "unet:build", "U-Net with added skips that starts as the identity: marks, holes, every damage at once"),
    "residual": Entry(arguments.Residual, "residual:build", "small residual restorer of one resolution: super-resolution, denoising"),
    "span": Entry(arguments.Span, "span:build", "few numbers, quick: super-resolution at 0.2 M parameters"),
    "johnson": Entry(arguments.Johnson, "johnson:build", "one pass to a picture of feature losses (Johnson et al. 2016): x2, x4, styles"),
    "encoder-unet": Entry(
        encoder_arguments.EncoderUNet, "encoder_unet:build", "U-Net over a classifier's body, with its weights: feature losses, small sets"
    ),
}

CLASSIFIERS = {
    "plain": Entry(classify_arguments.Plain, "classify.plain:build", "the lectures' small convolutions of stride 2: digits in seconds"),
    "resnet": Entry(classify_arguments.ResNet, "classify.resnet:build", "residual stages, post- or pre-activation: the first choice"),
    "dense": Entry(classify_arguments.Dense, "classify.dense:build", "dense stages with transitions: few pictures, few parameters"),
    "squeezenet": Entry(classify_arguments.SqueezeNet, "classify.squeezenet:build", "SqueezeNet 1.1, published weights from a file"),
    "vgg16": Entry(classify_arguments.VGG16, "classify.vgg:build", "the convolutions of VGG16, published weights from a file: features"),
    "mobilenet": Entry(classify_arguments.MobileNet, "classify.mobilenet:build", "MobileNet v1, published weights from a file"),
    "timm": Entry(classify_arguments.Timm, "classify.borrowed:build", "any model of the library timm (extra `encoders`)"),
}

SEGMENTERS = {
    "encoder-unet": replace(NETWORKS["encoder-unet"], says="U-Net over a classifier's body, with its weights or without: the first choice"),
    "dense-unet": Entry(segment_arguments.DenseUNet, "dense_unet:build", "U-Net of dense blocks: few numbers, much memory"),
}

DREAMERS = {
    "dreamer": Entry(dreaming_arguments.Dreamer, "dreaming:build", "pictures from noise"),
}

TABLES = {"classify": CLASSIFIERS, "depth": SEGMENTERS, "generate": DREAMERS, "segment": SEGMENTERS}  # by task; all other tasks repair


def table(task: str) -> dict[str, Entry]:
    """The networks that models of a task have."""
    return TABLES.get(task, NETWORKS)


if TYPE_CHECKING:
    Network = Any
    ClassifierNetwork = Any
    SegmenterNetwork = Any
else:  # what a recipe may name: whatever stands in the tables above
    Network = Union[tuple(entry.arguments for entry in NETWORKS.values())]  # noqa: UP007  # built, not written
    ClassifierNetwork = Union[tuple(entry.arguments for entry in CLASSIFIERS.values())]  # noqa: UP007
    SegmenterNetwork = Union[tuple(entry.arguments for entry in SEGMENTERS.values())]  # noqa: UP007


def build(spec: Any, channels: int = 3) -> nn.Module:
    """A fresh network (random weights from torch's own generator: fork it and seed it around this call).

    Refuses one of more than a billion weights before any memory is taken for it, and a classifier without classes.
    """
    weights = sum(tensor.numel() for tensor in outline(spec, channels).state_dict().values())
    if weights > MOST_WEIGHTS:
        raise Refusal(
            f"The network {spec.kind!r} would have {weights:,} weights, but at most {MOST_WEIGHTS:,} can be built: "
            "make it narrower or give it fewer blocks."
        )
    return _built(spec, channels)


def outline(spec: Any, channels: int = 3) -> nn.Module:
    """The network without its weights, on torch's device `meta`: names, shapes and types of all it holds, and no memory for them."""
    import torch

    with torch.device("meta"):
        return _built(spec, channels)


def bare(spec: Any) -> Any:
    """The same network without the file that its first weights came from: for whoever has the weights already."""
    if hasattr(spec, "encoder"):
        return replace(spec, encoder=bare(spec.encoder), encoder_from="")
    return replace(spec, pretrained_file="") if getattr(spec, "pretrained_file", "") else spec


def working(network: nn.Module, spec: Any) -> tuple[dict[str, Any], Any]:
    """Tensors of the network as it is used, and what it is then made from: where it learns in another form, that is folded away."""
    if getattr(spec, "folded", True):
        return network.state_dict(), spec
    folded: dict[str, Any] = network.working()  # type: ignore[operator]  # whoever can be told `folded` has it
    return folded, replace(spec, folded=True)


def _built(spec: Any, channels: int) -> nn.Module:
    if getattr(spec, "classes", 1) < 1:
        raise Refusal("network.classes is 0: a classifier is built once its data, or the recipe, says how many classes there are.")
    file, function = _entry(spec.kind).builder.split(":")
    network: nn.Module = getattr(import_module(f"sfumato.nets.{file}"), function)(spec, channels)
    return network


def build_parts(spec: Any, channels: int) -> nn.Module:
    """A classifier that is to be cut: its head is left behind, so how many classes it names does not matter."""
    return _built(spec if spec.classes else replace(spec, classes=1), channels)


def _entry(kind: str) -> Entry:
    known = {**SEGMENTERS, **NETWORKS, **CLASSIFIERS, **DREAMERS}
    if kind not in known:
        raise unknown("network", kind, known)
    return known[kind]


def specification(kind: str, values: dict[str, Any]) -> Any:
    """Arguments of a network as a model file keeps them, checked."""
    entry = _entry(kind)
    try:  # read as JSON, in which a list may become a tuple while all else stays strict
        return TypeAdapter(entry.arguments).validate_json(json.dumps({**values, "kind": kind}, allow_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        place = shortened(".".join(map(str, first["loc"])))
        raise Refusal(f"The arguments of the network {kind!r} are not understood: {place}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(f"The arguments of the network {kind!r} are not understood: {error}.") from error
