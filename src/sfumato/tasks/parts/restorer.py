"""A trained model in use: one picture, one file, or a tree of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from sfumato.core import devices
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, Unit, to_levels, to_unit
from sfumato.nets import load as model_files
from sfumato.nets.load import Contract, Header
from sfumato.use import folders, photograph, tiles
from sfumato.use.folders import Summary
from sfumato.use.photograph import Photograph

TASK = "restore"
BYTES_PER_PIXEL = 4000  # that a network of the default size holds for each pixel of a tile, in float32; measured, rounded up


def shipped() -> Path:
    """The restorer that comes with the package."""
    return Path(__file__).parents[2] / "weights" / "restore.safetensors"


@dataclass(frozen=True)
class Restorer:
    """A network with the contract it was saved with, on a device."""

    header: Header
    network: nn.Module
    device: torch.device

    @property
    def contract(self) -> Contract:
        """Channels, stride, reach, enlargement."""
        return self.header.contract

    def restore(self, picture: str | Path | Levels | Unit | Photograph) -> Levels | Unit | Photograph:
        """Repair one picture of any size.

        A path or a Photograph gives a Photograph; uint8 or float32 (H, W, 3 or 1) gives an array of the same kind, where a
        network that enlarges e times gives (eH, eW, C).
        """
        if isinstance(picture, np.ndarray):
            if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype not in (np.uint8, np.float32):
                raise Refusal(f"restore takes uint8 or float32 (H, W, 3) or (H, W, 1), not {picture.dtype} {picture.shape}.")
            if picture.dtype == np.uint8:
                return to_levels(self._pixels(to_unit(cast(Levels, picture))))
            return self._pixels(cast(Unit, picture))
        photo = picture if isinstance(picture, Photograph) else photograph.read(Path(picture))
        return replace(photo, pixels=self._pixels(photo.pixels), alpha=self._alpha(photo.alpha))

    def restore_file(self, source: Path, target: Path, *, quality: int = 95) -> None:
        """Repair one file; name, profile, EXIF and depth are kept."""
        photograph.write(self.restore(photograph.read(source)), target, quality=quality)  # type: ignore[arg-type]

    def restore_tree(
        self, source: Path, out: Path, *, quality: int = 95, overwrite: bool = False, quiet: bool = False
    ) -> Summary:
        """Repair a file or every picture of a folder into a mirrored tree; a bad file stops nothing."""

        def action(path: Path, target: Path) -> None:
            self.restore_file(path, target, quality=quality)

        return folders.over(
            source,
            out,
            action,
            options=f"restore {self.header.sha256} quality={quality}",
            existing="replace" if overwrite else "keep",
            what="restoring",
            quiet=quiet,
        )

    def _alpha(self, alpha: Unit | None) -> Unit | None:
        """Transparency is repaired apart, as a grey picture; a constant one is kept exactly."""
        if alpha is None:
            return None
        if alpha.size and (alpha == alpha.flat[0]).all():
            factor = self.contract.enlarges
            return np.full((alpha.shape[0] * factor, alpha.shape[1] * factor), alpha.flat[0], np.float32)
        return self._pixels(alpha[..., None])[..., 0]

    def _pixels(self, pixels: Unit) -> Unit:
        """float32 (H, W, 1 or 3) -> the same; grey goes in as three equal channels and comes back grey, unless the network colours."""
        grey = pixels.shape[2] == 1 and self.contract.channels == 3
        seen = np.repeat(pixels, 3, axis=2) if grey else pixels
        restored = tiles.restore(seen, self._patchwise, self._tiles(*seen.shape[:2]), enlarges=self.contract.enlarges)
        return restored.mean(axis=2, keepdims=True) if grey and not self.contract.colours else restored

    def _tiles(self, height: int, width: int) -> tiles.Tiles:
        if not self.contract.tiles:
            return tiles.Tiles(side=max(height, width), margin=0, stride=self.contract.stride, splits=False)
        return tiles.Tiles.fitting(
            height,
            width,
            reach=self.contract.reach,
            stride=self.contract.stride,
            bytes_per_pixel=BYTES_PER_PIXEL,
            free_bytes=devices.free_bytes(self.device),
        )

    @cached_property
    def _patchwise(self) -> Callable[[Unit], Unit]:
        def run(patch: Unit) -> Unit:
            x = torch.from_numpy(np.ascontiguousarray(patch)).permute(2, 0, 1)[None].to(self.device)
            with torch.inference_mode():
                y = self.network(x).float().clamp_(0, 1)
            if not torch.isfinite(y).all():
                raise Refusal("The network gave values that are no numbers. The model is broken, or was trained to diverge.")
            return np.ascontiguousarray(y[0].permute(1, 2, 0).cpu().numpy())

        return run


def load(path: str | Path | None = None, *, device: str = "auto") -> Restorer:
    """A model file, or the restorer that comes with the package, on a device."""
    place = devices.resolve(device).device
    model = model_files.read(Path(path) if path is not None else shipped(), task=TASK)
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
    return Restorer(model.header, model.network.to(place), place)
