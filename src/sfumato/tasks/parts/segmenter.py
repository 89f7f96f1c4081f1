"""A trained segmenter in use: what each pixel of one picture shows, or of every picture of a tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import nn

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, Mask, Unit, to_unit
from sfumato.core.system import devices
from sfumato.data.reading.read import read_levels, to_channels
from sfumato.nets import load as model_files
from sfumato.nets.load import Contract, Header
from sfumato.show import masks as drawn
from sfumato.tasks.parts.cutting import Cutter
from sfumato.use import folders, tiles
from sfumato.use.folders import Summary
from sfumato.use.workers import Stages

TASK = "segment"
Draws = Literal["mask", "overlay", "colours"]


@dataclass(frozen=True)
class Segmenter:
    """A network with the header it was saved with, on a device."""

    header: Header
    network: nn.Module
    device: torch.device

    @property
    def contract(self) -> Contract:
        """Channels, stride, reach."""
        return self.header.contract

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of labels."""
        return tuple(self.header.card["classes"])

    @cached_property
    def palette(self) -> Levels:
        """A colour for each class: the legend's, or others.  uint8 (256, 3)"""
        return drawn.palette(len(self.classes), [tuple(colour) if colour else None for colour in self.header.card["colours"]])

    def segment(self, picture: str | Path | Levels) -> Mask:
        """The likeliest class of every pixel.  A path, or uint8 (H, W, 3 or 1), any size -> uint8 (H, W)"""
        return np.asarray(self.probabilities(picture).argmax(2), np.uint8)

    def probabilities(self, picture: str | Path | Levels) -> Unit:
        """How likely each class is, pixel by pixel.  -> float32 (H, W, K), summing to 1 over K"""
        levels = self._read(Path(picture)) if isinstance(picture, str | Path) else picture
        if levels.ndim != 3 or levels.shape[2] not in (1, 3) or levels.dtype != np.uint8:
            raise Refusal(f"segment takes uint8 (H, W, 3) or (H, W, 1), not {levels.dtype} {levels.shape}.")
        seen = to_unit(to_channels(levels, self.contract.channels))
        return np.asarray(tiles.restore(seen, self._patchwise, self._tiles(*seen.shape[:2])), np.float32)

    def draw(self, picture: Levels, how: Draws) -> Levels:
        """The mask of one picture as it is, in colours, or in colours over the picture.  uint8 (H, W, C) -> (H, W) or (H, W, 3)"""
        mask = self.segment(picture)
        if how == "mask":
            return mask
        return drawn.coloured(mask, self.palette) if how == "colours" else drawn.overlay(picture, mask, self.palette)

    def segment_tree(self, source: Path, out: Path, *, how: Draws = "overlay", overwrite: bool = False, quiet: bool = False) -> Summary:
        """A PNG for a file or for every picture of a folder, in a mirrored tree; a bad file stops nothing."""
        return folders.over(
            source,
            out,
            Stages(self._read, partial(self.draw, how=how), _write),
            options=f"segment {self.header.sha256} {how}",
            existing="replace" if overwrite else "keep",
            threads=0 if self.device.type == "cpu" else min(4, devices.cores()),
            what="segmenting",
            suffix=".png",
            quiet=quiet,
        )

    def _read(self, path: Path) -> Levels:
        return read_levels(path, 1 if self.contract.channels == 1 else 3)

    def _tiles(self, height: int, width: int) -> tiles.Tiles:
        return self._cutter.tiles(height, width)

    @cached_property
    def _cutter(self) -> Cutter:
        return Cutter(self.network, self.contract, self.device)

    def _patchwise(self, patch: Unit) -> Unit:
        x = torch.from_numpy(np.ascontiguousarray(patch)).permute(2, 0, 1)[None].to(self.device)
        with torch.inference_mode():
            y = self.network(x).float().softmax(1)
        if not torch.isfinite(y).all():
            raise Refusal("The network gave values that are no numbers. The model is broken, or was trained to diverge.")
        return np.ascontiguousarray(y[0].permute(1, 2, 0).cpu().numpy())


def _write(pixels: Levels, path: Path) -> None:
    """A PNG, at once or not at all; a mask is grey, its values the labels."""
    with files.replacing(path) as aside:
        Image.fromarray(pixels).save(aside, format="PNG")


def load(path: str | Path, *, device: str = "auto") -> Segmenter:
    """A model file on a device."""
    place = devices.resolve(device).device
    model = model_files.read(Path(path), task=TASK)
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
    return Segmenter(model.header, model.network.to(place), place)
