"""Any model of the library timm as a classifier of ours (extra `encoders`).  Nothing is downloaded: weights come from a file at hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal, shortened, unknown
from sfumato.nets.classify.whole import normalisation
from sfumato.nets.classify_arguments import Timm


class BorrowedBody(nn.Module):
    """The first levels of a timm model, without its head.  (B, C, H, W) -> features, fine to coarse"""

    def __init__(self, model: Any, count: int):
        super().__init__()
        self.count = count
        self.model = model
        model.prune_intermediate_layers(list(range(count)), prune_norm=True, prune_head=True)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> features of every level, fine to coarse"""
        indices = list(range(self.count))
        features: list[Tensor] = self.model.forward_intermediates(
            x, indices=indices, stop_early=True, output_fmt="NCHW", intermediates_only=True
        )
        return features

    def units(self) -> list[nn.Module]:
        """Its parts in the order they stand there, lists of blocks taken apart."""
        return [part for part in _parts(self.model) if any(True for _ in part.parameters())]


def _parts(model: nn.Module) -> list[nn.Module]:
    return [inner for part in model.children() for inner in (part if isinstance(part, nn.Sequential | nn.ModuleList) else [part])]


class Borrowed(nn.Module):
    """Name what a picture shows, by a model of timm.  float32 (B, C, H, W) in 0..1 -> logits (B, classes)"""

    stride = 1
    tiles = False

    def __init__(self, model: Any, spec: Timm, channels: int):
        super().__init__()
        self.classes = spec.classes
        self.channels = channels
        self.normalise = normalisation(spec, channels)
        self.model = model

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, classes)"""
        logits: Tensor = self.model(self.normalise(picture))
        return logits

    def levels(self) -> list[str]:
        """Names of the places at which it can be cut, fine to coarse."""
        model: Any = self.model
        if not hasattr(model, "forward_intermediates"):
            raise Refusal(
                f"timm cannot cut {type(model).__name__} into stages. Choose a model with intermediate features, such as resnet18."
            )
        return [str(one["module"]) for one in model.feature_info]

    def upto(self, count: int) -> BorrowedBody:
        """A copy of the first so many levels."""
        return BorrowedBody(copy.deepcopy(self.model), count)

    def units(self) -> list[nn.Module]:
        """Its parts in the order they stand there, lists of blocks taken apart; what makes logits is the last."""
        model: Any = self.model
        head = model.get_classifier()
        parts = _parts(model)
        holds = [part for part in parts if part is not head and not any(inner is head for inner in part.modules())]
        rest = [part for part in parts if part is not head and any(inner is head for inner in part.modules())]
        return [part for part in holds if any(True for _ in part.parameters())] + (rest or [head])


def build(spec: Timm, channels: int) -> Borrowed:
    """The network that a recipe or a model file asks for; its weights from `pretrained_file`, where one is named and memory is taken."""
    timm = _knowing(spec.name)
    path = spec.pretrained_file if torch.get_default_device().type != "meta" else ""  # an outline has no weights
    if path and not Path(path).is_file():
        raise Refusal(f"There is no file {path} of weights for {spec.name} (network.pretrained_file).")
    try:  # timm drops a head of other classes and folds colour into grey by itself
        model = timm.create_model(
            spec.name,
            pretrained=bool(path),
            pretrained_cfg_overlay={"file": path} if path else None,
            num_classes=spec.classes,
            in_chans=channels,
            drop_rate=spec.dropout or None,
        )
    except Exception as error:  # whatever a wrong or damaged file brings about inside the library
        if not path:
            raise
        raise Refusal(f"{path} does not hold weights of {spec.name} that can be read: {shortened(str(error), 200)}.") from error
    return Borrowed(model, spec, channels)


def statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of the pictures that a model's published weights were learnt with, by channel."""
    told = _knowing(name).get_pretrained_cfg(name)
    return tuple(map(float, told.mean)), tuple(map(float, told.std))


def _knowing(name: str) -> Any:
    """timm, which has a model of that name."""
    timm = _library()
    if not timm.is_model(name):
        raise unknown("model of timm", name, timm.list_models())
    return timm


def _library() -> Any:
    try:
        import timm
    except ImportError as error:
        raise Refusal("Models of timm need the extra `encoders`: pip install 'sfumato[encoders]'.") from error
    return timm
