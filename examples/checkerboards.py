"""Which way of doubling the grid leaves a checkerboard?  Five of them in the network of Johnson et al., before training and after some.

    python examples/checkerboards.py [--seeds 3] [--steps 300]

A picture that is grey all over should come out the same all over.  What differs between the four (of x4: sixteen) places of a grid cell
is the checkerboard: the spread of their means, in levels of 255.  Training is the recipe johnson-x4 with plain L1 on built-in photographs.
What was measured of a way and a seed is kept in build/experiments, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
from itertools import islice
from typing import get_args, get_type_hints

import torch
from torch import nn

from grid import RUNS, mean, write
from sfumato.core import files
from sfumato.core.levels import TOP
from sfumato.core.recipe import to_toml
from sfumato.nets import catalogue
from sfumato.nets.arguments import Johnson
from sfumato.tasks import catalogue as tasks
from sfumato.tasks import restore
from sfumato.tasks.restore_recipe import Restore

TIMES, GREY = 4, (0.2, 0.5, 0.8)
WAYS = get_args(get_type_hints(Johnson)["up"])


def checkerboard(network: nn.Module) -> float:
    """Spread of the means of a cell's places on grey pictures, in levels."""
    found = []
    network.eval()
    with torch.inference_mode():
        for grey in GREY:
            made = network(torch.full((1, 3, 24, 24), grey))[0, :, 8 * TIMES : 16 * TIMES, 8 * TIMES : 16 * TIMES]
            places = made.unfold(1, TIMES, TIMES).unfold(2, TIMES, TIMES).mean((1, 2))
            found.append(TOP * places.std(dim=(1, 2)).mean().item())
    network.train()
    return statistics.mean(found)


def recipe(up: str, seed: int) -> Restore:
    """What is trained."""
    changes = [f"network.up={up}", f"train.seed={seed}", "train.device=cpu", "data.crop=96"]
    found: Restore = tasks.read("johnson-x4", [*changes, "feature.network=''", "loss.weight=1.0", "loss.kind=l1"])
    return found


def kept(up: str, seed: int, steps: int) -> tuple[float, float]:
    """The checkerboard before and after, measured once."""
    path = RUNS / "checkerboards" / f"{up}-{steps}-{seed}-{files.digest(to_toml(recipe(up, seed)).encode())[:8]}.json"
    if not path.is_file():
        files.make_folder(path.parent)
        found = trained(up, seed, steps)
        files.write_json(path, found)
        print(path.stem, *found, flush=True)
    before, after = json.loads(path.read_text(encoding="utf-8"))
    return before, after


def trained(up: str, seed: int, steps: int) -> tuple[float, float]:
    """The checkerboard before and after."""
    task = restore.build(recipe(up, seed))
    network, draw = task.network, torch.Generator()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    before = checkerboard(network)
    for number, batch in enumerate(islice(task.batches.stream(0, 0), steps)):
        task.objective(network, batch, draw.manual_seed(number)).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return before, checkerboard(network)


def main() -> None:
    """Print and keep the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--steps", type=int, default=300)
    given = options.parse_args()
    rows = []
    for up in WAYS:
        pairs = [kept(up, seed, given.steps) for seed in range(1, given.seeds + 1)]
        numbers = sum(tensor.numel() for tensor in catalogue.outline(Johnson(up=up, enlarges=TIMES)).parameters())
        rows.append([up, f"{numbers:,}", *(mean(list(values)) for values in zip(*pairs, strict=True))])
    titles = ["up", "numbers", "before training, levels", f"after {given.steps} steps, levels"]
    write("checkerboards", titles, rows, "Spread between the places of a grid cell on grey pictures; 95 % intervals over seeds.")


if __name__ == "__main__":
    main()
