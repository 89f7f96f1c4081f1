"""fastai's side of the comparisons, written as its users write it.  Imports fastai at once: see results.in_peers."""

from __future__ import annotations

import fastai.callback.progress  # it gives Learner its no_bar
import fastai.callback.schedule  # noqa: F401  # and this its fit_one_cycle and lr_find
import numpy as np
import torch
from fastai.data.core import DataLoaders, TfmdLists
from fastai.data.transforms import get_image_files
from fastai.learner import Learner
from fastai.losses import MSELossFlat
from fastai.vision.augment import IntToFloatTensor
from fastai.vision.core import PILImage, TensorImage
from fastai.vision.learner import create_unet_model
from fasttransform import Transform
from torch.utils.data import get_worker_info
from torchvision.models import resnet34

import results
from sfumato.core.levels import Levels
from sfumato.spoil import grammar

CPU = torch.device("cpu")


class Crappify(Transform):
    """A file -> a spoilt and a good crop: open, crop, flip, spoil.  The chain is ours, called as a plain function on the crop."""

    def __init__(self, chain: str, crop: int) -> None:
        super().__init__()
        self.chain, self.crop = grammar.parse(chain), crop
        self.draws: dict[int, np.random.Generator] = {}

    def encodes(self, path):  # type: ignore[no-untyped-def]  # a type here would choose which items are spoilt
        """uint8 (3, crop, crop) twice"""
        rng = self.rng()
        picture = np.asarray(PILImage.create(path))
        top, left = (int(rng.integers(0, side - self.crop + 1)) for side in picture.shape[:2])
        good = picture[top : top + self.crop, left : left + self.crop]
        good = np.ascontiguousarray(good[:, ::-1] if rng.random() < 0.5 else good)
        return _image(self.chain(good, rng)), _image(good)

    def rng(self) -> np.random.Generator:
        """Each worker process of each epoch has its own, so that no two draw the same."""
        worker = get_worker_info()
        seed = worker.seed if worker else 0
        if seed not in self.draws:
            self.draws = {seed: np.random.default_rng(seed)}
        return self.draws[seed]


def _image(picture: Levels) -> TensorImage:
    return TensorImage(torch.from_numpy(picture.copy()).permute(2, 0, 1))


def loaders(*, chain: str, crop: int, batch: int, pairs: int, workers: int) -> DataLoaders:
    """Its loaders over bsds/train, each photograph as often as makes an epoch of `pairs`; for validation one batch."""
    photographs = sorted(get_image_files(results.unpacked() / "bsds" / "train"))
    repeated = (photographs * (pairs // len(photographs) + 1))[:pairs]
    lists = TfmdLists(repeated, Crappify(chain, crop), splits=[range(pairs), range(batch)])
    return lists.dataloaders(bs=batch, after_batch=[IntToFloatTensor], num_workers=workers, device=CPU)


def learner(made: DataLoaders, *, crop: int) -> Learner:
    """Its U-Net without pretrained weights on the body its lessons use, MSE, its default optimiser."""
    network = create_unet_model(resnet34, n_out=3, img_size=(crop, crop), pretrained=False, blur=True)
    return Learner(made, network, loss_func=MSELossFlat())
