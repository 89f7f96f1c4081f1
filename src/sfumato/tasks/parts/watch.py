"""Callbacks that look at pictures: scores of held-out ones, previews, and the best and last model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from sfumato.core import files
from sfumato.core.levels import Levels, batch_to_levels, to_unit
from sfumato.metrics.pictures import psnr_rgb, ssim_rgb
from sfumato.show.sheets import sheet
from sfumato.tasks.parts.pairs import HeldOut
from sfumato.train.callback import Callback
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run


class Scores(Callback):
    """PSNR and SSIM of the held-out pictures, as they would be written to disk, after every phase `valid`."""

    follows = (WeightAverage,)

    def __init__(self, held: HeldOut, stats: Stats):
        self.held, self.stats = held, stats
        self.restored: list[Levels] = []
        self.now: dict[str, float] = {}
        self.first: dict[str, float] = {}  # before the first step: for a network that starts as the identity, the input's

    def before_phase(self, learner: Learner) -> None:
        """Forget the last phase."""
        if learner.phase == "valid":
            self.restored = []

    def after_forward(self, learner: Learner) -> None:
        """Keep what came out, rounded as a file would be."""
        if learner.phase == "valid" and learner.outcome.outputs is not None:
            self.restored.append(batch_to_levels(learner.outcome.outputs)[0].cpu().numpy())

    def after_phase(self, learner: Learner) -> None:
        """Score and write down."""
        if learner.phase != "valid" or not self.restored:
            return
        pairs = [(to_unit(out), to_unit(good)) for out, good in zip(self.restored, self.held.targets, strict=True)]
        self.now = {
            "psnr_rgb": float(np.mean([psnr_rgb(out, good) for out, good in pairs])),
            "ssim_rgb": float(np.mean([ssim_rgb(out, good) for out, good in pairs])),
        }
        self.first = self.first or self.now
        self.stats.add(learner, "valid", scores=self.now)

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {self.now['psnr_rgb']:.2f} dB" if self.now else ""

    def state(self) -> dict[str, dict[str, float]]:
        """The scores so far."""
        return {"now": self.now, "first": self.first}

    def load_state(self, state: dict[str, dict[str, float]]) -> None:
        """Take up what `state` gave."""
        self.now, self.first = state["now"], state["first"]


class Previews(Callback):
    """Held-out pictures, always the same, repaired at every validation and kept as PNG, and one sheet of them all."""

    follows = (Scores,)

    def __init__(self, run: Run, held: HeldOut, scores: Scores, *, count: int):
        self.run, self.held, self.scores, self.count = run, held, scores, min(count, len(held))

    def before_fit(self, learner: Learner) -> None:
        """What they look like spoilt and good.  Those of steps that a kill undid go."""
        for path in self.run.previews.glob("*.png"):
            step = path.stem.partition("-")[0]
            if step.isdigit() and int(step) > learner.begins_at:
                path.unlink(missing_ok=True)
        for index in range(self.count):
            save_png(self.run.previews / f"input-{index:02d}.png", self.held.inputs[index])
            save_png(self.run.previews / f"target-{index:02d}.png", self.held.targets[index])

    def after_phase(self, learner: Learner) -> None:
        """What the network makes of them now."""
        if learner.phase != "valid":
            return
        for index in range(min(self.count, len(self.scores.restored))):
            save_png(self.run.previews / f"{learner.step:07d}-{index:02d}.png", self.scores.restored[index])
        if self.count:
            rows: list[list[Levels | None]] = [
                [self.held.inputs[index], self.scores.restored[index], self.held.targets[index]] for index in range(self.count)
            ]
            save_png(
                self.run.previews / "sheet.png",
                np.asarray(sheet(rows, columns=("spoilt", f"repaired, step {learner.step}", "good"), labels=self.held.names[: self.count])),
            )


class SaveModels(Callback):
    """best.safetensors whenever the held-out score is the best so far (before the first step too), last.safetensors at every validation."""

    follows = (Scores,)

    def __init__(self, run: Run, scores: Scores, save: Callable[[Path, nn.Module, dict[str, float], int], None]):
        self.run, self.scores, self.save = run, scores, save
        self.best = float("-inf")

    def after_phase(self, learner: Learner) -> None:
        """Save what is shown: the averaged weights."""
        if learner.phase != "valid":
            return
        self.save(self.run.last, learner.shown, self.scores.now, learner.step)
        score = self.scores.now.get("psnr_rgb", 0.0)
        if score > self.best or not self.scores.now:
            self.best = score
            self.save(self.run.best, learner.shown, self.scores.now, learner.step)

    def state(self) -> dict[str, float]:
        """The best score so far."""
        return {"best": self.best}

    def load_state(self, state: dict[str, float]) -> None:
        """Take up what `state` gave."""
        self.best = state["best"]


def save_png(path: Path, picture: Levels) -> None:
    """uint8 (H, W, 1 or 3) -> a PNG, at once or not at all."""
    with files.replacing(path) as aside:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(aside, format="PNG")
