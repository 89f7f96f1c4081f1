"""Trainings that a benchmark needs, by `sfumato train`: one that is there is not made again, one that was stopped goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def _done(folder: Path) -> bool:
    facts = folder / "run.json"
    return facts.is_file() and json.loads(facts.read_text(encoding="utf-8")).get("status") == "done"


def label(changes: Sequence[str]) -> str:
    """What a run folder's name ends with, so that other changes are another run: "-train.seed-1"."""
    return "".join(f"-{change.replace('=', '-')}" for change in changes)


def finished(folder: Path, recipe: str, *changes: str, options: tuple[str, ...] = ()) -> Path:
    """The folder of a finished run of a recipe with changes such as "train.seed=1"; options: more words for `sfumato train`."""
    if _done(folder):
        return folder
    begin = ["train", recipe, "--out", str(folder), *options, *(word for change in changes for word in ("--set", change))]
    words = ["resume", str(folder)] if (folder / "recipe.toml").is_file() else begin
    print("sfumato", *words, flush=True)
    if subprocess.run([sys.executable, "-m", "sfumato", "-q", *words], check=False).returncode:
        sys.exit(f"The training in {folder} did not finish.")
    return folder
