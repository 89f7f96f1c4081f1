"""Scores of a classifier, while it learns and at the end, with the pictures that tell where it errs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.core import files
from sfumato.core.seed import Seed
from sfumato.data.labelled import Labelled
from sfumato.metrics import classes as metrics
from sfumato.show import classes as drawn
from sfumato.show.sheets import save_png
from sfumato.tasks.parts.judged import Judged
from sfumato.train.callbacks.predictions import Predictions
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run

TOP_LOSSES = 24  # pictures


class ClassScores(Judged):
    """Accuracy and cross-entropy of the answers that `Predictions` kept, after every phase `valid`."""

    follows = (*Judged.follows, Predictions)

    def __init__(self, stats: Stats, answers: Predictions):
        super().__init__(stats)
        self.answers = answers

    def after_phase(self, learner: Learner) -> None:
        """Score and write down."""
        if learner.phase == "valid" and len(self.answers.labels):
            given, labels = self.answers.probabilities, self.answers.labels
            self.tell(learner, {"accuracy": metrics.accuracy(given, labels), "cross_entropy": metrics.cross_entropy(given, labels)})

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {100 * self.now['accuracy']:.2f} %" if self.now else ""


def judge(run: Run, held: Labelled, likely: NDArray[np.float64], *, seed: Seed) -> None:
    """Score probabilities (N, classes) of held-out pictures: scores.json, and what is better looked at."""
    scores = metrics.judged(likely, held.labels, held.classes, seed=seed.value)
    worst = [int(index) for index in np.argsort(likely[np.arange(len(likely)), held.labels], kind="stable")[:TOP_LOSSES]]
    scores["pictures"] = [
        {
            "name": held.name(index),
            "is": held.classes[held.labels[index]],
            "seen_as": held.classes[likely[index].argmax()],
            "probability": float(likely[index].max()),
        }
        for index in worst
    ]
    files.write_json(run.scores, scores)
    matrix = metrics.confusion(likely.argmax(1), held.labels, len(held.classes))
    error, bins = metrics.calibration(likely, held.labels)
    rows = scores["pictures"]
    pictures, shares = [held[index][0] for index in worst], [row["probability"] for row in rows]
    files.make_folder(run.instruments)
    files.write_bytes(run.instrument("confusion.png"), drawn.confusion(matrix, held.classes))
    files.write_bytes(run.instrument("calibration.png"), drawn.reliability(bins, error))
    f1 = [row["f1"] for row in scores["classes"]]
    files.write_bytes(run.instrument("classes.png"), drawn.bars(held.classes, f1, what="F1"))
    truths, answers = ([row[which] for row in rows] for which in ("is", "seen_as"))
    save_png(run.instrument("top-losses.png"), drawn.top_losses(pictures, truths, answers, shares))
