"""Labelled pictures of one size as a source of batches: a whole batch is picked from one array at once, in memory or in a mapped file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sfumato.core.levels import Levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.data.batches import Batch, Place, Source, Stacked


@dataclass(frozen=True, eq=False)
class Rows:
    """Pictures uint8 (N, H, W, C) with labels int64 (N,), by number.

    partners : a batch of B is followed by B more, one to mix with each; who that is follows from the run's seed, the epoch and the item.
    names : of the files they come from, where there are any.
    """

    pictures: Levels
    labels: NDArray[np.int64]
    seed: Seed
    partners: bool = False
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def prepare(self, indices: Sequence[int]) -> None:
        """Nothing is to be decoded."""

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`.  (B, H, W, C) and (B,), or twice as many with partners."""
        epoch, numbers = places[0][0], np.array([index for _, index in places])
        if self.partners:
            drawn = self.seed.table("partner", epoch, numbers, 1)[:, 0]
            numbers = np.concatenate([numbers, (drawn * len(self)).astype(numbers.dtype)])
        return torch.from_numpy(self.pictures[numbers]), torch.from_numpy(self.labels[numbers])

    def name(self, index: int) -> str:
        """See `Source`."""
        return self.names[index] if self.names else f"picture {index}"


@dataclass(frozen=True, eq=False)
class HeldRows:
    """Held-out pictures in batches, always the same."""

    pictures: Levels
    labels: NDArray[np.int64]
    batch: int

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.labels), self.batch):
            part = slice(start, start + self.batch)
            inputs, labels = torch.from_numpy(np.array(self.pictures[part])), torch.from_numpy(self.labels[part].copy())
            yield Batch(batch_to_unit(inputs), labels, tuple(range(start, start + len(labels))))

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch)


@dataclass(frozen=True)
class FirstBatches:
    """The first items of a source, drawn the same way in every epoch: what a network that works at all can learn by heart."""

    source: Source
    count: int

    def __len__(self) -> int:
        return min(self.count, len(self.source))

    def prepare(self, indices: Sequence[int]) -> None:
        """See `Source`."""
        self.source.prepare(indices)

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`."""
        return self.source.gather([(0, index) for _, index in places])

    def name(self, index: int) -> str:
        """See `Source`."""
        return self.source.name(index)
