"""The recipes that come with the package: `recipes/NAME.toml`, whose first line is a comment that says what it is for."""

from dataclasses import dataclass
from pathlib import Path

from sfumato.core.errors import Refusal, unknown

FOLDER = Path(__file__).parent.parent / "recipes"


@dataclass(frozen=True)
class Builtin:
    """One built-in recipe."""

    name: str
    path: Path
    says: str  # its first line


def recipes() -> dict[str, Builtin]:
    """All of them, by name."""
    return {path.stem: Builtin(path.stem, path, _says(path)) for path in sorted(FOLDER.glob("*.toml"))}


def find(name: str) -> Path:
    """The file of a recipe named as a person names it: a path to a file of their own, or the name of a built-in one.

    Refuses what is neither, with the nearest built-in name.
    """
    path, known = Path(name), recipes()
    if name in known:
        return known[name].path
    if path.is_file():
        return path
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise Refusal(f"There is no recipe file {name}. Built-in recipes are named without .toml: {', '.join(known)}.")
    raise unknown("built-in recipe, and no recipe file,", name, known)


def _says(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return lines.readline().lstrip("#").strip()
