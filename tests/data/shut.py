"""Folders that nobody can look into: not root either, to whom rights say nothing."""

import os
from contextlib import chdir
from pathlib import Path

LONGEST = 4096  # bytes of a path, with its end, which Linux takes
NAME = "deep" * 50


def too_deep(root: Path) -> Path:
    """Folder in folder below `root`; the path of the last, which is given back, is longer than the system takes."""
    here = root
    with chdir(root):
        while len(os.fsencode(here)) < LONGEST:
            Path(NAME).mkdir()
            os.chdir(NAME)
            here /= NAME
    return here
