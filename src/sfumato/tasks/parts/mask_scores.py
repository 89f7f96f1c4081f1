"""Scores of a segmenter, while it learns and at the end, and masks that a person can look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.levels import Levels, Mask, batch_to_levels
from sfumato.core.seed import Seed
from sfumato.metrics import masks as metrics
from sfumato.show import classes as charts
from sfumato.show import masks as drawn
from sfumato.show.sheets import gallery, sheet
from sfumato.tasks.parts.judged import Judged
from sfumato.tasks.parts.scenes import HeldScenes
from sfumato.tasks.parts.watch import forget_undone, save_png
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run

WORST = 12  # pictures


class MaskScores(Judged):
    """Pixel accuracy, mean intersection over union and cross-entropy of the held-out pictures, after every phase `valid`."""

    def __init__(self, count: int, stats: Stats, kept: Sequence[int]):
        super().__init__(stats)
        self.count, self.kept = count, kept  # classes; numbers of the pictures whose masks are kept to be shown
        self.seen: list[Mask] = []
        self.lost: list[float] = []
        self.matrix: NDArray[np.int64] = np.zeros((count, count), np.int64)

    def before_phase(self, learner: Learner) -> None:
        """Forget the last phase."""
        if learner.phase == "valid":
            self.seen, self.lost, self.matrix = [], [], np.zeros_like(self.matrix)

    def after_forward(self, learner: Learner) -> None:
        """Count what was taken for what."""
        outcome = learner.outcome
        if learner.phase != "valid" or outcome.outputs is None:
            return
        mask = outcome.outputs[0].argmax(0).byte().cpu().numpy()
        self.matrix += metrics.confusion(mask, learner.batch.target[0].byte().cpu().numpy(), self.count)
        if len(self.lost) in self.kept:
            self.seen.append(mask)
        self.lost.append(outcome.loss.item())

    def after_phase(self, learner: Learner) -> None:
        """Score and write down."""
        if learner.phase == "valid" and self.matrix.any():
            scores = {"pixel_accuracy": metrics.pixel_accuracy(self.matrix), "mean_iou": metrics.mean_iou(self.matrix)}
            self.tell(learner, scores, loss=float(np.mean(self.lost)))

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {100 * self.now['pixel_accuracy']:.1f} %" if self.now else ""


class MaskPreviews(Callback):
    """Held-out pictures, always the same, with what is seen in them at every validation over them; and a sheet of them all.

    They are those whose masks the scores keep.
    """

    follows = (MaskScores,)

    def __init__(self, run: Run, held: HeldScenes, scores: MaskScores, palette: Levels):
        self.run, self.held, self.scores, self.palette, self.chosen = run, held, scores, palette, scores.kept

    def before_fit(self, learner: Learner) -> None:
        """The pictures, and what is to be seen in them.  Those of steps that a kill undid go."""
        forget_undone(self.run, learner)
        for place, number in enumerate(self.chosen):
            save_png(self.run.previews / f"input-{place:02d}.png", self.held.pictures[number])
            save_png(self.run.previews / f"target-{place:02d}.png", self._over(number, self.held.masks[number]))

    def after_phase(self, learner: Learner) -> None:
        """What the network sees now."""
        if learner.phase != "valid" or not self.scores.seen:
            return
        rows: list[list[Levels | None]] = []
        for place, (number, mask) in enumerate(zip(self.chosen, self.scores.seen, strict=True)):
            shown = self._over(number, mask)
            save_png(self.run.previews / f"{learner.step:07d}-{place:02d}.png", shown)
            rows.append([self.held.pictures[number], shown, self._over(number, self.held.masks[number])])
        columns, names = ("picture", f"seen, step {learner.step}", "true"), [self.held.names[number] for number in self.chosen]
        save_png(self.run.previews / "sheet.png", np.asarray(sheet(rows, columns=columns, labels=names)))

    def _over(self, number: int, mask: Mask) -> Levels:
        return drawn.overlay(self.held.pictures[number], mask, self.palette)


class ShowScenes(Callback):
    """Draw the first training batch, as the network sees it, with its masks, into the run folder."""

    def __init__(self, run: Run, names: Sequence[str], palette: Levels):
        self.run, self.names, self.palette = run, names, palette

    def before_batch(self, learner: Learner) -> None:
        """Once a run."""
        path = self.run.instrument("batch.png")
        if learner.phase == "train" and learner.step == 0 and not path.is_file():
            files.make_folder(path.parent)
            pictures = batch_to_levels(learner.batch.input).cpu().numpy()
            masks = learner.batch.target.byte().cpu().numpy()
            over = [drawn.overlay(picture, mask, self.palette) for picture, mask in zip(pictures, masks, strict=True)]
            save_png(path, sheet([[*pictures], over], scale=1))
            save_png(self.run.instrument("classes-key.png"), gallery(drawn.key(self.names, self.palette), self.names))


def judge(run: Run, held: HeldScenes, seen: Sequence[Mask], names: Sequence[str], palette: Levels, *, seed: Seed) -> None:
    """Score the masks of held-out pictures: scores.json, and what is better looked at."""
    matrices = [metrics.confusion(mask, truth, len(names)) for mask, truth in zip(seen, held.masks, strict=True)]
    scores = metrics.judged(matrices, names, seed=seed.value)
    right = np.array([metrics.pixel_accuracy(matrix) for matrix in matrices])
    worst = [int(index) for index in np.argsort(np.nan_to_num(right, nan=1.0), kind="stable")[:WORST]]
    scores["pictures"] = [{"name": held.names[index], "pixel_accuracy": right[index]} for index in worst if np.isfinite(right[index])]
    files.write_json(run.scores, scores)
    files.make_folder(run.instruments)
    whole = np.sum(matrices, axis=0)
    percent = np.round(100 * whole / np.maximum(whole.sum(1, keepdims=True), 1)).astype(np.int64)
    files.write_bytes(run.instrument("confusion.png"), charts.confusion(percent, names))
    files.write_bytes(run.instrument("classes.png"), charts.bars(names, np.nan_to_num(metrics.ious(whole)).tolist(), what="IoU"))
    rows: list[list[Levels | None]] = [
        [held.pictures[index], *(drawn.overlay(held.pictures[index], mask, palette) for mask in (seen[index], held.masks[index]))]
        for index in worst
    ]
    labels = [f"{held.names[index]}: {right[index]:.1%} of its pixels right" for index in worst]
    save_png(run.instrument("worst.png"), sheet(rows, columns=("picture", "seen", "true"), labels=labels, scale=1))
