"""A run folder: everything one training leaves behind, and the only place that knows the names in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sfumato.core import files
from sfumato.core.errors import Refusal

Instrument = Literal[
    "activations.npz",
    "activations.png",
    "gradients.png",
    "confusion.png",
    "calibration.png",
    "classes.png",
    "classes-key.png",
    "worst.png",
    "top-losses.png",
    "surface.png",
    "batch.png",
    "summary.txt",
]


@dataclass(frozen=True)
class Run:
    """Paths of a run folder.  It is never overwritten: a new run wants a new or empty folder."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The whole recipe."""
        return self.folder / "recipe.toml"

    @property
    def plan(self) -> Path:
        """Who acts when, and what was chosen by measuring."""
        return self.folder / "plan.txt"

    @property
    def stats(self) -> Path:
        """One JSON a line: steps and validations."""
        return self.folder / "stats.jsonl"

    @property
    def states(self) -> Path:
        """What a resumed run goes on from."""
        return self.folder / "state"

    @property
    def previews(self) -> Path:
        """Held-out pictures, repaired again and again."""
        return self.folder / "previews"

    @property
    def instruments(self) -> Path:
        """What was seen inside the network and of its answers: see `instrument`."""
        return self.folder / "instruments"

    def instrument(self, name: Instrument) -> Path:
        """One file of `instruments`; those that end in .png are shown in the report."""
        return self.instruments / name

    @property
    def best(self) -> Path:
        """The averaged weights with the best held-out score."""
        return self.folder / "best.safetensors"

    @property
    def last(self) -> Path:
        """The averaged weights at the end."""
        return self.folder / "last.safetensors"

    @property
    def scores(self) -> Path:
        """Held-out scores at the end, beside the input's and plain filters'."""
        return self.folder / "scores.json"

    @property
    def facts(self) -> Path:
        """Status, device, versions, time and memory."""
        return self.folder / "run.json"

    @property
    def tuned(self) -> Path:
        """What was chosen by measuring at the first start, and is taken again."""
        return self.folder / "tuned.json"

    def read_facts(self) -> dict[str, Any]:
        """Facts so far; empty for a run that has none yet."""
        if not self.facts.is_file():
            return {}
        try:
            facts = json.loads(self.facts.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Refusal(f"{self.facts} is damaged ({error}). Delete it; a resumed run writes it again.") from error
        return facts if isinstance(facts, dict) else {}

    def note(self, **facts: Any) -> None:
        """Add to the facts."""
        files.write_json(self.facts, {**self.read_facts(), **facts})


def check_new(folder: Path) -> None:
    """Refuse a place where something stands.  What a run left that was killed before it had its recipe is nothing."""
    if folder.exists() and (not folder.is_dir() or any(not _is_nothing(entry) for entry in folder.iterdir())):
        hint = f"Go on with it (sfumato resume {folder})" if Run(folder).recipe.is_file() else "Empty it"
        raise Refusal(f"{folder} is not empty, and a run is never overwritten. {hint}, or give another --out.")


def create(folder: Path) -> Run:
    """A new run folder, where nothing stands yet: see `check_new`."""
    folder = Path(folder)
    check_new(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"The run folder {folder} cannot be made: {error.strerror}.") from error
    return Run(folder)


def _is_nothing(entry: Path) -> bool:
    return entry.name in (".lock", ".owner") or files.is_aside(entry)


def existing(folder: Path) -> Run:
    """A run folder that was begun; refused when there is none.

    One that was killed before it had its recipe counts as none: `create` takes it.
    """
    run = Run(Path(folder))
    if not run.recipe.is_file():
        raise Refusal(f"{folder} is not a run folder: it has no recipe.toml. See: sfumato runs {Path(folder).parent}")
    return run
