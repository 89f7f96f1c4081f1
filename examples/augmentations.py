"""Which augmentation helps, at equal epochs?

    python examples/augmentations.py [--seeds 3] [--epochs 5]

Fashion-MNIST, a small residual network, one augmentation at a time on top of shifts and flips; the lectures' one draw for a whole batch
beside a draw for each picture.
"""

from __future__ import annotations

import argparse

from grid import Cell, run, table, write

BASE = "pad-crop 2 | flip"
WAYS = {
    "none": ("augment.chain=",),
    BASE: (f"augment.chain={BASE}",),
    f"{BASE}, one draw a batch": (f"augment.chain={BASE}", "augment.same=true"),
    "+ erase": (f"augment.chain={BASE} | erase 0.5",),
    "+ copy": (f"augment.chain={BASE} | copy 0.5",),
    "+ trivial": (f"augment.chain={BASE} | trivial",),
    "+ trivial, one draw a batch": (f"augment.chain={BASE} | trivial", "augment.same=true"),
    "+ randaugment": (f"augment.chain={BASE} | randaugment 2 0.3",),
    "+ mixup": (f"augment.chain={BASE}", "augment.mix=mixup"),
    "+ cutmix": (f"augment.chain={BASE}", "augment.mix=cutmix", "augment.alpha=1.0"),
    "+ cutmix, decoupled": (f"augment.chain={BASE}", "augment.mix=cutmix", "augment.alpha=1.0", "loss.decoupled=0.1"),
    "resized-crop | flip": ("augment.chain=resized-crop | flip",),
}
SAME = ("network.widths=[16,32,64,128]", "data.known=fashion-mnist")


def main() -> None:
    """Train the grid, print and keep its table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=5)
    given = options.parse_args()
    cells = [Cell((name,), (*SAME, f"train.epochs={given.epochs}", *changes)) for name, changes in WAYS.items()]
    rows = table(run("augmentations", "fashion-resnet", cells, range(1, given.seeds + 1)))
    titles = ["augmentation", "accuracy, %", "cross-entropy", "in training"]
    write("augmentations", titles, rows, f"Fashion-MNIST, {given.epochs} epochs; 95 % intervals over seeds.")


if __name__ == "__main__":
    main()
