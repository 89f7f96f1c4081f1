"""Verbs that learn: demo, new, plan, train, resume, find-lr."""

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from sfumato.cli.verb import Overwrite, OwnSpoil, Set, StepsFile, complain, free, option, png, show, switch
from sfumato.core import progress
from sfumato.core.errors import PARTLY, Interrupted, Refusal

Task = Annotated[str, typer.Argument(metavar="TASK|RECIPE", help="A recipe (sfumato recipes), a task such as restore, or a TOML file.")]
Pictures = Annotated[list[Path] | None, typer.Argument(help="Folders of good pictures, instead of the recipe's.")]
Minutes = Annotated[float | None, option("--minutes", says="Time budget.")]
Steps = Annotated[int | None, option("--steps", says="Budget in steps.")]
StartFrom = Annotated[Path | None, option("--from", shape="MODEL", says="Start from a model's weights.")]
Pairs = Annotated[tuple[Path, Path] | None, option("--pairs", shape="INPUTS TARGETS", says="Real pairs: two folders with the same names.")]
Critic = Annotated[bool, switch("--critic", says="Play against a critic, so that pictures look sharp; see --from.")]
Out = Annotated[Path | None, option("--out", "-o", says="Run folder: new or empty.", default="runs/NAME-N")]


def demo(
    out: Annotated[Path, option("--out", "-o", says="Run folder: new or empty.")] = Path("runs/demo"),
    minutes: Annotated[float, option("--minutes", says="Time for learning.")] = 3.0,
) -> None:
    """Learn on built-in photographs, repair two never seen, and show it: the whole path in a few minutes.

    \b
    Examples:
      sfumato demo
      sfumato demo --out runs/first --minutes 1
    """
    from sfumato.tasks import catalogue
    from sfumato.train.run import Run

    recipe = catalogue.read("demo", [f"train.minutes={minutes}"])
    _finish(out, lambda: catalogue.train(recipe, out))
    progress.say(f"sheet: {Run(out).previews / 'sheet.png'}")
    progress.say(f"use it: sfumato restore PICTURES --model {Run(out).last}")


def new_restore(
    photos: Annotated[Path, typer.Argument(help="Folder of good pictures.")],
    out: Annotated[Path, option("--out", "-o", says="The recipe's file; it must not exist yet.")] = Path("restore.toml"),
) -> None:
    """Write a commented recipe of about ten lines that learns to repair pictures like yours.

    \b
    Examples:
      sfumato new restore photos/
      sfumato new restore photos/ --out old-prints.toml
      sfumato train old-prints.toml
    """
    _begin("restore", photos, out)


def new_classify(
    photos: Annotated[Path, typer.Argument(help="Folder that holds one folder of pictures a class.")],
    out: Annotated[Path, option("--out", "-o", says="The recipe's file; it must not exist yet.")] = Path("classify.toml"),
) -> None:
    """Write a commented recipe of about ten lines that learns to name pictures like yours.

    \b
    Examples:
      sfumato new classify photos/
      sfumato train classify.toml
    """
    _begin("classify", photos, out)


def _begin(task: str, photos: Path, out: Path) -> None:
    from sfumato.tasks import starter

    starter.write(task, photos, out)
    show(f"{out} is written. Look at it, change what you like, and run: sfumato train {out}")


def plan(
    task: Task,
    pictures: Pictures = None,
    changes: Set = None,
    spoil: OwnSpoil = None,
    minutes: Minutes = None,
    steps: Steps = None,
    start_from: StartFrom = None,
    steps_file: StepsFile = None,
    pairs: Pairs = None,
    critic: Critic = False,
) -> None:
    """Say what a training would do: the recipe, the data, the network, and who acts when.  Trains nothing.

    \b
    Examples:
      sfumato plan restore photos/
      sfumato plan restore.toml --set network.kind=residual
    """
    from sfumato.core import recipe as recipes
    from sfumato.tasks import catalogue

    recipe = _asked(task, pictures, changes, spoil, steps_file, minutes, steps, start_from=start_from, pairs=pairs, critic=critic)
    show(recipes.difference(recipe))
    show(catalogue.build(recipe).plan())


def train(
    task: Task,
    pictures: Pictures = None,
    changes: Set = None,
    spoil: OwnSpoil = None,
    minutes: Minutes = None,
    steps: Steps = None,
    out: Out = None,
    start_from: StartFrom = None,
    steps_file: StepsFile = None,
    pairs: Pairs = None,
    critic: Critic = False,
    overfit: Annotated[int | None, option("--overfit", shape="N", says="Learn N batches by heart: does learning work at all?")] = None,
    dry_run: Annotated[bool, switch("--dry-run", says="Check and print the recipe, count the pictures, train nothing.")] = False,
) -> None:
    """Learn: from a task, a built-in recipe or a TOML file.

    \b
    Examples:
      sfumato train restore photos/
      sfumato train restore photos/ --spoil "scale 2 | jpeg 20..60 | text" --minutes 15 --out runs/text
      sfumato train restore.toml --set network.kind=residual --set train.epochs=3
      sfumato train restore photos/ --from runs/text/best.safetensors
      sfumato train restore photos/ --from runs/text/best.safetensors --critic
      sfumato train restore --pairs scans/ repaired/
      sfumato train restore photos/ --dry-run
      sfumato train mnist-resnet --overfit 1 --steps 200
      torchrun --nproc_per_node 2 -m sfumato train restore photos/ --out runs/two
    """
    from sfumato.core import recipe as recipes
    from sfumato.tasks import catalogue
    from sfumato.train import ranks
    from sfumato.train.run import check_new

    asked = partial(_asked, task, pictures, changes, spoil, steps_file, minutes, steps)
    recipe = asked(start_from=start_from, pairs=pairs, critic=critic, overfit=overfit)
    if out is None and ranks.count() > 1:
        raise Refusal("Several processes (torchrun) must be told the same run folder: give --out.")
    folder = out or _next_free(Path("runs"), recipe.name)
    if dry_run:
        check_new(folder)
        catalogue.check(recipe)
        show(recipes.to_toml(recipe).rstrip())
        show("\n".join(["", *(f"# {line}" for line in catalogue.sources(recipe)), f"# the run would go to {folder}"]))
        return
    _finish(folder, lambda: catalogue.train(recipe, folder))


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of a run that was stopped.")],
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            metavar="N",
            help="Processes that spoil from here on; the result does not depend on them.",
            show_default="the recipe's",
        ),
    ] = None,
) -> None:
    """Go on with a run that was stopped, where it was, or that was killed, from its last state, with the recipe it has.

    \b
    Examples:
      sfumato resume runs/restore-1
      sfumato resume runs/restore-1 --workers 0
    """
    from sfumato.tasks import catalogue
    from sfumato.train.run import existing

    _finish(existing(run).folder, lambda: catalogue.resume(run, workers=workers))


def _asked(
    task: str,
    pictures: list[Path] | None,
    changes: list[str] | None,
    spoil: str | None,
    steps_file: Path | None,
    minutes: float | None = None,
    steps: int | None = None,
    *,
    start_from: Path | None = None,
    pairs: tuple[Path, Path] | None = None,
    critic: bool = False,
    overfit: int | None = None,
) -> Any:
    """The recipe that a command line means: options change it first, so that --set has the last word."""
    from sfumato.tasks import catalogue

    if pairs and (pictures or spoil):
        raise Refusal("Real pairs (--pairs INPUTS TARGETS) bring their own pictures and damage: leave folders and --spoil out.")
    given = {
        "data.folders": [str(path) for path in pictures or (pairs and [pairs[1]]) or []],
        "data.inputs": pairs and str(pairs[0]),
        "spoil.chain": spoil,
        "spoil.steps_file": steps_file and str(steps_file),
        "start_from": start_from and str(start_from),
        "train.overfit": overfit,
        "train.minutes": minutes,
        "train.steps": steps,
    }
    told = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value not in (None, [])] + (changes or [])
    recipe = catalogue.read(task, [*(catalogue.game(task, told) if critic else ()), *told])
    if recipe.task != "restore" or not recipe.start_from or recipe.data.inputs:
        return recipe
    return _as_begun(recipe, catalogue.said(task, told))


def _as_begun(recipe: Any, said: Collection[str]) -> Any:
    """The same, with the damage that the model undoes with which it begins, where nobody names another."""
    from sfumato.tasks.parts import begun

    if {"spoil", "spoil.chain"} & set(said):
        return recipe
    found = begun.own_spoil(Path(recipe.start_from), steps_given=bool(recipe.spoil.steps_file))
    own = {key: chain for key, chain in found.items() if f"spoil.{key}" not in said}
    if not own:
        return recipe
    progress.say(f"spoil: {own['chain']}, as {recipe.start_from} has learnt to undo; --spoil asks for another")
    return replace(recipe, spoil=replace(recipe.spoil, **own))


def _finish(folder: Path, learn: Callable[[], Path]) -> None:
    """Train in a run folder, and write its report however the training ended."""
    from sfumato.report import page
    from sfumato.train import ranks
    from sfumato.train.run import Run

    if not ranks.is_first():  # of several processes one talks and writes
        progress.set_quiet(True)
        learn()
        return
    progress.say(f"run folder: {folder}")
    run = Run(folder)
    began_before = run.stats.is_file()
    try:
        model = learn()
    except (Interrupted, KeyboardInterrupt, Refusal) as stopped:
        if run.stats.is_file() and not (isinstance(stopped, Refusal) and began_before):
            with suppress(Refusal):  # the news is what stopped the run
                progress.say(f"report: {page.write_report(folder)}")
        raise
    show(str(model))
    try:
        progress.say(f"report: {page.write_report(folder)}")
    except Refusal as refusal:
        raise typer.Exit(complain(f"{refusal} The training is done; for its report: sfumato report {folder}", PARTLY)) from refusal


def _next_free(folder: Path, name: str) -> Path:
    """runs/NAME-1, or the first number that is free."""
    return next(path for number in count(1) if not (path := folder / f"{name}-{number}").exists())


def find_rate(
    task: Task,
    pictures: Pictures = None,
    changes: Set = None,
    spoil: OwnSpoil = None,
    steps_file: StepsFile = None,
    out: Annotated[Path, option("--out", "-o", shape="FILE.png", says="Where the plot goes.")] = Path("find-lr.png"),
    overwrite: Overwrite = False,
) -> None:
    """Find a learning rate: it rises step by step on a copy of the network, until the loss blows up.

    \b
    Examples:
      sfumato find-lr restore.toml
      sfumato find-lr restore photos/ --spoil "jpeg 20..60" --out rates.png
    """
    from sfumato.core import files
    from sfumato.show import plots
    from sfumato.tasks import catalogue

    png(free(out, overwrite=overwrite))
    found = catalogue.build(_asked(task, pictures, changes, spoil, steps_file)).find_rate()
    show(f"--set optimiser.rate={found.suggested:.2g}")  # first, for where the plot cannot be written it is not lost
    files.write_bytes(out, plots.rate_finder(found.rates, found.losses, found.suggested))
    progress.say(f"plot: {out}")
