"""Classifiers that others published, a row of layers each, with their weights from a file at hand.  Nothing is downloaded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.nets import tensor_file
from sfumato.nets.classify.whole import normalisation
from sfumato.nets.classify_arguments import Classifying
from sfumato.nets.tensor_file import TensorFile


class Row(nn.Module):
    """Layers one after the other, some of which are levels.  (B, C, H, W) -> features, fine to coarse"""

    def __init__(self, features: nn.Sequential, places: Sequence[int]):
        super().__init__()
        self.features = features
        self.places = tuple(places)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> features of every level, fine to coarse"""
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.places:
                found.append(x)
        return found

    def units(self) -> list[nn.Module]:
        """Layers that learn."""
        return _learning(self.features)


class Published(nn.Module):
    """Name what a picture shows.  float32 (B, C, H, W) in 0..1 -> logits (B, classes)

    features : a row of layers; `places`: after which of them it can be cut, fine to coarse.  Weights have their published names.
    """

    stride = 1  # sides of any length
    tiles = False

    def __init__(self, features: nn.Sequential, places: Sequence[int], classifier: nn.Module, spec: Classifying, channels: int):
        super().__init__()
        if channels != 3:
            raise Refusal(f"A published network sees pictures of three channels, but these have {channels}: set data.channels = 'colour'.")
        self.classes = spec.classes
        self.channels = channels
        self.normalise = normalisation(spec, channels)
        self.features = features
        self.classifier = classifier
        self.places = tuple(places)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, classes)"""
        logits: Tensor = self.classifier(self.features(self.normalise(picture)))
        return logits

    def levels(self) -> list[str]:
        """Names of the places at which it can be cut, fine to coarse: as in the published row."""
        return [f"features.{place}" for place in self.places]

    def upto(self, count: int) -> Row:
        """A copy of the first so many levels."""
        places = self.places[:count]
        return Row(nn.Sequential(*copy.deepcopy(list(self.features)[: places[-1] + 1])), places)

    def units(self) -> list[nn.Module]:
        """Layers that learn, and what makes logits."""
        return [*_learning(self.features), self.classifier]


def _learning(row: nn.Sequential) -> list[nn.Module]:
    return [layer for layer in row if any(True for _ in layer.parameters())]


def take(network: Published, path: str, *, what: str, called: Callable[[str], str] = lambda name: name, head: bool = True) -> None:
    """Weights from a safetensors file.

    called : our name of a tensor -> its name in the file.  head False: the classifier stays as it is, whatever the file holds.
    A classifier of another number of classes stays as it is too.  Refused, naming the first tensor that is missing or of another shape.
    """
    if not path or torch.get_default_device().type == "meta":  # an outline has no weights
        return
    if not Path(path).is_file():
        raise Refusal(f"There is no file {path} of weights for {what} (network.pretrained_file).")
    file = tensor_file.look(Path(path))
    data = file.data()
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked") or (name.startswith("classifier.") and not (head and _fits(file, called(name), tensor))):
            continue
        place = file.places.get(called(name))
        if place is None or place.shape != tuple(tensor.shape):
            found, wanted = place.shape if place else "nothing", tuple(tensor.shape)
            raise Refusal(f"{path} does not hold weights of {what}: {called(name)!r} should be {wanted}, the file holds {found}.")
        with torch.no_grad():
            tensor.copy_(file.tensor(called(name), data))  # the state shares its memory with the network


def _fits(file: TensorFile, name: str, tensor: Tensor) -> bool:
    """A head of as many classes; one of others is no mistake."""
    return name in file.places and file.places[name].shape == tuple(tensor.shape)
