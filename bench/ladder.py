"""The ladder of super-resolution: does each rung improve on the last, on pictures that taught nothing?

    python bench/ladder.py [--minutes 8] [--seeds 1 2] [--held 2000] [--only unet feature ...]

Every rung trains a built-in recipe for the same minutes on the part of Tiny ImageNet at hand (build/ladder; a run that is there is not
made again), and the first five for the same steps too: one epoch, a borrowed body frozen throughout, as the lecture shows it (of rungs
that no bar asks this of, the first seed alone).  Each repairs the same held-out pictures, once each, with its last averaged weights.
Distances are paired picture by picture, averaged over seeds; an interval is a bootstrap over pictures.  Two classifiers judge: the
project's own, which three rungs were taught by, and the MobileNet of `weights/`, which taught none: pictures are enlarged threefold for
it, and seen at three named taps.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core.levels import Levels, batch_to_levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.core.system import devices
from sfumato.data import photographs
from sfumato.data.items import Item, Items
from sfumato.losses.features import FeatureNetwork
from sfumato.metrics import features as metrics
from sfumato.metrics import score
from sfumato.nets.surgery.borrow import open_classifier
from sfumato.show.sheets import sheet
from sfumato.spoil import grammar
from sfumato.spoil.resample import resize
from sfumato.tasks import catalogue as tasks
from sfumato.tasks import restore
from sfumato.tasks.parts import difference, pairs, restorer
from sfumato.tasks.parts.pairs import HeldOut

RUNS = results.ROOT / "build" / "ladder"
EVEN = ("ae", "unet", "feature", "borrowed", "cross")  # rungs that are trained for an epoch as well,
ASKED = ("feature", "borrowed")  # of which a bar asks something
RUNGS = ("ae", "unet", "feature", "borrowed", "cross", "longer", "critic")  # longer: rung 5 for twice the time, what a critic must beat
OTHER, TAPS, ENLARGE = "mobilenet_v1_025", ("features.3", "features.5", "features.11"), 3
WHITE = 255.0
AT_ONCE = 50  # pictures
SHOWN, SMALLER = 10, 2  # pictures on a sheet; how many times smaller free ones are made
SPREAD = 0.27  # of Tiny ImageNet's channels: the lecture divides by it
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """Pictures that taught nothing: good, and as they are spoilt."""

    good: Levels  # uint8 (N, 64, 64, 3)
    spoilt: Levels


def held_out(count: int) -> Held:
    """Held-out pictures of all classes alike, in an order that has nothing to do with classes."""
    recipe = tasks.read("tiny-superres-unet", [])
    whole = restore.build(recipe).items[1].items
    order = Seed(0).at("ladder").permutation(len(whole))[:count]
    items = restore.build(recipe).items[1]
    chosen = type(items)(tuple(whole[int(index)] for index in order))
    found = HeldOut.of(pairs.examples(chosen, grammar.parse(recipe.spoil.chain), None, seed=Seed(0), side=64))
    return Held(np.stack(found.targets), np.stack(found.inputs))


@dataclass(frozen=True)
class Judges:
    """Who looks at repaired pictures."""

    held: Held

    @cached_property
    def own(self) -> FeatureNetwork:
        """The project's own classifier, at the taps that taught."""
        feature = tasks.read("tiny-superres-feature", []).feature
        return FeatureNetwork(open_classifier(feature.network)[1], feature.taps)

    @cached_property
    def other(self) -> FeatureNetwork:
        """A classifier that taught nobody."""
        return FeatureNetwork(open_classifier(str(results.weights(OTHER)))[1], TAPS, enlarge=ENLARGE)

    @cached_property
    def truth(self) -> Float:
        """What the other one sees in the good pictures, pooled."""
        return metrics.pooled(metrics.see_through(self.other), self.held.good)

    def look(self, made: Levels) -> dict[str, Float]:
        """Every distance, one number a picture; and pooled features for KID."""
        error = np.square(made.astype(np.float64) - self.held.good).mean((1, 2, 3)) / WHITE**2
        return {
            "mse": error,
            "psnr": -10 * np.log10(np.maximum(error, 1e-10)),
            "own": metrics.feature_distance(metrics.see_through(self.own), made, self.held.good),
            "other": metrics.feature_distance(metrics.see_through(self.other), made, self.held.good),
            "pooled": metrics.pooled(metrics.see_through(self.other), made),
        }


def repaired(model: Path, spoilt: Levels) -> Levels:
    """uint8 (N, 64, 64, 3) -> the same, in batches."""
    place = devices.resolve().device
    network = restorer.load(model).network
    found = []
    with torch.inference_mode():
        for start in range(0, len(spoilt), AT_ONCE):
            batch = batch_to_unit(torch.from_numpy(np.array(spoilt[start : start + AT_ONCE])).to(place))
            found.append(batch_to_levels(network(batch)).cpu().numpy())
    return np.concatenate(found)


def combined(model: Path, held: Held) -> Float:
    """The loss of the rung `feature`, which rungs 3 to 5 make small, on each held-out picture."""
    place = devices.resolve().device
    recipe = tasks.read("tiny-superres-feature", [])
    objective = difference.objective(recipe.loss, recipe.feature, place)
    network, perception = restorer.load(model).network, objective.perception
    assert perception is not None
    found = []
    with torch.inference_mode():
        for start in range(0, len(held.good), AT_ONCE):
            both = (pictures[start : start + AT_ONCE] for pictures in (held.spoilt, held.good))
            spoilt, good = (batch_to_unit(torch.from_numpy(pictures.copy()).to(place)) for pictures in both)
            made = network(spoilt)
            seen = [[tap.split(1) for tap in perception.network(pictures)] for pictures in (made, good)]
            for index, (one, other) in enumerate(zip(made.split(1), good.split(1), strict=True)):
                terms = perception.weighed(*([tap[index] for tap in taps] for taps in seen))
                found.append(objective.weight * objective.distance(one, other) + sum(terms.values()))
    return torch.stack(found).cpu().double().numpy()


def run(rung: str, seed: int, minutes: float) -> Path:
    """The folder of a rung's run; the critic begins with rung 5 of the same seed, and so does rung 5 trained on without one.

    A game goes on to its end here, for its last weights are judged: the stopping rule chooses by pictures that are held out.
    """
    begun = ("--from", str(run("cross", seed, minutes) / "last.safetensors")) if rung in ("critic", "longer") else ()
    recipe = "tiny-superres-critic" if rung == "longer" else f"tiny-superres-{rung}"
    more = {"critic": ("game.patience=999",), "longer": ("critic.kind=none",)}.get(rung, ())
    changes = (f"train.minutes={minutes}", f"train.seed={seed}", *more)
    return trainings.finished(RUNS / f"{rung}-{minutes:g}m-{seed}", recipe, *changes, options=begun)


def epochs(rung: str, seed: int) -> Path:
    """The same for exactly one epoch, a borrowed body frozen throughout."""
    frozen = ("fine_tune.frozen=1.0",) if rung in ("borrowed", "cross") else ()
    changes = ("train.minutes=off", "train.epochs=1", f"train.seed={seed}", *frozen)
    return trainings.finished(RUNS / f"{rung}-one-epoch-{seed}", f"tiny-superres-{rung}", *changes)


def gained(before: list[Float], after: list[Float], *, seed: int = 0) -> score.Score:
    """Mean of after less before, picture by picture, averaged over seeds."""
    return score.gain(np.mean(before, 0).tolist(), np.mean(after, 0).tolist(), protocol="mean over seeds", seed=seed)


def lower(what: str, before: list[Float], after: list[Float]) -> Bar:
    """A bar: the second is lower, and its interval leaves out zero."""
    found = gained(before, after)
    means = f"{np.mean(before):.5g} to {np.mean(after):.5g}"
    assert found.high is not None and found.low is not None
    return Bar(
        what=f"{what} ({means}, {found.n} pictures, {len(before)} seeds)",
        needed="below 0, and its interval",
        measured=round(found.mean, 6),
        spread=[round(found.low, 6), round(found.high, 6)],
        holds=found.high < 0,
    )


def nearer(what: str, before: list[dict[str, Float]], after: list[dict[str, Float]], judges: Judges, seeds: list[int]) -> Bar:
    """A bar: the second's KID is lower; of the seeds the worse.  Its interval is that of subsets of 500, wider than the mean's."""
    kids = [
        metrics.kid_change(one["pooled"], other["pooled"], judges.truth, seed=Seed(seed))
        for seed, one, other in zip(seeds, before, after, strict=True)
    ]
    mean, low, high = max(kids, key=lambda kid: kid[2])
    return Bar(
        what=f"{what}: the worse of {len(seeds)} seeds",
        needed="below 0, and its interval",
        measured=round(mean, 6),
        spread=[round(low, 6), round(high, 6)],
        holds=high < 0,
    )


def within(what: str, before: list[Float], after: list[Float]) -> Bar:
    """A bar: at most 1 dB is lost."""
    lost = float(np.mean(before) - np.mean(after))
    return Bar(what=what, needed="at most 1 dB lost", measured=round(lost, 3), spread="", holds=lost <= 1)


def main() -> None:
    """Train what is missing, look, print and write bench/results/ladder.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=8)
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options.add_argument("--held", type=int, default=2000)
    options.add_argument("--only", nargs="+", choices=RUNGS, default=list(RUNGS), help="train these alone, and write nothing")
    given = options.parse_args()
    for rung in given.only:
        for seed in given.seeds:
            run(rung, seed, given.minutes)
    if len(given.only) < len(RUNGS):
        return
    first = {rung: [epochs(rung, seed) for seed in (given.seeds if rung in ASKED else given.seeds[:1])] for rung in EVEN}
    held = held_out(given.held)
    judges = Judges(held)
    trained = {rung: Trained([run(rung, seed, given.minutes) for seed in given.seeds], judges) for rung in RUNGS}
    even = {rung: Trained(runs, judges) for rung, runs in first.items()}
    draw(RUNS / "sheet.jpg", held, [one.made[0] for one in trained.values()])
    shown = free()
    models = [run(rung, given.seeds[0], given.minutes) / "last.safetensors" for rung in RUNGS]
    draw(results.ROOT / "docs" / "ladder.jpg", shown, [repaired(model, shown.spoilt) for model in models])
    seen, losses = ({rung: getattr(one, name) for rung, one in trained.items()} for name in ("seen", "losses"))
    rows = [one.row(rung, f"{given.minutes:g} minutes") for rung, one in trained.items()]
    rows += [one.row(rung, "one epoch") for rung, one in even.items()]
    table = {"titles": TITLES, "rows": rows, "says": f"Means over {len(held.good)} held-out pictures and the seeds of each row."}
    found = bars(seen, losses, {rung: even[rung].losses for rung in ASKED}, judges, given.seeds)
    results.write("ladder", found, table=table, protocol=__doc__)


TITLES = [
    "rung",
    "trained",
    "steps of each seed",
    "PSNR, dB",
    "MSE, normalised as in the lecture",
    "loss of the rung `feature`",
    "distance by the classifier that taught",
    "distance by one that taught nobody",
]


class Trained:
    """A rung's runs, one a seed, judged."""

    def __init__(self, runs: list[Path], judges: Judges):
        self.runs = runs
        self.made = [repaired(one / "last.safetensors", judges.held.spoilt) for one in runs]
        self.seen = [judges.look(one) for one in self.made]
        self.losses = [combined(one / "last.safetensors", judges.held) for one in runs]

    def row(self, rung: str, trained: str) -> list[Any]:
        """Means over pictures and seeds, as `TITLES` says."""
        steps = [json.loads((one / "run.json").read_text(encoding="utf-8"))["steps"] for one in self.runs]
        psnr, mse, own, other = (float(np.mean([one[name] for one in self.seen])) for name in ("psnr", "mse", "own", "other"))
        told = (f"{psnr:.2f}", f"{mse / SPREAD**2:.4f}", f"{np.mean(self.losses):.5f}", f"{own:.4f}", f"{other:.4f}")
        return [rung, trained, ", ".join(map(str, steps)), *told]


def free() -> Held:
    """Pieces of the two photographs that are held out and free to be shown, made as small as the pictures of the ladder."""
    pieces = []
    for item in photographs.held_out():
        picture = item.levels(3)
        picture = resize(picture, picture.shape[0] // SMALLER, picture.shape[1] // SMALLER, "area")
        middle = (picture.shape[0] - 64) // 2
        for left in np.linspace(0, picture.shape[1] - 64, SHOWN // 2).astype(int):
            pieces.append(Item(f"{item.name}-{left}", make=partial(_piece, picture, middle, int(left))))
    chain = grammar.parse(tasks.read("tiny-superres-unet", []).spoil.chain)
    found = HeldOut.of(pairs.examples(Items(tuple(pieces)), chain, None, seed=Seed(0), side=64))
    return Held(np.stack(found.targets), np.stack(found.inputs))


def _piece(picture: Levels, top: int, left: int) -> Levels:
    return picture[top : top + 64, left : left + 64]


def draw(path: Path, held: Held, made: list[Levels]) -> None:
    """The first pictures as they came, by every rung, and as they were, to be looked at."""
    rows = [[pictures[row] for pictures in (held.spoilt, *made, held.good)] for row in range(SHOWN)]
    titles = ("as it came", *RUNGS, "as it was")
    Image.fromarray(sheet(rows, columns=titles, scale=2)).save(path, quality=90)


def bars(
    seen: dict[str, list[dict[str, Float]]],
    losses: dict[str, list[Float]],
    first: dict[str, list[Float]],
    judges: Judges,
    seeds: list[int],
) -> list[Bar]:
    """What the ladder must show."""

    def of(rung: str, name: str) -> list[Float]:
        return [one[name] for one in seen[rung]]

    ratio = float(np.mean(of("unet", "mse")) / np.mean(of("ae", "mse")))
    return [
        Bar(what="MSE of the U-Net over the autoencoder's", needed="at most 0.5", measured=round(ratio, 4), spread="", holds=ratio <= 0.5),
        lower("own-feature distance, feature loss less pixel loss alone", of("unet", "own"), of("feature", "own")),
        within("PSNR lost by the feature loss", of("unet", "psnr"), of("feature", "psnr")),
        lower("distance as a classifier sees it that taught nobody, likewise", of("unet", "other"), of("feature", "other")),
        lower("combined loss after one epoch, borrowed and frozen less random", first["feature"], first["borrowed"]),
        lower("combined loss, cross-convolutions less none", losses["borrowed"], losses["cross"]),
        nearer("KID by a classifier that taught nobody, critic less feature loss", seen["feature"], seen["critic"], judges, seeds),
        nearer("the same, critic less rung 5 trained on as long without one", seen["longer"], seen["critic"], judges, seeds),
        within("PSNR lost by the critic against the feature loss", of("feature", "psnr"), of("critic", "psnr")),
    ]


if __name__ == "__main__":
    main()
