"""Every step a chain may name: a table one can read.  Nothing is imported until it is used, so this needs neither torch nor OpenCV.

The documentation, `--help`, the preview sheet and the common contract test are all made from it.
"""

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sfumato.core.errors import Refusal
from sfumato.core.files import digest
from sfumato.spoil.parts import arguments

GROUP = "sfumato.steps"  # entry points of other packages: name of the step = "package.module:Class"


@dataclass(frozen=True)
class Entry:
    """Where a step's class is ("module:Class" of this room, "package.module:Class", or "file.py:Class"), and what it does in a line."""

    path: str
    says: str

    def load(self) -> type[Any]:
        """The class, imported now."""
        place, _, name = self.path.rpartition(":")
        if place.endswith(".py"):
            return _class(_module_of_file(place), name, place)
        return _class(importlib.import_module(place if "." in place else f"sfumato.spoil.{place}"), name, place)


STEPS: Mapping[str, Entry] = {
    "scale": Entry("resample:Scale", "down and up again, same size: fine detail is gone"),
    "shrink": Entry("resample:Shrink", "down only, for a network that then enlarges; steps after it spoil the small picture"),
    "pixelate": Entry("resample:Pixelate", "squares of one colour each"),
    "blur": Entry("blur:Blur", "gaussian, box, motion or defocus blur"),
    "noise": Entry("noise:Noise", "gaussian, poisson, speckle or salt noise"),
    "jpeg": Entry("compression:Jpeg", "written as JPEG and read again"),
    "webp": Entry("compression:Webp", "written as lossy WebP and read again"),
    "text": Entry("marks:Text", "burned-in digits, words or medical lines"),
    "watermark": Entry("marks:Watermark", "the same words all over, upright or slanted"),
    "logo": Entry("marks:Logo", "emblems, drawn or your own"),
    "scratches": Entry("film:Scratches", "long thin lines along the film"),
    "dust": Entry("film:Dust", "specks and hairs"),
    "folds": Entry("film:Folds", "creases right across the print"),
    "stains": Entry("film:Stains", "spots of what was spilt"),
    "fade": Entry("film:Fade", "years of light: contrast and colour drift to the paper's"),
    "cast": Entry("film:Cast", "a tint over everything"),
    "grey": Entry("colour:Grey", "colour taken away"),
    "posterise": Entry("colour:Posterise", "only a few tones left"),
    "halftone": Entry("colour:Halftone", "dots of ink, as in a newspaper"),
    "edges": Entry("colour:Edges", "a line drawing on white paper"),
    "hole": Entry("missing:Hole", "pieces cut out: rectangles, free forms, or the centre"),
    "border": Entry("missing:Border", "strips cut off the sides"),
    "erase": Entry("missing:Erase", "rectangles of unit noise"),
}


@cache
def known() -> Mapping[str, Entry]:
    """The house's steps and those that installed packages bring through the entry point group "sfumato.steps"."""
    brought = {point.name: Entry(point.value, f"from {point.value}") for point in importlib.metadata.entry_points(group=GROUP)}
    return _joined(STEPS, brought, "an installed package")


def with_file(path: str | Path) -> Mapping[str, Entry]:
    """All known steps and those of a person's own Python file, which says which they are: STEPS = {"frost": Frost}.

    Each is a frozen dataclass with defaults for all its fields and __call__(self, picture, rng): uint8 (H, W, C) -> the same shape.
    The file is run: use only one you trust.  An empty path adds nothing.  Refuses a file that is not there, fails, or names no steps.
    """
    return _joined(known(), _own(str(Path(path).resolve())), str(path)) if str(path) else known()


def _joined(steps: Mapping[str, Entry], more: Mapping[str, Entry], source: str) -> Mapping[str, Entry]:
    for name in more:
        if name in steps or name in ("maybe", "shuffle", "repeat"):
            raise Refusal(f"There is a step called {name!r} already; the one from {source} needs another name.")
        if not re.fullmatch(arguments.WORD, name):
            raise Refusal(f"A step cannot be called {name!r} ({source}): use letters, digits, - and _, a letter first.")
    return {**steps, **more}


def _own(file: str) -> Mapping[str, Entry]:
    steps = getattr(_module_of_file(file), "STEPS", None)
    if not isinstance(steps, dict) or not all(isinstance(name, str) and isinstance(step, type) for name, step in steps.items()):
        raise Refusal(f'{file} names no steps. It must say which of its classes are steps, like STEPS = {{"frost": Frost}}.')
    for step in steps.values():
        arguments.arguments(step)  # refuses, in words, what no chain could write
    return {name: Entry(f"{file}:{step.__name__}", _first_line(step)) for name, step in steps.items()}


def _module_of_file(file: str) -> ModuleType:
    if not Path(file).is_file():
        raise Refusal(f"There is no file {file} to take steps from.")
    return _run(file, digest(Path(file).read_bytes())[:16])


@lru_cache(maxsize=32)
def _run(file: str, content: str) -> ModuleType:
    name = f"sfumato_steps_{digest(file.encode())[:8]}_{content}"  # a changed file is another module
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Refusal(f"{file} is no Python file; steps come from a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        line = error.lineno if isinstance(error, SyntaxError) else error.__traceback__ and _last_line(error, file)
        raise Refusal(f"{file}, line {line}: the steps could not be loaded: {type(error).__name__}: {error}") from error
    return module


def _last_line(error: Exception, file: str) -> int:
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == file else line
        trace = trace.tb_next
    return line


def _class(module: ModuleType, name: str, place: str) -> type[Any]:
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise Refusal(f"{place} has no class called {name!r} to be a step.")
    return found


@dataclass(frozen=True)
class Row:
    """One step in the table: its name, what it does, and its arguments as (name, default as a chain would say it, what it means)."""

    name: str
    says: str
    arguments: tuple[tuple[str, str, str], ...]

    @property
    def usage(self) -> str:
        """The step with all its defaults written out."""
        return " ".join([self.name, *(f"{name}={default}" for name, default, _ in self.arguments if default)])


def table(steps: Mapping[str, Entry] | None = None) -> tuple[Row, ...]:
    """What every step is told and what it holds unless told: for the documentation and --help.  Imports the steps."""
    return tuple(_row(name, entry) for name, entry in (known() if steps is None else steps).items())


def _row(name: str, entry: Entry) -> Row:
    step = entry.load()
    meanings = meaning(step.__doc__ or "")
    found = arguments.arguments(step)
    return Row(name, entry.says, tuple((each.name, arguments.text_of(each, each.default), meanings.get(each.name, "")) for each in found))


def meaning(docstring: str) -> dict[str, str]:
    """The lines "name : what it means" of a step's docstring, each with what is written deeper below it."""
    found: dict[str, str] = {}
    name, depth = "", 0
    for line in docstring.splitlines()[1:]:
        start = re.match(rf"(\s*)({arguments.WORD}) : (.*)", line)
        indent = len(line) - len(line.lstrip())
        if start and (not name or indent <= depth):
            name, depth = start[2], indent
            found[name] = start[3].strip()
        elif name and line.strip() and indent > depth:
            found[name] += " " + line.strip()
    return found


def _first_line(step: type[Any]) -> str:
    return (step.__doc__ or "a step of your own").strip().splitlines()[0]
