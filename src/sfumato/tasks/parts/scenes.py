"""Pictures with masks: where a recipe's come from, and what is made small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import VOID, Levels, Mask
from sfumato.data import items, masks
from sfumato.data.bad import left_out
from sfumato.data.batches import Batch
from sfumato.data.items import Items
from sfumato.data.known import catalogue
from sfumato.data.masks import Scenes
from sfumato.data.store import Store
from sfumato.losses import masks as losses
from sfumato.tasks.parts.mapped import Split
from sfumato.tasks.parts.sections import Masked
from sfumato.train.objective import Outcome


def gather(data: Masked) -> Split[Scenes]:
    """Find, match, split."""
    if data.folders:
        legend = masks.legend(Path(data.legend), data.void)
        known = {kind.name.casefold() for kind in (*legend.classes, *legend.void)} | set(Masked().void)
        if strange := [name for name in data.void if name.casefold() not in known]:
            raise Refusal(f"data.void names {strange[0]!r}, which is not in {data.legend}: {', '.join(legend.names)}.")
        pictures = Items(tuple(item for folder in data.folders for item in items.from_folder(Path(folder))))
        matched = masks.from_folders(pictures, items.from_folder(Path(data.masks)), legend)
        return Split(*matched.split(data.valid), f"{data.valid:.0%} by hash")
    whole = catalogue.open_scenes(data.known, part="train")
    if data.choose:
        return Split(*whole.split(data.valid), f"{data.valid:.0%} of the training part, by hash")
    return Split(whole, catalogue.open_scenes(data.known, part=data.part), f"the set's own part {data.part!r}")


def to_score(place: str, masks_: tuple[Path, Path] | None, void: Sequence[str] = ()) -> Scenes:
    """Pictures that taught nothing: of a known set, NAME or NAME:PART; or of a folder, with the folder of their masks and its legend."""
    if masks_ is not None:
        folder, legend = masks_
        return masks.from_folders(items.from_folder(Path(place)), items.from_folder(folder), masks.legend(legend, void))
    name, _, part = place.partition(":")
    if name not in catalogue.SETS and Path(place).is_dir():
        raise Refusal(f"The pictures of {place} are scored beside their masks: give --masks with their folder and their legend.")
    return catalogue.open_scenes(name, part=part or catalogue.held_out_part(name))  # type: ignore[arg-type]  # refused where it is none


def label(levels: Levels) -> Mask:
    """Labels as they are kept beside pictures, uint8 (..., 3) -> uint8 (...)"""
    return levels[..., 0]


def counts(store: Store, classes: int) -> NDArray[np.int64]:
    """Pixels of each class in each mask that can be read, (N, classes); what is decoded for it is kept as for any crop."""
    masks_ = left_out((partial(store.__getitem__, number) for number in range(len(store))), "the counting of classes")
    found = [np.bincount(label(mask).ravel(), minlength=VOID + 1) for mask in masks_]
    return np.stack(found)[:, :classes] if found else np.zeros((0, classes), np.int64)


@dataclass(frozen=True)
class Masking:
    """Cross-entropy of every pixel, and how regions overlap."""

    gamma: float = 0.0
    dice: float = 0.0  # weight
    weights: tuple[float, ...] = ()  # of the classes; empty: all alike

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """Held-out pictures are judged by plain cross-entropy, which is compared over runs."""
        logits: Tensor = network(batch.input)
        if not network.training:
            plain = losses.cross_entropy(logits, batch.target)
            return Outcome(plain, {"cross_entropy": plain.detach()}, logits)
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        loss = losses.cross_entropy(logits, batch.target, weights=weights, gamma=self.gamma)
        parts = {"cross_entropy": loss.detach()}
        if self.dice:
            apart = self.dice * losses.dice(logits, batch.target)
            loss, parts = loss + apart, {**parts, "dice": apart.detach()}
        return Outcome(loss, parts, logits)
