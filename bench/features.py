"""The project's own feature network: how well it names the 200 classes, and what a linear classifier on its features makes of flowers.

    python bench/features.py [--run build/classifiers/tiny-features-1]

The network is trained by `sfumato train tiny-features` where there is no finished run, and shipped by bench/ship_classifier.py.  The probe
is a logistic regression on the features of its last stage, averaged over the grid and standardised, fitted to the training part of
flowers-64 and scored on its held-out part; beside it stands the same network before any training, three times with other weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
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


def features(network: nn.Module, pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float64 (N, width): the last stage, averaged over its grid."""
    encoder = pyramid.cut(network, pyramid.names(network)[-1]).eval()
    with torch.inference_mode():
        found = [
            encoder(batch_to_unit(torch.from_numpy(np.array(pictures[start : start + 256]))))[-1].mean((2, 3))
            for start in range(0, len(pictures), 256)
        ]
    return torch.cat(found).double()


def probe(network: nn.Module, train: Labelled, held: Labelled) -> int:
    """How many held-out pictures a logistic regression names rightly."""
    seen, unseen = (features(network, np.asarray(part.pictures)) for part in (train, held))
    mean, spread = seen.mean(0), seen.std(0).clamp_min(1e-6)
    seen, unseen = (seen - mean) / spread, (unseen - mean) / spread
    weights = torch.zeros(seen.shape[1], len(train.classes), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(train.classes), dtype=torch.float64, requires_grad=True)
    labels = torch.from_numpy(train.labels.copy())
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(seen @ weights + bias, labels) + 1e-3 * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    answers = (unseen @ weights + bias).argmax(1).numpy()
    return int((answers == held.labels).sum())


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
    right = probe(model.network, train, held)
    spec = networks.specification(str(model.header.network["kind"]), model.header.network)
    fresh = []
    for seed in UNTRAINED:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh.append(probe(networks.build(dataclasses.replace(spec), 3), train, held))
    learnt, before = 100 * right / len(held), [100 * one / len(held) for one in fresh]
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
    results.write("features", bars)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
