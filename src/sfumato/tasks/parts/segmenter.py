"""A trained segmenter in use: what each pixel of one picture shows, or of every picture of a tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core.levels import TOP, Levels, Mask, Unit
from sfumato.nets import load as model_files
from sfumato.show import masks as drawn
from sfumato.tasks.parts.seer import Seer

TASK = "segment"
Draws = Literal["mask", "overlay", "colours"]


@dataclass(frozen=True)
class Segmenter(Seer):
    """A network with the header it was saved with, on a device."""

    doing: ClassVar[str] = "segmenting"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of labels."""
        return tuple(self.header.card["classes"])

    @property
    def void(self) -> tuple[str, ...]:
        """Names in a legend that are no class."""
        return tuple((self.header.recipe.get("data") or {}).get("void", ()))

    @cached_property
    def palette(self) -> Levels:
        """A colour for each class: the legend's, or others.  uint8 (256, 3)"""
        return drawn.palette(len(self.classes), [tuple(colour) if colour else None for colour in self.header.card["colours"]])

    def segment(self, picture: str | Path | Levels) -> Mask:
        """The likeliest class of every pixel.  A path, or uint8 (H, W, 3 or 1), any size -> uint8 (H, W)"""
        return self.told(picture, likely, likeliest)  # row by row: probabilities take a float for every class

    def probabilities(self, picture: str | Path | Levels) -> Unit:
        """How likely each class is, pixel by pixel.  -> float32 (H, W, K), summing to 1 over K"""
        return self.told(picture, likely)

    @cached_property
    def numbers(self) -> NDArray[Any]:
        """What the legend calls each class in a mask's file.  uint8 or, where one is above 255, uint16 (classes,)"""
        numbers = np.array(self.header.card.get("numbers", range(len(self.classes))))
        return numbers.astype(np.uint8 if numbers.max() <= TOP else np.uint16)

    def draw(self, picture: Levels, how: Draws) -> NDArray[Any]:
        """The mask of one picture in the legend's numbers, in colours, or in colours over the picture.

        uint8 (H, W, C) -> uint8 or uint16 (H, W), or uint8 (H, W, 3)
        """
        mask = self.segment(picture)
        if how == "mask":
            return self.numbers[mask]
        return drawn.coloured(mask, self.palette) if how == "colours" else drawn.overlay(picture, mask, self.palette)


def likeliest(rows: Unit) -> Mask:
    """How likely each class is -> the label of the one that is most.  float32 (H, W, K) -> uint8 (H, W)"""
    return np.asarray(rows.argmax(2), np.uint8)


def likely(logits: Tensor) -> Tensor:
    """How likely each class is.  (B, K, H, W) -> the same, summing to 1 over K"""
    return logits.softmax(1)


def load(path: str | Path, *, device: str = "auto") -> Segmenter:
    """A model file on a device."""
    return Segmenter(*model_files.ready(path, TASK, device))
