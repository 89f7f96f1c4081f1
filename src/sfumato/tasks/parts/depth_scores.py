"""Pictures with depth: where a recipe's come from, what is made small, scores of it, and maps that a person can look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data import depths, items
from sfumato.data.bad import left_out
from sfumato.data.batches import Batch
from sfumato.data.depths import Depths, Metres
from sfumato.data.items import Items
from sfumato.data.leaves import dead_leaves
from sfumato.losses.depths import scale_invariant
from sfumato.metrics import depths as metrics
from sfumato.show import depths as drawn
from sfumato.tasks.parts import mapped
from sfumato.tasks.parts.map_scores import MapScores, Worst
from sfumato.tasks.parts.mapped import Map, Scene, Split, spread
from sfumato.tasks.parts.sections import Deep
from sfumato.tasks.parts.sources import LEAF_SIDE
from sfumato.train.callbacks.stats import Stats
from sfumato.train.objective import Outcome
from sfumato.train.run import Run

LOOKED_AT = 64  # maps, from which the middle depth is taken,
PIXELS = 1 << 16  # and pixels of each, about
CONSTANT = "constant"  # the way in which every pixel of every picture is equally far


def gather(data: Deep, seed: Seed) -> Split[Depths]:
    """Find, match, split."""
    if data.folders:
        pictures = Items(tuple(item for folder in data.folders for item in items.from_folder(Path(folder))))
        matched = depths.from_folders(pictures, items.from_folder(Path(data.depths)), data.unit)
    else:
        matched = depths.leaves(dead_leaves.items(data.leaves, LEAF_SIDE, seed.number("dead-leaves")))
    return Split(*matched.split(data.valid), f"{data.valid:.0%} by hash")


def held_out(found: Depths) -> Iterator[Scene]:
    """One after the other, but for those that `knowing` leaves out."""
    return knowing(mapped.scenes(found))


def knowing(found: Iterable[Scene], called: str = "held-out depth maps") -> Iterator[Scene]:
    """All but those whose map knows no pixel's depth, which are counted in a sentence.  Refuses none that knows any.

    called : what a sentence calls them.
    """
    count = known = 0
    for scene in found:
        count += 1
        if scene.map.any():
            known += 1
            yield scene
    if count and not known:
        raise Refusal(f"None of the {count} {called} knows any pixel's depth: 0 stands for unknown. Give other maps.")
    if known < count:
        say(f"{count - known} of {count} {called} know no pixel's depth, and are left out")


def middle(train: Depths) -> float:
    """The middle of the logarithms of known depths, in metres: of at most 64 maps, and of pixels in each, evenly chosen."""
    makers = (partial(train.map, number) for number in spread(len(train), LOOKED_AT))
    found = [np.zeros(0, np.float32)]
    for metres in left_out(makers, "what is looked at before"):
        apart = max(1, math.isqrt(metres.size // PIXELS))
        found.append(metres[::apart, ::apart].ravel())
    known = np.concatenate([one[one > 0] for one in found])
    return float(np.median(np.log(known))) if known.size else 0.0


@dataclass(frozen=True)
class Ranging:
    """Squared differences of logarithms, of which a factor for a whole picture is partly forgiven.

    middle : logarithm of the depth of which the network gives the difference.
    """

    middle: float
    forgiven: float

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """The target is metres, 0 where they are unknown."""
        outputs: Tensor = network(batch.input)
        known = batch.target > 0
        truth = batch.target.clamp_min(1e-6).log() - self.middle
        loss = scale_invariant(outputs[:, 0], truth, known, forgiven=self.forgiven)
        return Outcome(loss, {"scale_invariant": loss.detach()}, outputs)


class DepthScores(MapScores):
    """Share of pixels within a factor of 1.25, and relative distance, of the held-out pictures."""

    def __init__(self, middle: float, stats: Stats, kept: Sequence[int]):
        super().__init__(stats, kept)
        self.middle = middle
        self.measured: list[dict[str, float]] = []

    def take(self, outputs: Tensor, truth: Tensor) -> Map:
        """See `MapScores`."""
        metres: Metres = (outputs[0] + self.middle).exp().cpu().numpy()
        self.measured.append(metrics.measured(metres, truth.cpu().numpy()))
        return metres

    def forget(self) -> None:
        """See `MapScores`."""
        self.measured = []

    def scores(self) -> dict[str, float]:
        """See `MapScores`."""
        return {name: float(np.mean([one[name] for one in self.measured])) for name in metrics.PROTOCOLS} if self.measured else {}

    def words(self) -> str:
        """A few words for the progress bar."""
        return f"held-out {100 * self.now['delta1']:.1f} % within {metrics.NEAR}" if self.now else ""


def over(picture: Levels, seen: Map, truth: Map) -> Levels:
    """How depths are drawn: in colours that are those of the true map."""
    return drawn.coloured(seen, drawn.limits(truth))


def compared(held: Iterable[Scene], see: Callable[[Levels], Metres], constant: float, *, seed: Seed) -> tuple[dict[str, object], Worst]:
    """Scores of what is seen beside one depth for everything, and the pictures in which least is right.  constant : metres"""
    names, plain, found, worst = [], [], [], Worst()
    for scene in held:
        seen = see(scene.picture)
        names.append(scene.name)
        plain.append(metrics.measured(np.full_like(scene.map, constant), scene.map))
        found.append(metrics.measured(seen, scene.map))
        worst.take(found[-1]["delta1"], scene, seen)
    return metrics.judged({CONSTANT: plain, "network": found}, names, seed=seed.value), worst


def judge(run: Run, held: Iterable[Scene], see: Callable[[Levels], Metres], constant: float, *, seed: Seed) -> None:
    """Score the depths of held-out pictures: scores.json, and what is better looked at."""
    scores, worst = compared(held, see, constant, seed=seed)
    files.write_json(run.scores, scores)
    worst.draw(run, f"within a factor of {metrics.NEAR}", over)
