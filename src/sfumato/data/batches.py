"""Batches whose order and content follow from (seed, epoch, index) alone, whatever the number of workers."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.core.system import parents

AHEAD = 4  # batches that each worker makes before they are asked for

Place = tuple[int, int]  # (epoch, index): all that an item's draws depend on beside the run's seed


@dataclass(frozen=True)
class Batch:
    """What one turn sees.  input and target (B, C, H, W) float32 in 0..1; items: the index of each within the epoch."""

    input: Tensor
    target: Tensor
    items: tuple[int, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        if self.input.device == device:
            return self
        return replace(self, input=self.input.to(device, non_blocking=True), target=self.target.to(device, non_blocking=True))

    def pieces(self, count: int) -> list[Batch]:
        """The batch in `count` parts of nearly equal size, for a device with too little memory for the whole."""
        bounds = [round(part * len(self.items) / count) for part in range(count + 1)]
        cuts = [slice(low, high) for low, high in itertools.pairwise(bounds) if high > low]
        return [Batch(self.input[cut], self.target[cut], self.items[cut]) for cut in cuts]


class Pairs(Protocol):
    """Where batches come from: spoilt and good pictures, drawn by place."""

    def __len__(self) -> int:
        """Pairs in an epoch."""
        ...

    def prepare(self, indices: Sequence[int]) -> None:
        """These are asked for next, one after the other: what can be done for all of them at once."""
        ...

    def pair(self, epoch: int, index: int) -> tuple[Levels, Levels]:
        """Input and target, uint8 (H, W, C); all pairs have the same sizes."""
        ...


@dataclass(frozen=True)
class _ByPlace(Dataset[tuple[Levels, Levels, int] | Refusal]):
    pairs: Pairs

    def __getitem__(self, place: Place) -> tuple[Levels, Levels, int] | Refusal:
        """A pair, or why there is none: raised in a worker, the words would come with its traceback."""
        try:
            return *self.pairs.pair(*place), place[1]
        except Refusal as refusal:
            return refusal


@dataclass(frozen=True)
class Order(Sampler[list[Place]]):
    """Places batch by batch, from a position on, without end: after the last batch of an epoch comes the next epoch's first."""

    count: int
    batch: int
    seed: Seed
    epoch: int
    position: int  # batches of this epoch that are already done
    share: tuple[int, int] = (0, 1)  # (rank, ranks): of every batch, this process takes each `ranks`-th place

    def __iter__(self) -> Iterator[list[Place]]:
        epoch, position = self.epoch, self.position
        while True:
            yield from self._epoch(epoch, position)
            epoch, position = epoch + 1, 0

    def _epoch(self, epoch: int, position: int) -> Iterator[list[Place]]:
        order = self.seed.at("order", epoch).permutation(self.count)
        rank, ranks = self.share
        for start in range(position * self.batch, self.count - self.batch + 1, self.batch):
            yield [(epoch, int(index)) for index in order[start + rank : start + self.batch : ranks]]


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Training batches without end, of `batch` pairs in all processes together.

    The last, smaller batch of an epoch is left out, so every step weighs the same.
    """

    pairs: Pairs
    batch: int
    seed: Seed
    workers: int = 0
    context: str = "fork"  # how workers start; spawn works as well
    share: tuple[int, int] = (0, 1)  # (rank, ranks): which part of every batch this process takes

    def __post_init__(self) -> None:
        ranks = self.share[1]
        if self.batch % ranks:
            raise Refusal(f"Batches of {self.batch} cannot be shared by {ranks} processes alike: make train.batch a multiple of {ranks}.")
        object.__setattr__(self, "batch", min(self.batch, len(self.pairs) // ranks * ranks))

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self.pairs) // self.batch

    def stream(self, epoch: int, position: int) -> Generator[Batch]:
        """Batches from a position on, without end; where it starts costs nothing.  Closing it ends the workers."""
        order = Order(len(self.pairs), self.batch, self.seed, epoch, position, self.share)
        dataset = _ByPlace(self.pairs)
        if self.workers == 0:
            for places in order:
                self.pairs.prepare([index for _, index in places])
                yield collate([(*self.pairs.pair(*place), place[1]) for place in places])
        context = self.context if self.context in multiprocessing.get_all_start_methods() else "spawn"
        cv2.setNumThreads(1)  # before any fork: a child that inherits OpenCV's threads hangs when it changes their number
        loader = DataLoader(
            dataset,
            batch_sampler=order,
            num_workers=self.workers,
            collate_fn=_stack_or_refuse,
            multiprocessing_context=context,
            worker_init_fn=_Quiet(context),
            prefetch_factor=AHEAD,
        )
        for made in loader:
            if isinstance(made, Refusal):
                raise made
            inputs, targets, items = made
            yield Batch(batch_to_unit(inputs), batch_to_unit(targets), items)


@dataclass(frozen=True)
class _Quiet:
    """A worker spoils on one thread, leaves signals to the process that trains, and ends with it."""

    context: str

    def __call__(self, _: int) -> None:
        torch.set_num_threads(1)
        if self.context == "spawn":
            cv2.setNumThreads(1)
        parents.leave_signals()
        parents.end_with_it()


def lost_worker(error: BaseException) -> bool:
    """Whether an error says that a worker was killed; torch raises it wherever the training process happens to be."""
    return isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker")


def _stack(items: Sequence[tuple[Levels, Levels, int]]) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    inputs, targets, indices = zip(*items, strict=True)
    return _together(inputs), _together(targets), tuple(indices)


def _stack_or_refuse(items: Sequence[tuple[Levels, Levels, int] | Refusal]) -> tuple[Tensor, Tensor, tuple[int, ...]] | Refusal:
    refusals = [item for item in items if isinstance(item, Refusal)]
    return refusals[0] if refusals else _stack([item for item in items if not isinstance(item, Refusal)])


def _together(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(pictures))


def collate(items: Sequence[tuple[Levels, Levels, int]]) -> Batch:
    """Pairs of uint8 (H, W, C) -> one Batch."""
    inputs, targets, indices = _stack(items)
    return Batch(batch_to_unit(inputs), batch_to_unit(targets), indices)
