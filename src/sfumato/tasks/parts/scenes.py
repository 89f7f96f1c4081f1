"""Pictures with masks: where a recipe's come from, crops in which both are moved alike, and what is made small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.core.levels import VOID, Levels, Mask
from sfumato.core.seed import Seed
from sfumato.data import items, masks
from sfumato.data.augment.light import Lighting
from sfumato.data.augment.transform import table
from sfumato.data.batches import Batch, Place, Stacked, finished
from sfumato.data.geometry import Erase, Geometry, read_window
from sfumato.data.items import Items
from sfumato.data.known import catalogue
from sfumato.data.masks import Scenes, check_size
from sfumato.data.store import Store
from sfumato.losses import masks as losses
from sfumato.tasks.parts.sections import Masked
from sfumato.train.objective import Outcome


@dataclass(frozen=True, eq=False)
class Split:
    """Training and held-out pictures, and where the held-out ones come from."""

    train: Scenes
    held: Scenes
    what: str


def gather(data: Masked) -> Split:
    """Find, match, split."""
    if data.folders:
        legend = masks.legend(Path(data.legend), data.void)
        pictures = Items(tuple(item for folder in data.folders for item in items.from_folder(Path(folder))))
        matched = masks.from_folders(pictures, items.from_folder(Path(data.masks)), legend)
        return Split(*matched.split(data.valid), f"{data.valid:.0%} by hash")
    whole = catalogue.open_scenes(data.known, part="train")
    if data.choose:
        return Split(*whole.split(data.valid), f"{data.valid:.0%} of the training part, by hash")
    return Split(whole, catalogue.open_scenes(data.known, part=data.part), f"the set's own part {data.part!r}")


@dataclass(frozen=True, kw_only=True)
class SceneCrops:
    """Crops of pictures and of their masks, each drawn by (epoch, index) alone, and moved alike."""

    pictures: Store
    masks: Store
    geometry: Geometry
    erase: Erase | None
    crop: int
    crops_per_picture: int
    seed: Seed

    def __len__(self) -> int:
        return len(self.pictures) * self.crops_per_picture

    def prepare(self, indices: Sequence[int]) -> None:
        """Decode on all processors what the store will keep."""
        self.pictures.fill({index // self.crops_per_picture for index in indices})

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`.  uint8 (B, crop, crop, 3) and int64 (B, crop, crop)"""
        crops = [self._crop(*place) for place in places]
        pictures, found = (np.stack(part) for part in zip(*crops, strict=True))
        return torch.from_numpy(pictures), torch.from_numpy(found.astype(np.int64))

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Pixels of each class, in all pictures; what is decoded for it is kept as for any crop."""
        found = [np.bincount(self.masks[number][..., 0].ravel(), minlength=VOID + 1) for number in range(len(self.masks))]
        return np.asarray(np.sum(found, axis=0)[:classes], np.int64)

    def _crop(self, epoch: int, index: int) -> tuple[Levels, Mask]:
        number, rng = index // self.crops_per_picture, self.seed.at("scene", epoch, index)
        picture, mask = self.pictures[number], self.masks[number]
        check_size(self.pictures.items[number].name, picture.shape[:2], mask.shape[:2])
        plan = self.geometry.draw(rng, picture.shape[0], picture.shape[1], self.crop)
        shown = plan.apply(read_window(picture, plan.window))
        found = plan.apply(read_window(mask, plan.window), nearest=True)[..., 0]
        return self.erase(shown, rng) if self.erase else shown, found


@dataclass(frozen=True, eq=False)
class HeldScenes:
    """Held-out pictures and masks, decoded once, whole; one a batch, for their sizes differ."""

    names: tuple[str, ...]
    pictures: tuple[Levels, ...]
    masks: tuple[Mask, ...]

    def __iter__(self) -> Iterator[Batch]:
        for index, (picture, mask) in enumerate(zip(self.pictures, self.masks, strict=True)):
            inputs, target = torch.from_numpy(picture[None].copy()), torch.from_numpy(mask[None].astype(np.int64))
            yield finished(inputs, target, [(0, index)])

    def __len__(self) -> int:
        return len(self.names)


def held_out(scenes: Scenes) -> HeldScenes:
    """All of them, decoded."""
    numbers = range(len(scenes))
    return HeldScenes(
        tuple(scenes.pictures[index].name for index in numbers),
        tuple(scenes.pictures[index].levels(3) for index in numbers),
        tuple(scenes.mask(index) for index in numbers),
    )


@dataclass(frozen=True, eq=False)
class Lit:
    """Light that varies from picture to picture; masks stay."""

    light: Lighting
    seed: Seed

    def __call__(self, batch: Batch) -> Batch:
        """The same batch in another light."""
        drawn = table(self.seed, "light", batch.epoch, batch.items, self.light.draws)
        return replace(batch, input=self.light(batch.input, drawn))


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
