"""How large a piece of a picture a network is shown at once: what fits in memory, and is worth it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

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
        )

    @cached_property
    def _held(self) -> float:
        """Bytes that the network's tensors take for each pixel that it sees."""
        return bytes_per_pixel(self.network, self.contract.channels)
