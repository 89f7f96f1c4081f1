"""One draw for each picture of a batch, and one for the whole batch, as pictures.

    python examples/one_draw_a_picture.py [--out build/one-draw.png]

Needs a known data set (`sfumato data list`); the digits are taken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from sfumato.core import builtin, files, recipe
from sfumato.tasks import classify
from sfumato.tasks.classify_recipe import Classify

CHAIN = "affine 25 0.2 0.2 0.1"


def main() -> None:
    """Draw the same batch both ways, one above the other."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/one-draw.png"))
    out: Path = options.parse_args().out
    sheets = []
    for same in ("false", "true"):
        made = recipe.read(Classify, builtin.find("mnist-cnn"), [f"augment.chain={CHAIN}", f"augment.same={same}"])
        sheets.append(classify.build(made).show_batch(12))
    files.make_folder(out.parent)
    Image.fromarray(np.concatenate(sheets)).save(out)
    print(out)


if __name__ == "__main__":
    main()
