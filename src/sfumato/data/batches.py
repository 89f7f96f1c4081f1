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
    """What one turn sees.  input (B, C, H, W) float32 in 0..1; target the same kind of pictures, or int64 (B,) labels.

    items : the index of each within the epoch.  What is drawn for an item follows from (epoch, item) and the run's seed.
    """

    input: Tensor
    target: Tensor
    items: tuple[int, ...]
    epoch: int = 0

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        if self.input.device == device:
            return self
        return replace(self, input=self.input.to(device, non_blocking=True), target=self.target.to(device, non_blocking=True))

    def pieces(self, count: int) -> list[Batch]:
        """The batch in `count` parts of nearly equal size, for a device with too little memory for the whole."""
        bounds = [round(part * len(self.items) / count) for part in range(count + 1)]
        cuts = [slice(low, high) for low, high in itertools.pairwise(bounds) if high > low]
        return [replace(self, input=self.input[cut], target=self.target[cut], items=self.items[cut]) for cut in cuts]


Stacked = tuple[Tensor, Tensor]  # uint8 (B, H, W, C) and what should come of each: uint8 pictures likewise, or int64 (B,) labels


class Source(Protocol):
    """Where batches come from: items drawn by place."""

    def __len__(self) -> int:
        """Items in an epoch."""
        ...

    def prepare(self, indices: Sequence[int]) -> None:
        """These are asked for next, one after the other: what can be done for all of them at once."""
        ...

    def gather(self, places: Sequence[Place]) -> Stacked:
        """Several items at once; an item does not depend on those it is asked for with."""
        ...

    def name(self, index: int) -> str:
        """What a sentence calls an item: the file it comes from."""
        ...


class Pairs:
    """A source that makes one pair after the other: a spoilt and a good picture."""

    def pair(self, epoch: int, index: int) -> tuple[Levels, Levels]:
        """Input and target, uint8 (H, W, C); all pairs have the same sizes."""
        raise NotImplementedError

    def gather(self, places: Sequence[Place]) -> Stacked:
        """See `Source`."""
        return _stack([self.pair(*place) for place in places])

    def name(self, index: int) -> str:
        """See `Source`; its number, where a source knows of no files."""
        return f"item {index}"


@dataclass(frozen=True)
class _Whole(Dataset[tuple[Tensor, Tensor, list[Place]] | Refusal]):
    """Whole batches, by the places of their items."""

    source: Source

    def __getitem__(self, places: list[Place]) -> tuple[Tensor, Tensor, list[Place]] | Refusal:
        """A batch, or why there is none: raised in a worker, the words would come with its traceback."""
        try:
            return *self.source.gather(places), places
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
    batches: int  # in an epoch
    share: tuple[int, int] = (0, 1)  # (rank, ranks): of every batch, this process takes each `ranks`-th place

    def __iter__(self) -> Iterator[list[Place]]:
        epoch, position = self.epoch, self.position
        while True:
            yield from self._epoch(epoch, position)
            epoch, position = epoch + 1, 0

    def _epoch(self, epoch: int, position: int) -> Iterator[list[Place]]:
        order = self.seed.at("order", epoch).permutation(self.count)
        rank, ranks = self.share
        for start in range(position * self.batch, self.batches * self.batch, self.batch):
            yield [(epoch, int(index)) for index in order[start + rank : start + self.batch : ranks]]


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Training batches without end, of `batch` items in all processes together.

    The last, smaller batch of an epoch is left out, and so are the last few that do not make up a step, so every step weighs the same.
    """

    source: Source
    batch: int
    seed: Seed
    accumulate: int = 1  # batches a step
    workers: int = 0
    context: str = "fork"  # how workers start; spawn works as well
    share: tuple[int, int] = (0, 1)  # (rank, ranks): which part of every batch this process takes

    def __post_init__(self) -> None:
        ranks = self.share[1]
        if self.batch % ranks:
            raise Refusal(f"Batches of {self.batch} cannot be shared by {ranks} processes alike: make train.batch a multiple of {ranks}.")
        object.__setattr__(self, "batch", min(self.batch, len(self.source) // ranks * ranks))
        if not self.batch:
            raise Refusal(f"{len(self.source)} picture(s) to learn from are too few for {ranks} process(es): give more, or start fewer.")
        if not self.per_epoch:
            batches = len(self.source) // self.batch
            raise Refusal(
                f"An epoch has {batches} batches of {self.batch}, fewer than the {self.accumulate} that make up a step: "
                "lower train.accumulate, or give more pictures (data.crops_per_picture takes more of each)."
            )

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self.source) // self.batch // self.accumulate * self.accumulate

    def stream(self, epoch: int, position: int) -> Generator[Batch]:
        """Batches from a position on, without end; where it starts costs nothing.  Closing it ends the workers."""
        order = Order(len(self.source), self.batch, self.seed, epoch, position, self.per_epoch, self.share)
        if self.workers == 0:
            for places in order:
                self.source.prepare([index for _, index in places])
                yield finished(*self.source.gather(places), places)
        context = self.context if self.context in multiprocessing.get_all_start_methods() else "spawn"
        cv2.setNumThreads(1)  # before any fork: a child that inherits OpenCV's threads hangs when it changes their number
        loader = DataLoader(
            _Whole(self.source),
            batch_size=None,
            sampler=order,
            num_workers=self.workers,
            multiprocessing_context=context,
            worker_init_fn=_Quiet(context),
            prefetch_factor=AHEAD,
        )
        for made in loader:
            if isinstance(made, Refusal):
                raise made
            yield finished(*made)


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


def finished(inputs: Tensor, targets: Tensor, places: list[Place]) -> Batch:
    """What was gathered, as a batch.  All its items are of one epoch."""
    wanted = batch_to_unit(targets) if targets.dtype == torch.uint8 else targets
    return Batch(batch_to_unit(inputs), wanted, tuple(index for _, index in places), places[0][0])


def _stack(pairs: Sequence[tuple[Levels, Levels]]) -> Stacked:
    inputs, targets = (torch.from_numpy(np.stack(pictures)) for pictures in zip(*pairs, strict=True))
    return inputs, targets


def collate(items: Sequence[tuple[Levels, Levels, int]]) -> Batch:
    """Pairs of uint8 (H, W, C) -> one Batch."""
    return finished(*_stack([(spoilt, good) for spoilt, good, _ in items]), [(0, index) for *_, index in items])
