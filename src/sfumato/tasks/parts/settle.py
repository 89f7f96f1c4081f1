"""What is measured of a model when its training is over, and written into its contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sfumato.core.levels import TOP, Levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.data.geometry import centred, read_window
from sfumato.nets import load as model_files
from sfumato.nets.load import Model
from sfumato.nets.reach import Meant, as_it_is, effective
from sfumato.spoil import grammar

SIDE = 256  # px of a probe
LARGER = 512  # px of one where the network may look farther than the smaller one can tell
PHOTOGRAPHS = 4
TEXT = "text size=8..40 density=400"


def settle(paths: Iterable[Path], pictures: Sequence[Levels], device: torch.device, meant: Meant = as_it_is) -> None:
    """Measure the effective reach of models, on pictures such as they are given in use, and write it into their files.

    paths : those that are there.  meant : what a network's outputs go through in use.
    """
    for path in filter(Path.is_file, paths):
        model = model_files.read(path)
        model_files.write(path, model.network.state_dict(), measured(model, pictures, device, meant).header)


def measured(model: Model, pictures: Sequence[Levels], device: torch.device, meant: Meant = as_it_is) -> Model:
    """The same model; its contract says how far it looks in effect, on noise, text and photographs."""
    contract = model.header.contract
    side = SIDE if contract.reach <= SIDE // 2 else LARGER
    seen = [probe.to(device) for probe in probes(pictures, contract.stride, side)]
    found = effective(model.network.to(device), seen, contract.reach, meant) if contract.tiles else contract.reach
    return Model(dataclasses.replace(model.header, contract=dataclasses.replace(contract, effective=found)), model.network.cpu())


def probes(pictures: Sequence[Levels], stride: int, side: int = SIDE) -> list[Tensor]:
    """Noise, text, and the middles of some pictures, as spoilt as those that will come (a network looks for the rest of a hole only where
    there is one), mirrored where they are smaller.  float32 (1, 3, side, side), the side made a multiple of `stride`."""
    rng = Seed(0).at("probes")
    side = -(-side // stride) * stride
    noise: Levels = rng.integers(0, TOP + 1, (side, side, 3), dtype=np.uint8)
    text = grammar.parse(TEXT)(np.full((side, side, 3), TOP // 2, np.uint8), rng)
    photographs = [read_window(picture, centred(picture.shape[0], picture.shape[1], side).window) for picture in pictures]
    return [batch_to_unit(torch.from_numpy(np.array(picture, order="C"))[None]) for picture in (noise, text, *photographs)]
