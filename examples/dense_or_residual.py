"""Dense or residual merging where pictures are few?

    python examples/dense_or_residual.py [--seeds 3]

Fashion-MNIST with 20, 100 and 500 pictures of each class, 800 steps each: a residual network and a dense one of about as many numbers.
"""

from __future__ import annotations

import argparse

from grid import Cell, run, table, write

FEW = (20, 100, 500)
NETWORKS = {
    "residual": ("network.widths=[16,32,64]", "network.blocks=[1,1,1]", "network.strides=[1,2,2]", "network.stride_in=first"),
    "dense": ("network.kind=dense", "network.growth=16", "network.layers=[3,3,3]", "network.bottleneck=0"),
}
SAME = ("data.known=fashion-mnist", "train.steps=800", "train.epochs=off", "train.batch=64", "augment.chain=pad-crop 2 | flip")


def main() -> None:
    """Train the grid, print and keep its table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=3)
    cells = [
        Cell((str(few), name), (*SAME, f"data.per_class={few}", *changes)) for few in FEW for name, changes in NETWORKS.items()
    ]
    rows = table(run("dense_or_residual", "fashion-resnet", cells, range(1, options.parse_args().seeds + 1)))
    titles = ["pictures a class", "network", "accuracy, %", "cross-entropy", "in training"]
    write("dense_or_residual", titles, rows, "Fashion-MNIST, 800 steps of 64; 95 % intervals over seeds.")


if __name__ == "__main__":
    main()
