"""fastai's side of the comparisons of classifiers, written as its users write it.  Imports fastai at once: see results.in_peers."""

from __future__ import annotations

from pathlib import Path

import fastai.callback.progress  # noqa: F401  # it gives Learner its no_bar
import numpy as np
import torch
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import IndexSplitter, Normalize, get_image_files, parent_label
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from fastai.vision.augment import CropPad, RandomCrop
from fastai.vision.core import PILImage, PILImageBW
from fastai.vision.data import ImageBlock
from torch import nn
from torch.utils.data import Dataset

CPU = torch.device("cpu")


def from_files(
    folder: Path, *, side: int, pad: int, batch: int, workers: int, grey: bool, mean: tuple[float, ...], spread: tuple[float, ...]
) -> DataLoaders:
    """Pictures in one folder a class: padded, cropped at random, normalised; all but one batch to train on."""
    block = DataBlock(
        blocks=(ImageBlock(PILImageBW if grey else PILImage), CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=IndexSplitter(range(batch)),
        item_tfms=[CropPad(side + 2 * pad), RandomCrop(side)],
        batch_tfms=[Normalize.from_stats(mean, spread, cuda=False)],
    )
    return block.dataloaders(folder, bs=batch, num_workers=workers, device=CPU)


class InMemory(Dataset):
    """Pictures of an array, padded and cropped at random, as tensors.  Both the plain loop and fastai's learner are fed from it."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, pad: int) -> None:
        self.pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
        self.labels = torch.from_numpy(labels)
        self.pad, self.side = pad, pictures.shape[1]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """float32 (C, side, side) in 0..1, and its label"""
        padded = nn.functional.pad(self.pictures[index], (self.pad,) * 4)
        top, left = torch.randint(0, 2 * self.pad + 1, (2,)).tolist()
        return padded[:, top : top + self.side, left : left + self.side].float().div_(255), self.labels[index]


def from_memory(pictures: np.ndarray, labels: np.ndarray, *, pad: int, batch: int, workers: int) -> DataLoaders:
    """Its loaders over what is decoded already."""
    train, held = InMemory(pictures, labels, pad), InMemory(pictures[:batch], labels[:batch], 0)
    return DataLoaders.from_dsets(train, held, bs=batch, num_workers=workers, device=CPU)


def learner(made: DataLoaders, network: nn.Module, rate: float) -> Learner:
    """Its learner with torch's own AdamW, so that all sides take the same step."""

    def optimiser(parameters: object, lr: float, **_: object) -> OptimWrapper:
        return OptimWrapper(parameters, torch.optim.AdamW, lr=lr, fused=True)

    return Learner(made, network, loss_func=CrossEntropyLossFlat(), opt_func=optimiser, lr=rate)
