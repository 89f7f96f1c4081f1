"""The project's own feature network: how well it names the 200 classes, and what a linear classifier on its features makes of flowers.

    python bench/features.py [--run build/classifiers/tiny-features-1]

The network is trained by `sfumato train tiny-features` where there is no finished run, and shipped by bench/ship_classifier.py.  The probe
is a logistic regression on the features of its last stage, averaged over 1, 4 or 16 squares of the grid and standardised, fitted to the
training part of flowers-64 and scored on its held-out part; into how many squares, and how strongly its weights are held down, is chosen in
fourths of the training part, for each network on its own.  Beside it stands the same network before any training, three times with other
weights.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import results  # bench is a folder of scripts, not a package
from classifiers import trained
from results import Bar
from sfumato.core.levels import batch_to_unit
from sfumato.core.seed import Seed
from sfumato.data import packed
from sfumato.data.known import catalogue
from sfumato.data.labelled import Labelled
from sfumato.metrics.score import share
from sfumato.nets import catalogue as networks
from sfumato.nets.surgery import pyramid
from sfumato.tasks import classify

UNTRAINED, NEEDED = (1, 2, 3), 15.0
FOLDS, SIDES, DECAYS = 4, (1, 2, 4), (1e-3, 1e-2, 1e-1)


def features(network: nn.Module, pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float64 (N, width, 4, 4): the last stage on its grid."""
    encoder = pyramid.cut(network, pyramid.names(network)[-1]).eval()
    with torch.inference_mode():
        found = [
            nn.functional.adaptive_avg_pool2d(encoder(batch_to_unit(torch.from_numpy(np.array(pictures[start : start + 256]))))[-1], 4)
            for start in range(0, len(pictures), 256)
        ]
    return torch.cat(found).double()


def pooled(grid: Tensor, side: int) -> Tensor:
    """(N, width, 4, 4) -> (N, width * side * side)"""
    return nn.functional.adaptive_avg_pool2d(grid, side).flatten(1)


def standardised(seen: Tensor, unseen: Tensor) -> tuple[Tensor, Tensor]:
    """Both by the mean and spread of the first."""
    mean, spread = seen.mean(0), seen.std(0).clamp_min(1e-6)
    return (seen - mean) / spread, (unseen - mean) / spread


def fit(seen: Tensor, labels: Tensor, classes: int, decay: float) -> Callable[[Tensor], Tensor]:
    """A logistic regression: features -> logits."""
    weights = torch.zeros(seen.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(seen @ weights + bias, labels) + decay * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return lambda unseen: (unseen @ weights + bias).detach()


def chosen(grid: Tensor, labels: Tensor, classes: int) -> tuple[int, float]:
    """Squares a side and decay with which fourths of the training part are named best by the rest."""
    order = torch.from_numpy(Seed(0).at("folds").permutation(len(grid)))

    def right(way: tuple[int, float]) -> int:
        seen, total = pooled(grid, way[0]), 0
        for fold in range(FOLDS):
            held, rest = order[fold::FOLDS], torch.cat([order[other::FOLDS] for other in range(FOLDS) if other != fold])
            known, asked = standardised(seen[rest], seen[held])
            total += int((fit(known, labels[rest], classes, way[1])(asked).argmax(1) == labels[held]).sum())
        return total

    return max(((side, decay) for side in SIDES for decay in DECAYS), key=right)


def probe(network: nn.Module, train: Labelled, held: Labelled) -> tuple[int, tuple[int, float]]:
    """How many held-out pictures a logistic regression names rightly; and what was chosen for it."""
    seen, unseen = (features(network, np.asarray(part.pictures)) for part in (train, held))
    labels = torch.from_numpy(train.labels.copy())
    way = chosen(seen, labels, len(train.classes))
    known, asked = standardised(pooled(seen, way[0]), pooled(unseen, way[0]))
    answers = fit(known, labels, len(train.classes), way[1])(asked).argmax(1).numpy()
    return int((answers == held.labels).sum()), way


def main() -> None:
    """Print and write bench/results/features.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--run", type=Path, help="a finished run of tiny-features")
    run = options.parse_args().run or trained("tiny-features")
    model = classify.load(run / "last.safetensors")
    part = catalogue.held_out_part("tiny-imagenet")
    [row] = classify.evaluate(model, catalogue.open_set("tiny-imagenet", part=part), seed=Seed(0))["rows"]
    balanced = row["balanced_accuracy"]
    train, held = (packed.pack(catalogue.open_set("flowers-64", part=name), side=None, channels=3)[0] for name in ("train", "test"))
    right, way = probe(model.network, train, held)
    spec = networks.specification(str(model.header.network["kind"]), model.header.network)
    fresh = []
    for seed in UNTRAINED:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh.append(probe(networks.build(spec), train, held))
    learnt, before = 100 * right / len(held), [100 * one / len(held) for one, _ in fresh]
    interval = share(right, len(held), protocol="a linear probe", seed=0)
    bars = [
        Bar(
            what=f"tiny-features: class-balanced accuracy over 200 classes, {balanced['n']:,} pictures, top-1",
            needed="stated",
            measured=round(100 * balanced["mean"], 2),
            spread=[round(100 * balanced["low"], 2), round(100 * balanced["high"], 2)],
            holds=True,
        ),
        Bar(
            what=f"a linear probe on flowers-64 ({len(held):,} held out), above the same network untrained",
            needed=f"at least {NEEDED:g} points",
            measured=round(learnt - statistics.mean(before), 2),
            spread=f"trained {learnt:.2f} ({100 * (interval.low or 0):.2f}..{100 * (interval.high or 0):.2f}), "
            f"untrained {', '.join(f'{one:.2f}' for one in before)}",
            holds=learnt - max(before) >= NEEDED,
        ),
    ]
    ways = [dict(zip(("squares a side", "decay"), one, strict=True)) for one in (way, *(other for _, other in fresh))]
    results.write("features", bars, chosen=ways, protocol=__doc__)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
