"""Callbacks that look at repaired pictures: scores of held-out ones, and previews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sfumato.core.levels import Levels, batch_to_levels, to_unit
from sfumato.metrics.pictures import psnr_rgb, ssim_rgb
from sfumato.show.sheets import save_png, sheet
from sfumato.tasks.parts.judged import Judged
from sfumato.tasks.parts.pairs import HeldOut
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run


class Scores(Judged):
    """PSNR and SSIM of the held-out pictures, as they would be written to disk, after every phase `valid`."""

    def __init__(self, held: HeldOut, stats: Stats):
        super().__init__(stats)
        self.held = held
        self.restored: list[Levels] = []
        self.lost: list[dict[str, float]] = []  # the loss and its parts, picture by picture
        self.loss = float("inf")  # their mean

    def before_phase(self, learner: Learner) -> None:
        """Forget the last phase."""
        if learner.phase == "valid":
            self.restored, self.lost = [], []

    def after_forward(self, learner: Learner) -> None:
        """Keep what came out, rounded as a file would be."""
        outcome = learner.outcome
        if learner.phase == "valid" and outcome.outputs is not None:
            self.restored.append(batch_to_levels(outcome.outputs)[0].cpu().numpy())
            self.lost.append({name: value.item() for name, value in {"loss": outcome.loss, **outcome.parts}.items()})

    def after_phase(self, learner: Learner) -> None:
        """Score and write down."""
        if learner.phase != "valid" or not self.restored:
            return
        pairs = [(to_unit(out), to_unit(good)) for out, good in zip(self.restored, self.held.targets, strict=True)]
        means = _means(self.lost)
        self.loss = means["loss"]
        self.tell(
            learner,
            {
                "psnr_rgb": float(np.mean([psnr_rgb(out, good) for out, good in pairs])),
                "ssim_rgb": float(np.mean([ssim_rgb(out, good) for out, good in pairs])),
            },
            **means,
        )

    def beside(self) -> tuple[Sequence[Levels], Sequence[Levels]]:
        """What was made of the held-out pictures, and what they should be."""
        return self.restored, self.held.targets

    def rank(self, by: str) -> float:
        """By "loss" too, of which less is better."""
        return -self.loss if by == "loss" else super().rank(by)

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {self.now['psnr_rgb']:.2f} dB" if self.now else ""


def _means(lost: list[dict[str, float]]) -> dict[str, Any]:
    """The held-out loss and its parts."""
    means = {name: float(np.mean([one[name] for one in lost])) for name in lost[0]}
    return {"loss": means.pop("loss"), "parts": means}


class Previews(Callback):
    """Held-out pictures, always the same, repaired at every validation and kept as PNG, and one sheet of them all."""

    follows = (Scores,)

    def __init__(self, run: Run, held: HeldOut, scores: Scores, *, count: int):
        self.run, self.held, self.scores, self.count = run, held, scores, min(count, len(held))

    def before_fit(self, learner: Learner) -> None:
        """What they look like spoilt and good.  Those of steps that a kill undid go."""
        forget_undone(self.run, learner)
        for index in range(self.count):
            save_png(self.run.previews / f"input-{index:02d}.png", self.held.inputs[index])
            save_png(self.run.previews / f"target-{index:02d}.png", self.held.targets[index])

    def after_phase(self, learner: Learner) -> None:
        """What the network makes of them now."""
        if learner.phase != "valid":
            return
        if self.count:
            draw(self.run, self.held, self.scores.restored[: self.count], learner.step)


def draw(run: Run, held: HeldOut, repaired: Sequence[Levels], step: int) -> None:
    """Keep what came of the first held-out pictures, each by itself and all on a sheet."""
    rows: list[list[Levels | None]] = []
    for index, made in enumerate(repaired):
        save_png(run.previews / f"{step:07d}-{index:02d}.png", made)
        rows.append([held.inputs[index], made, held.targets[index]])
    titles = ("spoilt", f"repaired, step {step}", "good")
    save_png(run.previews / "sheet.png", np.asarray(sheet(rows, columns=titles, labels=held.names[: len(rows)])))


def forget_undone(run: Run, learner: Learner) -> None:
    """Remove previews of steps that a kill undid."""
    for path in run.previews.glob("*.png"):
        step = path.stem.partition("-")[0]
        if step.isdigit() and int(step) > learner.begins_at:
            path.unlink(missing_ok=True)
