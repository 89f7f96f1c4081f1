"""The tasks a recipe can name.  A table to read; a task is imported when it is used, its recipe's type needs no torch."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sfumato.core import builtin, recipe
from sfumato.core.errors import unknown


@dataclass(frozen=True)
class Entry:
    """One task: its recipe's type ("file:Class" inside this room), the file that runs it, and what it does."""

    recipe: str
    task: str
    says: str


TASKS = {
    "restore": Entry("restore_recipe:Restore", "restore", "learn to repair pictures"),
}


def read(name: str, changes: list[str]) -> Any:
    """The recipe a person names: a task (its defaults), a built-in recipe, or a TOML file, with changes on top.

    Refuses what is none of them, and what `sfumato.core.recipe.read` refuses.
    """
    if name in TASKS:
        return recipe.read(_kind(name), {}, changes)
    path = Path(name)
    if not path.suffix and len(path.parts) == 1 and not path.is_file() and name not in builtin.recipes():
        raise unknown("task or recipe", name, {*TASKS, *builtin.recipes()})
    path = builtin.find(name)
    return recipe.read(_kind(recipe.read_table(path).get("task", "restore")), path, changes)


def check(recipe: Any) -> None:
    """Refuse what can be seen to be wrong without torch and without pictures: chains that do not parse."""
    from sfumato.spoil import catalogue, grammar  # the steps need OpenCV, which most verbs do not

    steps = catalogue.with_file(recipe.spoil.steps_file)
    for chain in filter(None, (recipe.spoil.chain, recipe.spoil.target)):
        grammar.parse(chain, steps)


def sources(recipe: Any) -> list[str]:
    """Where the pictures would come from, and how many are found there; folders are looked through, files are not opened."""
    from sfumato.data.reading.find import find_pictures

    names = dict.fromkeys(recipe.data.folders)
    return [name if name.startswith("builtin:") else f"{len(find_pictures(Path(name)))} pictures in {name}" for name in names]


def module(task: str) -> ModuleType:
    """The file of a task, imported now."""
    return import_module(f"sfumato.tasks.{_entry(task).task}")


def _kind(task: Any) -> type[Any]:
    file, name = _entry(task).recipe.split(":")
    kind: type[Any] = getattr(import_module(f"sfumato.tasks.{file}"), name)
    return kind


def _entry(task: Any) -> Entry:
    if not isinstance(task, str) or task not in TASKS:
        raise unknown("task", str(task), TASKS)
    return TASKS[task]
