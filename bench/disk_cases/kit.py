"""What the cases share, made once: pictures, a model, a run without any fault, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data as photographs

SMALL = (
    "network.widths=[8,12]",
    "network.blocks=[1,1]",
    "network.blocks_up=[1]",
    "data.crop=32",
    "train.batch=4",
    "train.tune=false",
    "train.state_steps=5",
    "previews.side=64",
    "previews.count=2",
    "spoil.chain=noise 5..15",
)
STEPS = 30
MANY = 150  # tiny pictures: more than a page of a store's table holds


@dataclass(frozen=True)
class Kit:
    """Six photographs, many small pictures, and runs on either that nothing disturbed."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """One thread, no colours, and no bytecode: what a limit on file sizes cuts short would stay."""
        paths = [str(Path(__file__).parents[2] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        home = str(self.folder / "home")
        return {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
            "HOME": home,
            "MPLCONFIGDIR": home,
        }

    @property
    def six(self) -> Path:
        """Six photographs of 160 x 120."""
        return self.folder / "six"

    @property
    def many(self) -> Path:
        """Many pictures of 48 x 48."""
        return self.folder / "many"

    @property
    def run(self) -> Path:
        """A finished run on the six."""
        return self.folder / "run"

    @property
    def run_on_many(self) -> Path:
        """A finished run on the many."""
        return self.folder / "run-on-many"

    @property
    def model(self) -> Path:
        """Its model."""
        return self.run / "last.safetensors"

    @property
    def cache(self) -> Path:
        """The cache folder of these runs, with a store of the six."""
        return self.folder / "cache"

    @property
    def restored(self) -> Path:
        """The many, repaired by it."""
        return self.folder / "restored"

    @property
    def restored_six(self) -> Path:
        """The six, repaired by it."""
        return self.folder / "restored-six"

    @property
    def spoilt(self) -> Path:
        """The many, spoilt."""
        return self.folder / "spoilt"

    @property
    def recipe(self) -> Path:
        """A recipe file on the six, for verbs that take no pictures."""
        return self.folder / "small.toml"

    def training(self, pictures: Path, out: Path, *changes: str) -> list[str | Path]:
        """Words of a small training."""
        sets = [word for change in (*SMALL, f"train.steps={STEPS}", *changes) for word in ("--set", change)]
        return ["train", "restore", pictures, "--out", out, *sets]

    def restoring(self, pictures: Path, out: Path, *more: str) -> list[str | Path]:
        """Words of a repair."""
        return ["restore", pictures, "--out", out, "--model", self.model, "--device", "cpu", *more]

    def spoiling(self, pictures: Path, out: Path, jobs: int = 2) -> list[str | Path]:
        """Words of a spoiling."""
        return ["crappify", pictures, out, "--spoil", "noise 5..15", "--jobs", str(jobs)]


def make(folder: Path) -> Kit:
    """All of it; a sentence and status 1 when a run without any fault fails."""
    kit = Kit(folder)
    (folder / "home").mkdir(parents=True)
    whole = [getattr(photographs, name)() for name in ("coffee", "rocket", "astronaut")]
    small = [np.asarray(Image.fromarray(picture).resize((160, 120), Image.Resampling.LANCZOS)) for picture in whole]
    _save(kit.six, [picture[:, ::step] for picture in small for step in (1, -1)])
    tops = [(number // 3 * 2 % 72, number // 3 * 5 % 112) for number in range(MANY)]
    _save(kit.many, [small[number % 3][top : top + 48, left : left + 48] for number, (top, left) in enumerate(tops)])
    for words in (
        kit.training(kit.six, kit.run),
        kit.training(kit.six, kit.folder / "stored", "data.cache=disk"),
        kit.training(kit.many, kit.run_on_many),
        kit.restoring(kit.many, kit.restored),
        kit.restoring(kit.six, kit.restored_six),
        kit.spoiling(kit.many, kit.spoilt),
    ):
        around = {**os.environ, **kit.environment, "PYTHONDONTWRITEBYTECODE": "", "SFUMATO_CACHE": str(kit.cache)}
        done = subprocess.run([sys.executable, "-m", "sfumato", *map(str, words)], env=around, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"Without any fault {words[0]!r} ended with status {done.returncode}: {done.stderr}")
    kit.recipe.write_bytes((kit.run / "recipe.toml").read_bytes())
    return kit


def _save(folder: Path, pictures: list[np.ndarray]) -> None:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / f"{number:03}.png")


def sizes(kit: Kit) -> dict[str, int]:
    """Bytes of each kind of file that a run writes, in the order of their sizes: the largest of its kind."""
    kinds: dict[str, int] = {}
    for path in kit.run.rglob("*"):
        if path.is_file() and path.stat().st_size and not path.name.startswith("."):
            kind = path.parent.name if path.parent != kit.run else path.name
            kinds[kind] = max(kinds.get(kind, 0), path.stat().st_size)
    return dict(sorted(kinds.items(), key=lambda item: item[1]))


def steps(run: Path) -> int:
    """Steps that a run did, by its own word."""
    return int(json.loads((run / "run.json").read_text(encoding="utf-8"))["steps"])
