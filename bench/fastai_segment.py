"""fastai's unet_learner over ResNet-34 without weights on CamVid, for given minutes, in the peers' environment.

    python bench/fastai_segment.py [--minutes 30] [--seed 1] [--out build/segmentation/fastai-30m-1]

Its own transforms (flips, small rotations, zoom, light), its own loss and one-cycle schedule; a step is timed first, so that the schedule
ends with the time.  The masks of val and test go to --out, as arrays.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import results  # bench is a folder of scripts, not a package
from sfumato.core import files
from sfumato.data.items import Items
from sfumato.data.known import catalogue

BATCH, RATE, VOID = 8, 1e-3, 11
WARM, TIMED = 3, 8  # steps
STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # means and spreads of the channels, those of ImageNet


def loaders(root: Path) -> Any:
    """Frames and masks; of validation none, for what is scored is scored by us.

    fastai normalises by itself only where weights are borrowed, so it is told to, as `masks` does.
    """
    from fastai.vision.all import DataBlock, ImageBlock, MaskBlock, Normalize, aug_transforms, get_image_files

    block = DataBlock(
        blocks=(ImageBlock, MaskBlock(codes=list(range(VOID + 1)))),
        get_items=get_image_files,
        get_y=lambda path: path.parent.parent / "trainannot" / f"{path.stem}.png",
        splitter=lambda items: (list(range(len(items))), [0]),
        batch_tfms=[*aug_transforms(size=(180, 240)), Normalize.from_stats(*STATISTICS)],
    )
    return block.dataloaders(root / "train", bs=BATCH, num_workers=0)


def learner(made: Any) -> Any:
    """Its U-Net, its loss with what is unlabelled left out."""
    from fastai.vision.all import CrossEntropyLossFlat, resnet34, unet_learner

    loss = CrossEntropyLossFlat(axis=1, ignore_index=VOID)
    return unet_learner(made, resnet34, pretrained=False, n_out=VOID, loss_func=loss, normalize=False)


def masks(model: Any, pictures: Items) -> np.ndarray:
    """uint8 (N, 180, 240)"""
    import torch

    from sfumato.core.levels import batch_to_unit

    mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in STATISTICS)
    found = []
    for item in pictures:
        x = (batch_to_unit(torch.from_numpy(item.levels(3)[None].copy())) - mean) / spread
        with torch.inference_mode():
            found.append(model(x).as_subclass(torch.Tensor)[0].argmax(0).byte().numpy())
    return np.stack(found)


def main() -> None:
    """In the peers' environment."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, default=results.ROOT / "build" / "segmentation" / "fastai-30m-1")
    given = options.parse_args()
    results.in_peers()
    import torch
    from fastai.callback.core import Callback, CancelFitException

    class Clock(Callback):
        """When each training step ended, and an end in time."""

        def before_fit(self) -> None:
            self.ends: list[float] = []

        def after_batch(self) -> None:
            if self.training:
                self.ends.append(time.perf_counter())
            if len(self.ends) == WARM + TIMED:
                raise CancelFitException

    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(given.seed)
    root = catalogue.find("camvid")
    assert root is not None, "the data set camvid is not here: set SFUMATO_DATA"
    scored = {part: catalogue.open_scenes("camvid", part=part).pictures for part in ("valid", "test")}  # type: ignore[arg-type]  # they are
    made, clock = loaders(root), Clock()
    seen = made.train.one_batch()[0]
    assert abs(float(seen.mean())) < 1.5 and 0.5 < float(seen.std()) < 2, "frames do not reach the network normalised"
    steps_an_epoch = len(made.train)
    trial = learner(made)
    with trial.no_bar():
        trial.fit_one_cycle(1, RATE, cbs=clock)
    step = statistics.median(after - before for before, after in pairwise(clock.ends[WARM : WARM + TIMED]))
    epochs = max(1, round(given.minutes * 60 / (step * steps_an_epoch)))
    print(f"{1000 * step:.0f} ms a step, so {epochs} epochs in {given.minutes:g} minutes", flush=True)
    torch.manual_seed(given.seed)
    fitted = learner(made)
    begun = time.monotonic()
    with fitted.no_bar():
        fitted.fit_one_cycle(epochs, RATE)
    spent = (time.monotonic() - begun) / 60
    files.make_folder(given.out)
    for part, pictures in scored.items():
        np.savez_compressed(given.out / f"{part}.npz", masks=masks(fitted.model.eval(), pictures))
    files.write_json(given.out / "run.json", {"epochs": epochs, "minutes": spent, "rate": RATE, "versions": results.versions()})
    print(f"{epochs} epochs in {spent:.2f} minutes; masks are in {given.out}")


if __name__ == "__main__":
    main()
