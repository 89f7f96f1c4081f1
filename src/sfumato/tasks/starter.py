"""`sfumato new restore` and `sfumato new classify`: a commented recipe of about ten lines, to start from."""

import json
from pathlib import Path

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.data.reading.find import find_pictures

RESTORE = """\
# Learn to repair pictures like those in {folder} ({count} of them).
# What is not said here is as it is by default; `sfumato train {name} --dry-run` shows everything.
task = "restore"

[data]
folders = [{folder}]  # good pictures; one in ten is held out for scoring
crop = 96  # px, side of a training picture

[spoil]
chain = "scale 1..2 | blur 0..1 | noise 0..8 | jpeg 20..90"  # what yours suffer from; every picture is spoilt anew each time

[train]
minutes = 15  # or epochs = 20, or steps = 5000
"""

CLASSIFY = """\
# Learn to name pictures like those in {folder} ({count} of them, in one folder a class).
# What is not said here is as it is by default; `sfumato train {name} --dry-run` shows everything.
task = "classify"

[data]
folders = [{folder}]  # one in ten pictures is held out for scoring
side = 64  # px that the network sees: short sides are shrunk to it, and the middle is taken

[augment]
chain = "pad-crop 4 | flip | erase 0.3"  # without flip where left and right matter, as in letters

[train]
minutes = 15  # or epochs = 30, or steps = 5000
"""
TEXTS = {"classify": CLASSIFY, "restore": RESTORE}


def write(task: str, photos: Path, out: Path) -> None:
    """Write a task's recipe for a folder of pictures; refuses a folder without pictures, and an `out` that exists."""
    count = len(find_pictures(photos))
    if out.exists():
        raise Refusal(f"{out} exists already. Move it away, or give another --out.")
    folder = json.dumps(str(photos), ensure_ascii=False)  # a path in TOML is quoted as in JSON
    files.write_text(out, TEXTS[task].format(folder=folder, count=count, name=out))
