"""A trained network in use that tells something of every pixel: of one picture, or of every picture of a tree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.core.system import devices
from sfumato.data.reading import read as decoding
from sfumato.data.reading.read import to_channels
from sfumato.nets.load import Contract, Header
from sfumato.nets.reach import as_it_is
from sfumato.show.sheets import save_png
from sfumato.tasks.parts.cutting import Cutter, made_of
from sfumato.use import folders, photograph, tiles
from sfumato.use.folders import Source, Summary
from sfumato.use.tiles import Finish
from sfumato.use.workers import Stages


@dataclass(frozen=True)
class Seer(ABC):
    """A network with the header it was saved with, on a device."""

    doing: ClassVar[str]  # what the bar says while a tree is done
    header: Header
    network: nn.Module
    device: torch.device

    @abstractmethod
    def draw(self, picture: Levels, how: Any) -> NDArray[Any]:
        """What is written of a picture, uint8 (H, W, C): one of the ways that a subclass knows."""

    @property
    def contract(self) -> Contract:
        """Channels, stride, reach."""
        return self.header.contract

    def told(self, picture: str | Path | Levels, meant: Callable[[Tensor], Tensor], finish: Finish = as_it_is) -> NDArray[Any]:
        """What the network gives, pixel by pixel.  A path, or uint8 (H, W, 3 or 1), any size -> float32 (H, W, outputs)

        meant : what a tile's outputs go through, float32 (1, outputs, h, w), before tiles are blended.
        finish : what blended rows go through, float32 (h, W, outputs), before those below are made; what it gives is what is returned.
        """
        levels = self.read(Path(picture)) if isinstance(picture, str | Path) else picture
        if levels.ndim != 3 or levels.shape[2] not in (1, 3) or levels.dtype != np.uint8:
            raise Refusal(f"A picture is uint8 (H, W, 3) or (H, W, 1), not {levels.dtype} {levels.shape}.")
        seen = to_channels(levels, self.contract.channels)
        patchwise = partial(made_of, network=self.network, device=self.device, meant=meant)
        return tiles.restore(seen, patchwise, self.cutter.tiles(*seen.shape[:2]), finish=finish)

    def read(self, path: Path) -> Levels:
        """A picture's file, upright, as the network takes it.  Refuses, as repairing does, a file of several pictures."""
        found = decoding.decode(decoding.bytes_of(path), path)
        photograph.check_single(found, path)
        return decoding.levels_of(found, 1 if self.contract.channels == 1 else 3)

    @cached_property
    def cutter(self) -> Cutter:
        """Tiles for a picture."""
        return Cutter(self.network, self.contract, self.device)

    def tree(
        self,
        source: Source,
        out: Path,
        *,
        how: str,
        overwrite: bool = False,
        quiet: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """A PNG for a file or for every picture of a folder, in a mirrored tree; a bad file stops nothing.

        how : what `draw` makes of each; of what was made otherwise a second run makes it anew.
        dry_run : only say what would be done.
        """
        return folders.over(
            source,
            out,
            Stages(self.read, partial(self.draw, how=how), lambda pixels, path: save_png(path, pixels)),
            options=f"{self.header.task} {how} {self.header.sha256}",
            existing="replace" if overwrite else "keep",
            threads=0 if self.device.type == "cpu" else min(4, devices.cores()),
            what=self.doing,
            suffix=".png",
            quiet=quiet,
            dry_run=dry_run,
        )
