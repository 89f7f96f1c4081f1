"""The tables of the documentation: docs/results.md and docs/faults.md from bench/results, docs/steps.md from the catalogue,
docs/recipes.md from the recipes' types, and a page a preset, docs/presets, from what bench/presets.py measured.

    python bench/tables.py
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path
from typing import Any

from sfumato.core import builtin, files, recipe
from sfumato.spoil import catalogue
from sfumato.tasks import catalogue as tasks

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- made by `make docs`; do not write here -->"


def results(folder: Path) -> str:
    """Every bar of every result, as Markdown."""
    lines = ["# What was measured", "", MADE]
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        lines += ["", f"## {found['name']}", "", f"`{found['command']}`, {found['date']}, {_where(found)}", ""]
        if "table" in found:
            titles, rows = found["table"]["titles"], found["table"]["rows"]
            lines += [found["table"]["says"], "", _row(titles), "|---" * len(titles) + "|", *map(_row, rows)]
            if not found["bars"]:
                continue
            lines.append("")
        lines += ["| what | needed | measured | spread | holds |", "|---|---|---|---|---|"]
        lines += [_row([bar["what"], bar["needed"], bar["measured"], bar["spread"], _holds(bar["holds"])]) for bar in found["bars"]]
    return "\n".join(lines).rstrip() + "\n"


def faults(folder: Path) -> str:
    """What was done to sfumato, and what was lost, as Markdown: of every result that tried faults."""
    lines = ["# Faults tried, and what was lost", "", MADE]
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if "faults" not in found:
            continue
        lines += ["", f"## {found['name']}", "", f"`{found['command']}`, {found['date']}, {_where(found)}", ""]
        lines += ["| fault | tried | lost | said |", "|---|---|---|---|"]
        lines += [_row([fault["fault"], fault["tried"], fault["lost"], fault["said"]]) for fault in found["faults"]]
    return "\n".join(lines) + "\n"


def presets(folder: Path) -> dict[str, str]:
    """A page a preset, as Markdown: what it is for, its recipe, what it made of pictures that taught it nothing, and what that is worth."""
    path = folder / "presets.json"
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    pages: dict[str, str] = {}
    titles, says = found["table"]["titles"][1:], found["table"]["says"].partition(". ")[0]
    for name, one in found["presets"].items():
        lines = [f"# {name}", "", MADE, "", builtin.recipes()[one["recipe"]].says, ""]
        lines += [f"![As it came, repaired, as it was]({name}.jpg)", ""]
        lines += ["```sh", f"{one['command']} --out runs/{name}", "```", ""]
        lines += ["```toml", one["toml"].strip(), "```", ""]
        lines += [f"{says}. `{one['measured']}`, {one['date']}, {_where(one)}", ""]
        lines += [_row(titles), "|---" * len(titles) + "|", *(_row(row[1:]) for row in one["rows"]), ""]
        lines += [
            f"- {bar['what']}: {_cell(bar['measured'])} ({_cell(bar['spread'])}); holds: {_holds(bar['holds'])}" for bar in one["bars"]
        ]
        pages[name] = "\n".join(lines) + "\n"
    return pages


def steps() -> str:
    """Every way to spoil, with its arguments, as Markdown."""
    lines = ["# Ways to spoil a picture", "", MADE, ""]
    lines += ["A chain names steps with `|` between them; `a..b` is drawn anew for every picture. Numbers need no name."]
    for row in catalogue.table(catalogue.STEPS):
        lines += [
            "",
            f"## {row.name}",
            "",
            f"{row.says[0].upper()}{row.says[1:]}.",
            "",
            "| argument | unless told | meaning |",
            "|---|---|---|",
        ]
        lines += [_row([f"`{name}`", f"`{default}`" if default else "", meaning]) for name, default, meaning in row.arguments]
    return "\n".join(lines) + "\n"


def recipes() -> str:
    """Every key that a recipe can have, with what it takes, what holds unless it is told, and the words beside it in the source."""
    lines = ["# What a recipe can say", "", MADE, ""]
    lines += ["Keys as `--set` takes them; in a recipe's file `train.epochs` is `epochs` in the table `[train]`. A task that a built-in"]
    lines += ["recipe is called by (`sfumato recipes segment`) begins with that, which says more than what holds here unless told."]
    told: dict[type[Any], tuple[str, dict[str, str]]] = {}  # what several tasks share is told once, and what they have else in it
    for task, entry in tasks.TASKS.items():
        lines += ["", f"## {task}: {entry.says}", ""]
        whole = type(tasks.read(task, []))()
        for beginning, section in recipe.sections(type(whole)):
            usual, defaults = _defaults(whole, beginning, section)
            kind = section.__pydantic_fields__.get("kind")
            name = f"`{beginning.rstrip('.') or 'at the top'}`"
            name += f" with `kind = {json.dumps(kind.default)}`" + " (unless told)" * usual if kind else ""
            if section in told:
                first, others = told[section]
                unlike = [f"`{beginning}{key}` is `{value}`" for key, value in defaults.items() if value != others[key]]
                lines += ["", f"{name}: as told under {first}" + (f", but {', '.join(unlike)}." if unlike else ".")]
                continue
            told[section] = task, defaults
            lines += ["", f"### {name}", "", str(section.__doc__), "", "| key | takes | unless told | meaning |", "|---|---|---|---|"]
            said = _words_beside(section)
            for key, info in recipe.plain(section).items():
                lines.append(_row([f"`{beginning}{key}`", recipe.expected(info), f"`{defaults[key]}`", said.get(key, "")]))
    return "\n".join(lines) + "\n"


def _defaults(whole: Any, beginning: str, section: type[Any]) -> tuple[bool, dict[str, str]]:
    """Whether a task has this section unless another kind is asked for, and what its keys then are: the task's own, or the type's."""
    own = whole
    for name in filter(None, beginning.split(".")):
        own = getattr(own, name, None)
    found = own if type(own) is section else section
    fields = recipe.plain(section)
    values = {key: getattr(found, key) if found is own else getattr(info, "default", None) for key, info in fields.items()}
    return found is own, {key: json.dumps(value) for key, value in values.items()}


def _words_beside(section: type[Any]) -> dict[str, str]:
    """The comment at the end of each field's line, and on those below it that hold nothing else; what is inherited too."""
    said: dict[str, str] = {}
    for kind in reversed(section.__mro__[:-1]):
        for match in re.finditer(r"^    (\w+): .*?  # (.*(?:\n    # .*)*)$", inspect.getsource(kind), re.MULTILINE):
            said[match[1]] = re.sub(r"\n    # ", " ", match[2])
    return said


def _row(cells: list[Any]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "..".join(_cell(part) for part in value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def _holds(value: Any) -> str:
    return {True: "yes", False: "**no**"}[value] if isinstance(value, bool) else str(value)


def _where(found: Any) -> str:
    """Machine, commit and the versions that matter most."""
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    versions = ", ".join(f"{name} {found['versions'][name]}" for name in ("python", "torch", "fastai") if name in found["versions"])
    return f"{machine}, commit {found['commit']}, {versions}"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    files.write_text(ROOT / "docs" / "results.md", results(ROOT / "bench" / "results"))
    files.write_text(ROOT / "docs" / "faults.md", faults(ROOT / "bench" / "results"))
    files.write_text(ROOT / "docs" / "steps.md", steps())
    files.write_text(ROOT / "docs" / "recipes.md", recipes())
    for name, page in presets(ROOT / "bench" / "results").items():
        files.write_text(ROOT / "docs" / "presets" / f"{name}.md", page)
