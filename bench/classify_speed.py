"""The data path and a whole epoch of a classifier, beside fastai and beside a plain torch loop.

    python bench/classify_speed.py [--pairs 7]

Runs in the peers' environment.  Data path: flowers-64 (JPEG, 64 px) in batches of 64, padded by 4, cropped at random, normalised.  From
JPEG both sides begin with the folder, and of ours nothing is kept from before; from the store, ours has been opened and fastai's loaders
have been made.  Epoch: the ResNet of 41,132 numbers on MNIST, batches of 128, padded by 3 and cropped, AdamW, float32, two threads, the
same network on all sides.  Ours is the Learner as `train mnist-resnet` makes it, with average, scores, states and bar, to the end of its
epoch; the pictures it draws of what happened inside come once a training and are told beside it.  fastai's has its own defaults and no
bar; the plain loop has torch's own loader.  Loaders of the others run with 0 and with 2 workers, and the quicker one counts.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.core.system import memory, threads

threads.wait_shortly()  # before torch is loaded, as the command line does

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from sfumato.core import (  # noqa: E402
    builtin,
    progress,
    recipe,
)
from sfumato.data import items, labelling, packed  # noqa: E402
from sfumato.data.known import catalogue  # noqa: E402
from sfumato.tasks import classify  # noqa: E402
from sfumato.tasks.classify import ClassifyTask  # noqa: E402
from sfumato.tasks.classify_recipe import Classify  # noqa: E402
from sfumato.train import tune  # noqa: E402
from sfumato.train.callback import Callback  # noqa: E402
from sfumato.train.callbacks.stats import Stats  # noqa: E402
from sfumato.train.learner import Learner  # noqa: E402
from sfumato.train.run import Run  # noqa: E402

RATE, DIGITS = 5e-3, 12_800  # of which JPEGs are made: an epoch of 100 steps


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def epoch_of(task: ClassifyTask) -> None:
    """Its batches, augmented."""
    for batch in itertools.islice(task.batches.stream(0, 0), task.batches.per_epoch):
        task.change(batch)


def flowers_ours(folder: Path, cache: Path) -> float:
    """Seconds of an epoch of batches from the folder, with nothing kept."""
    shutil.rmtree(cache, ignore_errors=True)
    return seconds(lambda: epoch_of(_flowers(folder, cache)))


def _flowers(folder: Path, cache: Path) -> ClassifyTask:
    labelled = labelling.by_parent(items.from_folder(folder))
    train, _ = packed.pack(labelled, side=None, channels=3, cache=cache)
    made = recipe.read(Classify, {}, ["augment.chain=pad-crop 4", "train.batch=64", "train.tune=false"])
    task = classify.build(made)
    task.__dict__["split"] = classify.Split(train, train.subset(slice(0, 64)), "the first batch")
    return task


class Clock(Callback):
    """When the last epoch was done."""

    follows = (Callback,)

    def after_epoch(self, learner: Learner) -> None:
        """See `Callback`."""
        self.stopped = time.perf_counter()


class Clocked(ClassifyTask):
    """The task, with a clock."""

    @cached_property
    def clock(self) -> Clock:
        """It comes after all others."""
        return Clock()

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """See `Job`."""
        return [*super().watching(run, stats), self.clock]


class Epoch:
    """One epoch of the ResNet on digits, from what is decoded already."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        self.pictures, self.labels = pictures, labels
        changes = ["train.tune=false", "train.epochs=1", "optimiser.kind=adamw", f"optimiser.rate={RATE}"]
        self.task = classify.build(recipe.read(Classify, builtin.find("mnist-resnet"), changes))
        whole = catalogue.open_set("mnist", part="train")
        part = type(whole)(pictures, labels, whole.classes)
        self.task.__dict__["split"] = classify.Split(part, part.subset(slice(0, 128)), "the first batch")
        self.start = copy.deepcopy(self.task.network)
        self.drawing: list[float] = []  # s after the epoch

    def ours(self) -> float:
        """The Learner with everything `train` gives it."""
        task = Clocked(self.task.recipe)
        task.__dict__["split"] = self.task.split
        with tempfile.TemporaryDirectory() as place:
            learner = task.learner(tune.chosen("float32", ""), Run(Path(place)))
            begun = time.perf_counter()
            learner.fit()
            self.drawing.append(time.perf_counter() - task.clock.stopped)
            return task.clock.stopped - begun

    def plain(self, workers: int) -> float:
        """Forward, backward, step, and nothing else."""
        from fastai_classify import InMemory

        network = copy.deepcopy(self.start).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, fused=True)
        loader = torch.utils.data.DataLoader(
            InMemory(self.pictures, self.labels, 3), batch_size=128, shuffle=True, drop_last=True, num_workers=workers
        )

        def epoch() -> None:
            for batch, labels in loader:
                torch.nn.functional.cross_entropy(network(batch.contiguous(memory_format=torch.channels_last)), labels).backward()
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)

        return seconds(epoch)

    def fastai(self, workers: int) -> float:
        """Its learner, from memory."""
        import fastai_classify

        made = fastai_classify.from_memory(self.pictures, self.labels, pad=3, batch=128, workers=workers)
        return self._fitted(made)

    def fastai_files(self, folder: Path, workers: int) -> float:
        """Its learner, from JPEG."""
        import fastai_classify

        mean, spread = self.task.statistics
        made = fastai_classify.from_files(folder, side=28, pad=3, batch=128, workers=workers, grey=True, mean=mean, spread=spread)
        return self._fitted(made)

    def _fitted(self, made: Any) -> float:
        import fastai_classify

        learner = fastai_classify.learner(made, copy.deepcopy(self.start), RATE)
        with learner.no_bar(), learner.no_logging():
            return seconds(lambda: learner.fit(1))


def digits_as_jpeg(folder: Path, pictures: np.ndarray, labels: np.ndarray) -> None:
    """One folder a class."""
    for number, (picture, label) in enumerate(zip(pictures, labels)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(place / f"{number}.jpg", quality=95)


def quicker(act: Callable[[int], float]) -> int:
    """Workers with which it takes less time, of 0 and 2."""
    return min((0, 2), key=act)


def bar(what: str, needed: float, theirs: Callable[[], float], ours: Callable[[], float], pairs: int) -> Bar:
    """How many times as fast ours is."""
    middle, ratios, _ = results.paired(theirs, ours, pairs)
    print(what, round(middle, 3), [round(one, 3) for one in ratios], flush=True)
    return Bar(
        what=what,
        needed=f"at least {needed:g}x",
        measured=round(middle, 3),
        spread=[round(ratios[0], 3), round(ratios[-1], 3)],
        holds=middle >= needed,
    )


def main() -> None:
    """Print and write bench/results/classify_speed.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    pairs = options.parse_args().pairs
    results.in_peers()
    import fastai_classify

    torch.set_num_threads(2)
    memory.keep_freed()
    progress.set_quiet(True)
    flowers = results.unpacked() / "flowers-64"
    whole = catalogue.open_set("mnist", part="train")
    pictures, labels = np.asarray(whole.pictures), whole.labels
    bars = []
    with tempfile.TemporaryDirectory() as place:
        cache, jpegs = Path(place) / "cache", Path(place) / "digits"
        flowers_ours(flowers, cache)
        opened = _flowers(flowers, cache)
        mean, spread = opened.statistics

        def made(workers: int) -> Any:
            return fastai_classify.from_files(flowers, side=64, pad=4, batch=64, workers=workers, grey=False, mean=mean, spread=spread)

        def theirs(loaders: Any) -> None:
            for _ in loaders.train:
                pass

        workers = quicker(lambda count: seconds(lambda: theirs(made(count))))
        what = f"an epoch of batches of flowers-64, over fastai's from JPEG ({workers} workers)"
        from_folder = (lambda: seconds(lambda: theirs(made(workers))), lambda: flowers_ours(flowers, cache))
        bars.append(bar(f"{what}: ours from JPEG", 1.5, *from_folder, pairs))
        loaders = made(workers)
        ready = (lambda: seconds(lambda: theirs(loaders)), lambda: seconds(lambda: epoch_of(opened)))
        bars.append(bar(f"{what}: ours from the store", 10, *ready, pairs))
        epoch = Epoch(pictures, labels)
        epoch.ours()
        workers = quicker(epoch.fastai)
        what = "an epoch of the MNIST ResNet from memory"
        bars.append(bar(f"{what}, over fastai's ({workers} workers)", 1.05, lambda: epoch.fastai(workers), epoch.ours, pairs))
        workers = quicker(epoch.plain)
        bars.append(bar(f"{what}, over a plain torch loop's ({workers} workers)", 0.97, lambda: epoch.plain(workers), epoch.ours, pairs))
        digits_as_jpeg(jpegs, pictures[:DIGITS], labels[:DIGITS])
        few = Epoch(pictures[:DIGITS], labels[:DIGITS])
        workers = quicker(lambda count: few.fastai_files(jpegs, count))
        what = f"an epoch of the MNIST ResNet on {DIGITS:,} digits, ours warm, over fastai's from JPEG ({workers} workers)"
        bars.append(bar(what, 2, lambda: few.fastai_files(jpegs, workers), few.ours, pairs))
    after = round(statistics.median(epoch.drawing), 2)
    results.write("classify_speed", bars, threads=torch.get_num_threads(), seconds_after_the_last_epoch=after)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
