"""fastai's own recipe on the same task, run in the peers' environment: its U-Net without pretrained weights, MSE, its loaders, its learner.

    .venv-peers/bin/python bench/fastai_restore.py [--minutes 15] [--out build/bench/fastai]

The same spoiling (our chain, called as a plain function on a 96 px crop), the same pictures, the same minutes and threads.
The number of steps is measured first, so that its one-cycle schedule ends with the time.  Repaired reference pictures go to --out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import fastai.callback.schedule  # noqa: F401  # it gives Learner its fit_one_cycle
import numpy as np
import torch
from fastai.data.core import TfmdLists
from fastai.data.transforms import get_image_files
from fastai.learner import Learner
from fastai.losses import MSELossFlat
from fastai.vision.augment import IntToFloatTensor
from fastai.vision.core import PILImage, TensorImage
from fastai.vision.learner import create_unet_model
from fasttransform import Transform
from PIL import Image
from torchvision.models import resnet34

sys.path.insert(0, str(Path(__file__).parent))

import reference  # bench is a folder of scripts, not a package
import results
from restore_bsds import CHAIN
from sfumato.core import files
from sfumato.core.levels import batch_to_levels
from sfumato.spoil import grammar

CROP, BATCH, RATE = 96, 16, 1e-3
SETS = ("bsds", "set14", "set5")


class Crappify(Transform):
    """A file -> a spoilt and a good crop, as fastai's users write it: open, crop, flip, spoil."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = grammar.parse(CHAIN)
        self.rng = np.random.default_rng(0)

    def encodes(self, path: Path):  # type: ignore[no-untyped-def]  # a return type would be taken for a cast
        """uint8 (3, 96, 96) twice"""
        picture = np.asarray(PILImage.create(path))
        top, left = (int(self.rng.integers(0, side - CROP + 1)) for side in picture.shape[:2])
        good = picture[top : top + CROP, left : left + CROP]
        good = np.ascontiguousarray(good[:, ::-1] if self.rng.random() < 0.5 else good)
        return _image(self.chain(good, self.rng)), _image(good)


def _image(picture: np.ndarray) -> TensorImage:
    return TensorImage(torch.from_numpy(picture.copy()).permute(2, 0, 1))


def learner(steps: int, workers: int = 0) -> Learner:
    """A learner whose one epoch has `steps` steps."""
    photographs = sorted(get_image_files(results.unpacked() / "bsds" / "train"))
    repeated = (photographs * (steps * BATCH // len(photographs) + 1))[: steps * BATCH]
    lists = TfmdLists(repeated, Crappify(), splits=[range(len(repeated)), range(BATCH)])
    loaders = lists.dataloaders(bs=BATCH, after_batch=[IntToFloatTensor], num_workers=workers, device=torch.device("cpu"))
    network = create_unet_model(resnet34, n_out=3, img_size=(CROP, CROP), pretrained=False, blur=True, y_range=(0, 1))
    return Learner(loaders, network, loss_func=MSELossFlat())


def main() -> None:
    """Measure a step, train for the minutes, repair the reference pictures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "bench" / "fastai")
    given = options.parse_args()
    trial = learner(12)
    trial.fit_one_cycle(1, RATE)  # warm
    begun = time.monotonic()
    trial.fit_one_cycle(1, RATE)
    per_step = (time.monotonic() - begun) / 13  # twelve of training and one of validation
    steps = max(1, int(given.minutes * 60 / per_step))
    print(f"{per_step * 1000:.0f} ms a step, so {steps} steps in {given.minutes} minutes", flush=True)
    begun = time.monotonic()
    fitted = learner(steps)
    fitted.fit_one_cycle(1, RATE)
    minutes = (time.monotonic() - begun) / 60
    _repair(fitted.model.eval(), given.out)
    parameters = sum(parameter.numel() for parameter in fitted.model.parameters())
    files.write_json(given.out / "run.json", {"steps": steps, "minutes": minutes, "parameters": parameters, "versions": results.versions()})
    print(json.dumps({"steps": steps, "minutes": round(minutes, 2)}))


def _repair(network: torch.nn.Module, out: Path) -> None:
    for kind in SETS:
        (out / kind).mkdir(parents=True, exist_ok=True)
        for pair in reference.load(kind):
            x = torch.from_numpy(pair.spoilt.copy()).permute(2, 0, 1)[None].float() / torch.iinfo(torch.uint8).max
            with torch.inference_mode():
                y = network(x).as_subclass(torch.Tensor)
            Image.fromarray(batch_to_levels(y)[0].numpy()).save(out / kind / f"{pair.name}.png")


if __name__ == "__main__":
    main()
