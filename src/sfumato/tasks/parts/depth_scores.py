"""Pictures with depth: where a recipe's come from, what is made small, scores of it, and maps that a person can look at."""

from __future__ import annotations

from collections.abc import Sequence
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
from sfumato.tasks.parts.map_scores import MapScores, draw_worst, spread
from sfumato.tasks.parts.mapped import HeldMaps, Map
from sfumato.tasks.parts.sections import Deep
from sfumato.tasks.parts.sources import LEAF_SIDE
from sfumato.train.callbacks.stats import Stats
from sfumato.train.objective import Outcome
from sfumato.train.run import Run

WORST = 12  # pictures
LOOKED_AT = 64  # maps, from which the middle depth is taken
CONSTANT = "constant"  # the way in which every pixel of every picture is equally far


@dataclass(frozen=True, eq=False)
class Split:
    """Training and held-out pictures, and where the held-out ones come from."""

    train: Depths
    held: Depths
    what: str


def gather(data: Deep, seed: Seed) -> Split:
    """Find, match, split."""
    if data.folders:
        pictures = Items(tuple(item for folder in data.folders for item in items.from_folder(Path(folder))))
        matched = depths.from_folders(pictures, items.from_folder(Path(data.depths)), data.unit)
    else:
        matched = depths.leaves(dead_leaves.items(data.leaves, LEAF_SIDE, seed.number("dead-leaves")))
    return Split(*matched.split(data.valid), f"{data.valid:.0%} by hash")


def held_out(scenes: Depths) -> HeldMaps:
    """All of them, decoded, but for those that `knowing` leaves out."""
    return knowing(HeldMaps.of(scenes, scenes.metres))


def knowing(found: HeldMaps) -> HeldMaps:
    """All but maps that know no pixel's depth, which are counted in a sentence.  Refuses none that knows any."""
    known = [index for index, one in enumerate(found.maps) if one.any()]
    if not known:
        raise Refusal(f"None of the {len(found)} held-out depth maps knows any pixel's depth: 0 stands for unknown. Give other maps.")
    if len(known) < len(found):
        say(f"{len(found) - len(known)} of {len(found)} held-out depth maps know no pixel's depth, and are left out")
    return found.chosen(known)


def middle(train: Depths) -> float:
    """The middle of the logarithms of all known depths, in metres: of at most 64 maps, evenly chosen."""
    makers = (partial(train.metres, number) for number in spread(len(train), LOOKED_AT))
    found = [np.zeros(0, np.float32), *(metres.ravel() for metres in left_out(makers, "what is looked at before"))]
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


def compared(held: HeldMaps, seen: Sequence[Metres], constant: float, *, seed: int) -> tuple[dict[str, object], list[dict[str, float]]]:
    """Scores of what was seen beside one depth for everything, and the numbers of each picture.  constant : metres"""
    found = [metrics.measured(one, truth) for one, truth in zip(seen, held.maps, strict=True)]
    plain = [metrics.measured(np.full_like(truth, constant), truth) for truth in held.maps]
    return metrics.judged({CONSTANT: plain, "network": found}, held.names, seed=seed), found


def judge(run: Run, held: HeldMaps, seen: Sequence[Metres], constant: float, *, seed: Seed) -> None:
    """Score the depths of held-out pictures: scores.json, and what is better looked at."""
    scores, found = compared(held, seen, constant, seed=seed.value)
    files.write_json(run.scores, scores)
    files.make_folder(run.instruments)
    right = np.array([one["delta1"] for one in found])
    worst = [int(index) for index in np.argsort(right, kind="stable")[:WORST]]
    words = [f"{held.names[index]}: {right[index]:.1%} of its pixels within a factor of {metrics.NEAR}" for index in worst]
    draw_worst(run, held, seen, worst, words, over)
