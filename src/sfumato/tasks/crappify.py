"""Spoil pictures for good: a folder offline, as the training does on the fly, and a contact sheet of every step."""

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.files import digest
from sfumato.core.levels import Levels
from sfumato.core.seed import Seed
from sfumato.data.reading.find import find_pictures
from sfumato.data.reading.read import read_levels
from sfumato.show.sheets import sheet
from sfumato.spoil import catalogue, grammar
from sfumato.spoil.chain import Chain
from sfumato.spoil.parts.ranges import Noting
from sfumato.use import photograph
from sfumato.use.folders import Summary, over

SIDE = 192  # px, of a picture on the sheet of all steps
DRAWS = 4  # how often each step is shown


@dataclass(frozen=True, kw_only=True)
class Spoiler:
    """Spoil one file into another.  Only text and paths, so that it travels to other processes.

    What a picture's chain draws depends on (seed, its path below `root`) alone: not on order, jobs, or the other pictures.
    """

    chain: str
    steps_file: str
    seed: int
    root: Path
    quality: int

    def __call__(self, source: Path, target: Path) -> Mapping[str, Any]:
        """Write the spoilt picture, and give what its steps drew."""
        rng = Noting(self.generator(source).bit_generator)
        spoilt = _chain(self.chain, self.steps_file)(read_levels(source), rng)
        photograph.write(photograph.Photograph(pixels=spoilt), target, quality=self.quality)
        return {"draws": rng.notes}

    def generator(self, source: Path) -> np.random.Generator:
        """What the chain draws from for this file."""
        return Seed(self.seed).at(f"crappify/{source.relative_to(self.root).as_posix()}")


@lru_cache(maxsize=8)
def _chain(text: str, steps_file: str) -> Chain:
    if multiprocessing.parent_process() is not None:
        cv2.setNumThreads(1)  # there is a process for every core already
    return grammar.parse(text, catalogue.with_file(steps_file))


def crappify(
    source: Path,
    out: Path,
    chain: str,
    *,
    seed: int = 42,
    steps_file: str | Path = "",
    jobs: int | Literal["auto"] = "auto",
    suffix: str | None = ".png",
    quality: int = photograph.QUALITY,
    existing: Literal["keep", "replace"] = "keep",
    quiet: bool = False,
    dry_run: bool = False,
) -> Summary:
    """Spoil a picture, or every picture of a tree into a mirrored tree.

    jobs : processes; "auto": one for every core, and none for a handful of pictures.
    suffix : of the spoilt files.  ".png" keeps exactly the pixels that training would see; None keeps each file's own format.
    quality : of formats that lose something, 1..100.
    existing : "keep" leaves out what an earlier run made of a tree from the same file with the same options, and refuses where a single
        picture would fall on a file; "replace" does everything again.
    dry_run : only say what would be done.
    Refuses a chain or steps file that is wrong before anything is written; a bad picture is named in the summary and stops nothing.
    """
    source, steps = Path(source), str(Path(steps_file).resolve()) if str(steps_file) else ""
    canonical = str(grammar.parse(chain, catalogue.with_file(steps)))
    if not 1 <= quality <= 100:
        raise Refusal(f"The quality of crappify is {quality}, but must lie within 1..100.")
    root = source if source.is_dir() else source.parent
    options = f"crappify {canonical} seed={seed} quality={quality} steps={digest(Path(steps).read_bytes()) if steps else ''}"
    return over(
        source,
        Path(out),
        Spoiler(chain=canonical, steps_file=steps, seed=seed, root=root, quality=quality),
        options=options,
        suffix=suffix,
        existing=existing,
        jobs=jobs,
        what="spoiling",
        quiet=quiet,
        dry_run=dry_run,
    )


def preview(source: Path, path: Path, *, chain: str = "", steps_file: str | Path = "", seed: int = 42) -> Path:
    """Draw a contact sheet: the chain, if there is one, and every step of the catalogue with its arguments, each drawn several times.

    source : a picture, or a folder whose first picture is taken; its middle is shown.
    Refuses what cannot be read, a wrong chain, and a `path` whose suffix is no picture's.
    """
    steps = catalogue.with_file(steps_file)
    good = _middle(read_levels(find_pictures(source)[0] if Path(source).is_dir() else Path(source)))
    chains = [(f"{chain}  (the chain)", grammar.parse(chain, steps))] if chain else []
    chains += [(f"{row.usage}  ({row.says})", grammar.parse(row.name, steps)) for row in catalogue.table(steps)]
    rows = [[good, *_shown(each, good, Seed(seed), label)] for label, each in chains]
    drawn = sheet(
        rows, columns=["good", *(f"draw {number + 1}" for number in range(DRAWS))], labels=[label for label, _ in chains], scale=1
    )
    photograph.write(photograph.Photograph(pixels=drawn), Path(path))
    return Path(path)


def _shown(chain: Chain, good: Levels, seed: Seed, label: str) -> list[Levels]:
    """Some draws of a chain; those that leave a picture alone, as those of rare marks may, only if there are no others."""
    drawn = [chain(good, seed.at(f"preview/{label}", 0, index)) for index in range(4 * DRAWS)]
    drawn.sort(key=lambda spoilt: spoilt.shape == good.shape and bool((spoilt == good).all()))  # keeps the order otherwise
    return drawn[:DRAWS]


def _middle(picture: Levels) -> Levels:
    height, width = (min(SIDE, side) for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
