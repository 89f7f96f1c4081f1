"""The picture at the top of README: held-out photographs spoilt, repaired by a finished run of the demo, and as they were.

python bench/before_after.py [RUN]        default: build/bench/demo/seed-1, which bench/demo_bars.py makes
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import results  # bench is a folder of scripts, not a package
import spoil_reference
from sfumato.core import files
from sfumato.core.levels import Levels
from sfumato.show.sheets import sheet
from sfumato.tasks import restore
from sfumato.tasks.parts.pairs import centre

SIDE = 288  # px


def main() -> None:
    """Write docs/before-after.png."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path, nargs="?", default=results.ROOT / "build" / "bench" / "demo" / "seed-1")
    model = restore.load(options.parse_args().run / "last.safetensors")
    rows: list[list[Levels | None]] = []
    for pair in spoil_reference.load("demo"):
        repaired = np.asarray(model.restore(pair.spoilt))
        rows.append([centre(picture, SIDE) for picture in (pair.spoilt, repaired, pair.good)])
    picture = sheet(rows, columns=("spoilt", "repaired", "as it was"))
    with files.replacing(results.ROOT / "docs" / "before-after.png") as aside:
        Image.fromarray(picture).save(aside, format="PNG", optimize=True)


if __name__ == "__main__":
    main()
