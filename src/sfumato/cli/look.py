"""Verbs that look: recipes, models, runs, report, doctor."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.verb import Json, Overwrite, complain, existing, free, option, show, show_json, show_table, switch
from sfumato.core.errors import PARTLY, Refusal, shortened

if TYPE_CHECKING:
    from sfumato.train.run import Run

STATUS = 24  # letters of it in a table; all are in the run's facts (--json)


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this one.")] = None,
    as_json: Json = False,
) -> None:
    """List the built-in recipes, or print one.

    \b
    Examples:
      sfumato recipes
      sfumato recipes demo > mine.toml
    """
    from sfumato.core import builtin
    from sfumato.core.recipe import read_table

    if name is not None:
        path = builtin.find(name)
        if as_json:
            show_json(read_table(path))
        else:
            show(path.read_text(encoding="utf-8").rstrip())
        return
    known = builtin.recipes().values()
    if as_json:
        show_json([{"name": one.name, "path": one.path, "says": one.says} for one in known])
    else:
        show_table(["recipe", "what it is for"], [[one.name, one.says] for one in known])


def models(
    paths: Annotated[list[Path] | None, typer.Argument(help="Model files, or folders of them.", show_default="what comes along")] = None,
    as_json: Json = False,
) -> None:
    """Say what model files are: task, network, what they learnt from, scores, licence.

    \b
    Examples:
      sfumato models
      sfumato models runs/text/best.safetensors
      sfumato models runs/ --json
    """
    from sfumato.nets import load
    from sfumato.tasks.parts.restorer import shipped

    found, refused = {}, []
    for path in _model_files(paths or [shipped()]):
        try:
            found[path] = load.read_header(path)
        except Refusal as refusal:
            refused.append(refusal)
    if refused and not found:
        raise refused[0]
    for one in refused:
        complain(str(one), PARTLY)
    if as_json:
        show_json([{"path": path, **asdict(header)} for path, header in found.items()])
    for path, header in () if as_json else found.items():
        show(f"{path}  ({path.stat().st_size / 2**20:.1f} MB)")
        network = ", ".join(f"{name} {value}" for name, value in header.network.items() if name != "kind")
        lines = {
            "task": header.task,
            "network": f"{header.network.get('kind')} ({network})",
            "contract": ", ".join(f"{name} {value}" for name, value in asdict(header.contract).items()),
            **{name: str(value) for name, value in [*header.card.items(), *header.scores.items()]},
            "licence": header.licence,
            "made with": ", ".join(f"{name} {value}" for name, value in header.versions.items()),
        }
        for name, value in lines.items():
            show(f"  {_harmless(f'{name}: {value}')}")
    if refused:
        raise typer.Exit(PARTLY)


def _harmless(text: str) -> str:
    """What a file of others says, as one line that moves no cursor and colours nothing."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _model_files(paths: list[Path]) -> list[Path]:
    """Files as they are named, and every model file under a folder: neither states of runs nor what a kill left half written."""
    return [file for path in paths for file in (_models_under(path) if path.is_dir() else [path])]


def _models_under(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.safetensors")) if path.parent.name != "state" and not path.name.startswith(".")]


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder that holds run folders.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List runs: what they are, how far they came, how good they are.

    \b
    Examples:
      sfumato runs
      sfumato runs elsewhere/ --json
    """
    from sfumato.core.system import locks
    from sfumato.train.run import Run

    found = [Run(path.parent) for path in sorted(existing(folder, "folder").glob("*/recipe.toml"))]
    facts = [{"run": str(run.folder), **_facts(run), "running": locks.is_owned(run.folder)} for run in found]
    if as_json:
        show_json(facts)
        return
    titles = ["run", "status", "task", "steps", "minutes", "on held-out pictures"]
    known = titles[2:5]
    rows = [[fact["run"], _status(fact), *(_cell(fact.get(name)) for name in known), _outcome(run)] for fact, run in zip(facts, found)]
    show_table(titles, rows)


def _facts(run: Run) -> dict[str, Any]:
    try:
        return run.read_facts()
    except Refusal:
        return {"status": "damaged"}


def _status(facts: dict[str, Any]) -> str:
    """A run that says it is running while nobody owns its folder was killed."""
    status = str(facts.get("status", "begun"))
    if facts["running"]:
        return "running"
    return "killed: resume it" if status == "running" else shortened(" ".join(status.split()), STATUS)


def _outcome(run: Run) -> str:
    """What the run's own scores say: what was gained by a repair, how many names were right, how many depths."""
    if not run.scores.is_file():
        return ""
    try:
        return _best_told(json.loads(run.scores.read_text(encoding="utf-8")))
    except (ValueError, LookupError, TypeError):
        return "damaged"


def _best_told(scores: dict[str, Any]) -> str:
    if scores.get("task") == "depth":
        return f"{100 * scores['rows'][-1]['delta1']['mean']:.2f} % within 1.25"
    if "gains" in scores:
        return f"{scores['gains']['psnr_rgb']['mean']:+.2f} dB"
    [row, *_] = scores["rows"]
    right = row.get("accuracy") or row["pixel_accuracy"]
    return f"{100 * right['mean']:.2f} % right"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def report(
    run: Annotated[list[Path], typer.Argument(help="Run folder; of a ladder several, the lowest rung first.")],
    ladder: Annotated[bool, switch("--ladder", says="Put several runs on one page, with the same pictures in the same order.")] = False,
    out: Annotated[Path | None, option("--out", "-o", says="Where a ladder's page goes.", default="ladder.html")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a run's report.html again: curves, before and after, scores, the recipe; or several runs side by side.

    \b
    Examples:
      sfumato report runs/restore-1
      sfumato report --ladder runs/tiny-superres-unet-1 runs/tiny-superres-feature-1
    """
    if ladder:
        from sfumato.report import ladder as ladders

        show(str(ladders.write_ladder(run, free(out or Path("ladder.html"), overwrite=overwrite))))
        return
    if out is not None:
        raise Refusal("A run's report lies in its folder, and --out is for a page of several: give --ladder, or leave --out out.")
    from sfumato.report import page

    for folder in run:
        show(str(page.write_report(folder)))


def doctor(
    model: Annotated[Path | None, typer.Argument(help="Check this model file too.")] = None,
    as_json: Json = False,
) -> None:
    """Say what this machine offers, what is installed, and whether a model file is sound.

    \b
    Examples:
      sfumato doctor
      sfumato doctor runs/restore-1/best.safetensors
    """
    from sfumato.core.system import machine
    from sfumato.tasks.parts import restorer

    facts = machine.facts(Path())
    checked = model or restorer.shipped()
    if model is not None or checked.is_file():
        from sfumato.nets import load

        kind = load.read(checked).header.network.get("kind")
        facts.append(machine.Fact("model", f"{checked} is sound: its checksum is right, and its network ({kind}) can be built"))
    if as_json:
        show_json({fact.name: fact.value for fact in facts})
    else:
        for fact in facts:
            show(f"{fact.name + ':':<12} {fact.value}")
