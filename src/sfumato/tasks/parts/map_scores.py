"""Scores of what is told of every pixel, while it is learnt, and held-out pictures with it that a person can look at."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch import Tensor

from sfumato.core import files
from sfumato.core.levels import Levels, batch_to_levels
from sfumato.show.sheets import save_png, sheet
from sfumato.tasks.parts.judged import Judged
from sfumato.tasks.parts.mapped import HeldMaps, Map, Scene
from sfumato.tasks.parts.watch import forget_undone
from sfumato.train.callback import Callback
from sfumato.train.callbacks.stats import Stats
from sfumato.train.learner import Learner
from sfumato.train.run import Run

Drawn = Callable[[Levels, Map, Map], Levels]  # a picture, a map of it, and the true one -> the map as a person looks at it

COLUMNS = ("picture", "seen", "true")


WORST = 12  # pictures


class Seen(NamedTuple):
    """A held-out picture with what was seen in it, and the share of it that is right."""

    right: float
    scene: Scene
    map: Map


@dataclass
class Worst:
    """Of pictures that come one after the other those in which least is right; the others are let go."""

    kept: list[Seen] = field(default_factory=list)

    def take(self, right: float, scene: Scene, seen: Map) -> None:
        """Keep it while few are worse.  One of which nothing is known is not."""
        if not np.isnan(right):
            self.kept = sorted([*self.kept, Seen(right, scene, seen)], key=lambda one: one.right)[:WORST]

    def draw(self, run: Run, called: str, drawn: Drawn) -> None:
        """Into the run folder, with what was seen.  called : what a sentence says of the share that is right."""
        rows: list[list[Levels | None]] = []
        for _, (_, picture, truth), seen in self.kept:
            rows.append([picture, drawn(picture, seen, truth), drawn(picture, truth, truth)])
        words = [f"{one.scene.name}: {one.right:.1%} of its pixels {called}" for one in self.kept]
        files.make_folder(run.instruments)
        save_png(run.instrument("worst.png"), sheet(rows, columns=COLUMNS, labels=words, scale=1))


class MapScores(Judged):
    """What is told of held-out pictures is scored after every phase `valid`; of some it is kept to be shown.

    kept : their numbers.
    """

    def __init__(self, stats: Stats, kept: Sequence[int]):
        super().__init__(stats)
        self.kept = kept
        self.seen: list[Map] = []
        self.lost: list[float] = []

    @abstractmethod
    def take(self, outputs: Tensor, truth: Tensor) -> Map:
        """Compare one picture's outputs (outputs, H, W) with its map (H, W).  -> the map that was seen"""

    @abstractmethod
    def forget(self) -> None:
        """What was compared in the last phase."""

    @abstractmethod
    def scores(self) -> dict[str, float]:
        """Of all that was compared; none where there was nothing."""

    def before_phase(self, learner: Learner) -> None:
        """Forget the last phase."""
        if learner.phase == "valid":
            self.seen, self.lost = [], []
            self.forget()

    def after_forward(self, learner: Learner) -> None:
        """Compare."""
        outcome = learner.outcome
        if learner.phase != "valid" or outcome.outputs is None:
            return
        seen = self.take(outcome.outputs[0].float(), learner.batch.target[0])
        if len(self.lost) in self.kept:
            self.seen.append(seen)
        self.lost.append(outcome.loss.item())

    def after_phase(self, learner: Learner) -> None:
        """Score and write down."""
        if learner.phase == "valid" and (scores := self.scores()):
            self.tell(learner, scores, loss=float(np.mean(self.lost)))


class MapPreviews(Callback):
    """Held-out pictures, always the same, with what is seen in them at every validation; and a sheet of them all.

    They are those whose maps the scores keep.
    """

    follows = (MapScores,)

    def __init__(self, run: Run, held: HeldMaps, scores: MapScores, drawn: Drawn):
        self.run, self.held, self.scores, self.drawn = run, held, scores, drawn

    def before_fit(self, learner: Learner) -> None:
        """The pictures, and what is to be seen in them.  Those of steps that a kill undid go."""
        forget_undone(self.run, learner)
        for place, number in enumerate(self.scores.kept):
            save_png(self.run.previews / f"input-{place:02d}.png", self.held.pictures[number])
            save_png(self.run.previews / f"target-{place:02d}.png", self._drawn(number, self.held.maps[number]))

    def after_phase(self, learner: Learner) -> None:
        """What the network sees now."""
        if learner.phase != "valid" or not self.scores.seen:
            return
        rows: list[list[Levels | None]] = []
        for place, (number, seen) in enumerate(zip(self.scores.kept, self.scores.seen, strict=True)):
            shown = self._drawn(number, seen)
            save_png(self.run.previews / f"{learner.step:07d}-{place:02d}.png", shown)
            rows.append([self.held.pictures[number], shown, self._drawn(number, self.held.maps[number])])
        columns = (COLUMNS[0], f"seen, step {learner.step}", COLUMNS[2])
        names = [self.held.names[number] for number in self.scores.kept]
        save_png(self.run.previews / "sheet.png", np.asarray(sheet(rows, columns=columns, labels=names)))

    def _drawn(self, number: int, seen: Map) -> Levels:
        return self.drawn(self.held.pictures[number], seen, self.held.maps[number])


class ShowMaps(Callback):
    """Draw the first training batch, as the network sees it, with its maps, into the run folder."""

    def __init__(self, run: Run, drawn: Drawn, told: Callable[[Tensor], Map]):
        self.run, self.drawn, self.told = run, drawn, told

    def before_batch(self, learner: Learner) -> None:
        """Once a run."""
        path = self.run.instrument("batch.png")
        if learner.phase == "train" and learner.step == 0 and not path.is_file():
            files.make_folder(path.parent)
            pictures = batch_to_levels(learner.batch.input).cpu().numpy()
            maps = [self.told(one) for one in learner.batch.target.cpu()]
            shown: list[Levels | None] = [self.drawn(picture, one, one) for picture, one in zip(pictures, maps, strict=True)]
            save_png(path, sheet([[*pictures], shown], scale=1))
