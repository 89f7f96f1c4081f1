"""Trainings that a benchmark needs, by `sfumato train`: one that is there is not made again, one that was stopped goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal
from sfumato.tasks import catalogue


class Stale(SystemExit):
    """A folder holds another run than the one that is asked for."""


def is_done(folder: Path) -> bool:
    """Whether a run came to its end."""
    facts = folder / "run.json"
    return facts.is_file() and json.loads(facts.read_text(encoding="utf-8")).get("status") == "done"


def label(changes: Sequence[str]) -> str:
    """What a run folder's name ends with, so that other changes are another run: "-train.seed-1"."""
    return "".join(f"-{change.replace('=', '-')}" for change in changes)


def _read(kept: Path) -> Any:
    """The recipe that a run has; None of one that is read no more."""
    try:
        return catalogue.read(str(kept), [])
    except Refusal:
        return None


def finished(folder: Path, recipe: str, *changes: str, options: tuple[str, ...] = ()) -> Path:
    """The folder of a finished run of a recipe with changes such as "train.seed=1"; options: more words for `sfumato train`.

    Ends with a sentence where the folder holds a run of another recipe: a recipe's file has changed since.
    """
    kept = folder / "recipe.toml"
    if kept.is_file() and not options and _read(kept) != catalogue.read(recipe, list(changes)):
        raise Stale(f"{folder} holds a run of another recipe than {recipe} is now, with {', '.join(changes)}: remove it, or name another.")
    if is_done(folder):
        return folder
    begin = ["train", recipe, "--out", str(folder), *options, *(word for change in changes for word in ("--set", change))]
    words = ["resume", str(folder)] if kept.is_file() else begin
    print("sfumato", *words, flush=True)
    if subprocess.run([sys.executable, "-m", "sfumato", "-q", *words], check=False).returncode:
        sys.exit(f"The training in {folder} did not finish.")
    return folder
