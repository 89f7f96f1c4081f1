"""A trained classifier in use: what one picture shows, or every picture of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, batch_to_unit
from sfumato.data import shrink
from sfumato.data.reading.read import to_channels
from sfumato.nets import load as model_files
from sfumato.nets.load import Header

TASK = "classify"
BATCH = 500  # pictures at once, of 32 px; fewer of larger ones
Views = Literal["one", "flip"]  # how many ways a picture is looked at: flip: its mirror image too, and the mean of both


@dataclass(frozen=True)
class Classifier:
    """A network with the header it was saved with, on a device; and others whose answers are averaged with its own."""

    header: Header
    network: nn.Module
    device: torch.device
    others: tuple[Classifier, ...] = ()

    def beside(self, others: Sequence[Classifier]) -> Classifier:
        """The same, answering together with others: the mean of all probabilities.  Refuses those that name or see other things."""
        for other in others:
            for what, mine, theirs in (("classes", self.classes, other.classes), ("pictures", self._sees, other._sees)):
                if mine != theirs:
                    raise Refusal(f"Models that answer together need the same {what}, but one has {mine} and another {theirs}.")
        return replace(self, others=tuple(others))

    @property
    def _sees(self) -> tuple[int, int]:
        return self.side, self.header.contract.channels

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the network's outputs."""
        return tuple(self.header.card["classes"])

    @property
    def side(self) -> int:
        """px of the pictures it was made for."""
        return int(self.header.network["side"])

    def classify(self, picture: str | Path | Levels, *, top: int = 5, views: Views = "one") -> list[tuple[str, float]]:
        """The likeliest names of one picture and their probabilities, the likeliest first.  A path, or uint8 (H, W, 1 or 3)."""
        [likely] = self.probabilities([picture], views=views)
        order = np.argsort(-likely, kind="stable")[:top]
        return [(self.classes[index], float(likely[index])) for index in order]

    def probabilities(self, pictures: Sequence[str | Path | Levels] | Levels, *, views: Views = "one") -> NDArray[np.float64]:
        """(N, classes), each row adding up to 1.  Paths and arrays of any size, or one array uint8 (N, side, side, C)."""
        seen = pictures if isinstance(pictures, np.ndarray) else np.stack([self._seen(picture) for picture in pictures])
        answers = [probabilities(one.network, seen, one.device, views=views) for one in (self, *self.others)]
        return np.asarray(np.mean(answers, axis=0))

    def _seen(self, picture: str | Path | Levels) -> Levels:
        """uint8 (side, side, C): what the network was made for."""
        channels: Literal[1, 3] = 1 if self.header.contract.channels == 1 else 3
        if isinstance(picture, np.ndarray):
            if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype != np.uint8:
                raise Refusal(f"classify takes uint8 (H, W, 3) or (H, W, 1), not {picture.dtype} {picture.shape}.")
            return shrink.square(to_channels(picture, channels), self.side)
        return shrink.read_square(Path(picture), self.side, channels)


def probabilities(network: nn.Module, pictures: Levels, device: torch.device, *, views: Views = "one") -> NDArray[np.float64]:
    """uint8 (N, H, W, C) -> (N, classes); the network in evaluation mode, in float32."""
    at_once = max(1, BATCH * 32 * 32 // (pictures.shape[1] * pictures.shape[2]))
    was_training = network.training
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), at_once):
            batch = batch_to_unit(torch.from_numpy(np.array(pictures[start : start + at_once]))).to(device)
            ways = [batch] if views == "one" else [batch, batch.flip(3)]
            likely = torch.stack([network(way).cpu().double().softmax(1) for way in ways]).mean(0)  # Apple's have no float64
            found.append(likely.numpy())
    network.train(was_training)
    return np.concatenate(found)


def load(path: str | Path, *, device: str = "auto") -> Classifier:
    """A model file on a device."""
    return Classifier(*model_files.ready(path, TASK, device))
