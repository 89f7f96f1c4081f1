"""The tasks a recipe can name.  A table to read; a task is imported when it is used, its recipe's type needs no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sfumato.core import builtin, recipe
from sfumato.core.errors import Refusal, unknown
from sfumato.train import run as runs

if TYPE_CHECKING:
    from sfumato.tasks.parts.job import Job


@dataclass(frozen=True)
class Entry:
    """One task: its recipe's type ("file:Class" inside this room), the file that builds it, the one of `parts` that uses its models."""

    recipe: str
    task: str
    model: str
    says: str


TASKS = {
    "classify": Entry("classify_recipe:Classify", "classify", "classifier", "learn to tell what pictures show"),
    "depth": Entry("depth_recipe:Depth", "depth", "depth_model", "learn to tell how far away each pixel is"),
    "generate": Entry("generate_recipe:Generate", "generate", "dreams", "learn to make pictures from noise"),
    "restore": Entry("restore_recipe:Restore", "restore", "restorer", "learn to repair pictures"),
    "segment": Entry("segment_recipe:Segment", "segment", "segmenter", "learn to tell what each pixel shows"),
}
BUDGETS = ("train.minutes", "train.steps", "train.epochs")


def read(name: str, changes: list[str]) -> Any:
    """The recipe a person names: a built-in recipe, a task (its defaults), or a TOML file, with changes on top.

    A budget among the changes stands in for the recipe's, whatever that is counted in.
    Refuses what is none of them, and what `sfumato.core.recipe.read` refuses.
    """
    source = _source(name)
    kind = _kind(name if source is None else recipe.read_table(source).get("task", "restore"))
    return recipe.read(kind, source or {}, _budget_alone(changes))


def _source(name: str) -> Path | None:
    """The file of a recipe; None for a task that no built-in recipe is called by."""
    if name in TASKS and name not in builtin.recipes():
        return None
    path = Path(name)
    if path.is_dir() and name not in builtin.recipes():
        raise Refusal(f"{name} is a folder, and what shall be learnt comes before it, such as: restore {name}")
    if not path.suffix and len(path.parts) == 1 and not path.is_file() and name not in builtin.recipes():
        raise unknown("task or recipe", name, {*TASKS, *builtin.recipes()})
    return builtin.find(name)


def _budget_alone(changes: list[str]) -> list[str]:
    named = _named(changes)
    if all(named.get(budget, "off") == "off" for budget in BUDGETS):
        return changes
    return [f"{budget}=off" for budget in BUDGETS if budget not in named] + changes


def _named(changes: Sequence[str]) -> dict[str, str]:
    """What changes such as "train.epochs=3" say, by their dotted keys."""
    return {key.strip(): value.strip(" \"'") for key, _, value in (change.partition("=") for change in changes)}


def said(name: str, changes: Sequence[str] = ()) -> dict[str, Any]:
    """What a recipe's file says, and changes on top, by dotted keys."""
    source = _source(name)
    tables = recipe.read_table(source) if source is not None else {}
    flat = {f"{table}.{key}": value for table, keys in tables.items() if isinstance(keys, dict) for key, value in keys.items()}
    return {**flat, **_named(changes)}


def game(name: str, changes: Sequence[str]) -> list[str]:
    """What makes a recipe of the task `restore` a game against a critic: all that `restore-sharp` says and the recipe does not.

    Nothing where the recipe's file or the changes name a critic already.
    """
    own, sharp = said(name), said("restore-sharp")
    if own.get("critic.kind", "none") != "none" or "critic.kind" in _named(changes):
        return []
    if own.get("optimiser.kind") != sharp["optimiser.kind"]:  # then what the file says of another one does not hold
        own = {key: value for key, value in own.items() if not key.startswith("optimiser.")}
    kept = {key for key in own if key not in ("critic.kind", "optimiser.beta1")}
    return [f"{key}={json.dumps(value)}" for key, value in sharp.items() if key not in kept and key not in BUDGETS]


def check(recipe: Any) -> None:
    """Refuse what can be seen to be wrong with a recipe without torch and without pictures."""
    _recipe_module(recipe.task).check(recipe)


def sources(recipe: Any) -> list[str]:
    """Where a recipe's pictures would come from, and how many are found there."""
    found: list[str] = _recipe_module(recipe.task).sources(recipe)
    return found


def build(asked: Any, *, workers: int | None = None) -> Job:
    """The task a recipe describes; what is wrong with it is said when the part is made.  workers : see `resume`."""
    job: Job = import_module(f"sfumato.tasks.{_entry(asked.task).task}").build(asked, workers)
    return job


def train(asked: Any, folder: Path) -> Path:
    """Train by a recipe from the start in a new run folder; returns the path of its best model."""
    from sfumato.tasks.parts import fitting  # torch

    return fitting.train(build(asked), folder)


def resume(folder: Path, *, workers: int | None = None) -> Path:
    """Go on with a run that was stopped, by the recipe it has, to the end of its budget; returns the path of its best model.

    workers : processes that load from here on, instead of the recipe's number; the result does not depend on it.
    """
    from sfumato.tasks.parts import fitting  # torch

    asked = read(str(runs.existing(folder).recipe), [])
    return fitting.resume(build(asked, workers=workers), folder)


def load(path: str | Path | None, *, device: str = "auto") -> Any:
    """A trained model, ready for use by the task it was made for; without a path the restorer that comes with the package."""
    from sfumato.nets import load as model_files  # torch

    task = "restore" if path is None else model_files.read_header(Path(path)).task
    return import_module(f"sfumato.tasks.parts.{_entry(task).model}").load(path, device=device)


def _kind(task: Any) -> type[Any]:
    kind: type[Any] = getattr(_recipe_module(task), _entry(task).recipe.split(":")[1])
    return kind


def _recipe_module(task: Any) -> ModuleType:
    return import_module(f"sfumato.tasks.{_entry(task).recipe.split(':')[0]}")


def _entry(task: Any) -> Entry:
    if not isinstance(task, str) or task not in TASKS:
        raise unknown("task", str(task), TASKS)
    return TASKS[task]
