"""Scores of a segmenter, while it learns and at the end, and masks that a person can look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sfumato.core import files
from sfumato.core.levels import Levels, Mask
from sfumato.core.seed import Seed
from sfumato.metrics import masks as metrics
from sfumato.show import classes as charts
from sfumato.show import masks as drawn
from sfumato.show.sheets import gallery, save_png
from sfumato.tasks.parts.map_scores import Drawn, MapScores, ShowMaps, Worst
from sfumato.tasks.parts.mapped import Scene
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run


class MaskScores(MapScores):
    """Pixel accuracy, mean intersection over union and cross-entropy of the held-out pictures."""

    def __init__(self, count: int, stats: Stats, kept: Sequence[int]):
        super().__init__(stats, kept)
        self.count = count  # classes
        self.matrix: NDArray[np.int64] = np.zeros((count, count), np.int64)

    def take(self, outputs: Tensor, truth: Tensor) -> Mask:
        """See `MapScores`."""
        mask: Mask = outputs.argmax(0).byte().cpu().numpy()
        self.matrix += metrics.confusion(mask, truth.byte().cpu().numpy(), self.count)
        return mask

    def forget(self) -> None:
        """See `MapScores`."""
        self.matrix = np.zeros_like(self.matrix)

    def scores(self) -> dict[str, float]:
        """See `MapScores`."""
        if not self.matrix.any():
            return {}
        return {"pixel_accuracy": metrics.pixel_accuracy(self.matrix), "mean_iou": metrics.mean_iou(self.matrix)}

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {100 * self.now['pixel_accuracy']:.1f} %" if self.now else ""


def over(palette: Levels) -> Drawn:
    """How masks are drawn: in colours over the picture."""
    return lambda picture, mask, truth: drawn.overlay(picture, mask, palette)


class ShowScenes(ShowMaps):
    """The first training batch with its masks, and the key of their colours."""

    def __init__(self, run: Run, names: Sequence[str], palette: Levels):
        super().__init__(run, over(palette), lambda target: target.byte().numpy())
        self.names, self.palette = names, palette

    def before_fit(self, learner: Learner) -> None:
        """The key."""
        path = self.run.instrument("classes-key.png")
        if not path.is_file():
            files.make_folder(path.parent)
            save_png(path, gallery(drawn.key(self.names, self.palette), self.names))


def measured(held: Iterable[Scene], see: Callable[[Levels], Mask], count: int) -> tuple[list[NDArray[np.int64]], Worst]:
    """What was taken for what in each held-out picture, and the pictures in which least is right.  count : classes"""
    matrices, worst = [], Worst()
    for scene in held:
        mask = see(scene.picture)
        matrices.append(metrics.confusion(mask, scene.map, count))
        worst.take(metrics.pixel_accuracy(matrices[-1]), scene, mask)
    return matrices, worst


def judge(run: Run, held: Iterable[Scene], see: Callable[[Levels], Mask], names: Sequence[str], palette: Levels, *, seed: Seed) -> None:
    """Score the masks of held-out pictures: scores.json, and what is better looked at."""
    matrices, worst = measured(held, see, len(names))
    scores = metrics.judged(matrices, names, seed=seed.value)
    scores["pictures"] = [{"name": one.scene.name, "pixel_accuracy": one.right} for one in worst.kept]
    files.write_json(run.scores, scores)
    files.make_folder(run.instruments)
    whole = np.sum(matrices, axis=0)
    percent = np.round(100 * whole / np.maximum(whole.sum(1, keepdims=True), 1)).astype(np.int64)
    files.write_bytes(run.instrument("confusion.png"), charts.confusion(percent, names))
    files.write_bytes(run.instrument("classes.png"), charts.bars(names, np.nan_to_num(metrics.ious(whole)).tolist(), what="IoU"))
    worst.draw(run, "right", over(palette))
