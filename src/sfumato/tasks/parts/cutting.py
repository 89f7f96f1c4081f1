"""Pieces of a picture that a network is shown: how large one may be, to fit in memory and be worth it, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import Unit
from sfumato.core.system import devices
from sfumato.nets.footprint import bytes_per_pixel
from sfumato.nets.load import Contract
from sfumato.use.tiles import SHARE, Tiles

MOST_BYTES = 2000  # that networks hold for a pixel: a picture that fits at this rate needs no counting
KERNELS = 1.4  # times what the network's tensors take: convolutions keep copies in other layouts while they work
CPU_BYTES = 1.8e9  # that tiles reckon with on a CPU, of which they fill half: larger ones are no faster there
WORTH = 4  # margins that what a tile sees is wide, at least: its middle is then a quarter of it, for less the margin is most of the work


@dataclass(frozen=True)
class Cutter:
    """A network's tiles on a device.

    exact : they see all that it can see, and not only what changes an output in effect.
    """

    network: nn.Module
    contract: Contract
    device: torch.device
    exact: bool = False

    def tiles(self, height: int, width: int) -> Tiles:
        """For a picture of that size."""
        if not self.contract.tiles:
            return Tiles(side=max(height, width), margin=0, stride=self.contract.stride, splits=False)
        careful = self._fitting(height, width, MOST_BYTES)
        return careful if careful.side >= max(height, width) else self._fitting(height, width, KERNELS * self._held)

    def _fitting(self, height: int, width: int, bytes_per_pixel: float) -> Tiles:
        margin, room = self.contract.margin(exact=self.exact), float(devices.free_bytes(self.device))
        if self.device.type == "cpu":
            room = min(room, max(CPU_BYTES, (WORTH * margin) ** 2 * bytes_per_pixel / SHARE))
        return Tiles.fitting(
            height,
            width,
            reach=margin,
            stride=self.contract.stride,
            bytes_per_pixel=bytes_per_pixel,
            free_bytes=room,
            mirrors=self.contract.mirrors,
            enlarges=self.contract.enlarges,
        )

    @cached_property
    def _held(self) -> float:
        """Bytes that the network's tensors take for each pixel that it sees."""
        return bytes_per_pixel(self.network, self.contract.channels)


def made_of(patch: Unit, network: Callable[[Tensor], Tensor], device: torch.device, meant: Callable[[Tensor], Tensor]) -> Unit:
    """What a network makes of a piece of a picture, float32 (h, w, C) -> (h', w', outputs).  Refuses what are no numbers.

    meant : what outputs go through before tiles are blended, float32 (1, outputs, h', w').
    """
    x = torch.from_numpy(np.ascontiguousarray(patch)).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode():
        y = network(x).float()
        if not torch.isfinite(y).all():
            raise Refusal("The network gave values that are no numbers. The model is broken, or was trained to diverge.")
        y = meant(y)
    return np.ascontiguousarray(y[0].permute(1, 2, 0).cpu().numpy())
