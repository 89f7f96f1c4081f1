"""The command `sfumato`: one verb after the other is hung up here, and nothing slow is imported before one is called."""

import inspect
import sys
from typing import Annotated

import typer

from sfumato import __version__
from sfumato.cli import datasets, learn, look, repair
from sfumato.cli.classify import classify
from sfumato.cli.depth import depth
from sfumato.cli.evaluate import evaluate
from sfumato.cli.sample import sample
from sfumato.cli.segment import segment
from sfumato.cli.steps import WithSteps
from sfumato.cli.verb import Quiet, Unheard, Verbose, guarded, hush, listen, verb
from sfumato.core.system import threads

LEARN, USE, LOOK = "Learn", "Use", "Look"

app = typer.Typer(
    name="sfumato",
    help="Learns to repair pictures: it spoils good ones on the fly, learns the way back, and repairs yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for name, action, panel in (
    ("demo", learn.demo, LEARN),
    ("plan", learn.plan, LEARN),
    ("train", learn.train, LEARN),
    ("resume", learn.resume, LEARN),
    ("find-lr", learn.find_rate, LEARN),
    ("restore", repair.restore, USE),
    ("classify", classify, USE),
    ("segment", segment, USE),
    ("depth", depth, USE),
    ("sample", sample, USE),
    ("eval", evaluate, USE),
    ("crappify", repair.crappify, USE),
    ("recipes", look.recipes, LOOK),
    ("models", look.models, LOOK),
    ("runs", look.runs, LOOK),
    ("report", look.report, LOOK),
    ("doctor", look.doctor, LOOK),
):
    takes_chain = "spoil" in inspect.signature(action).parameters
    app.command(name, cls=WithSteps if takes_chain else None, rich_help_panel=panel)(verb(action))

new = typer.Typer(help="Write a commented recipe to start from.", no_args_is_help=True)
new.command("classify")(verb(learn.new_classify))
new.command("restore")(verb(learn.new_restore))
app.add_typer(new, name="new", rich_help_panel=LEARN)

data = typer.Typer(help="Known data sets: list them, fetch them, check them, look at them.", no_args_is_help=True)
data.command("list")(verb(datasets.list_sets))
data.command("get")(verb(datasets.get))
data.command("check")(verb(datasets.check))
data.command("show")(verb(datasets.look))
app.add_typer(data, name="data", rich_help_panel=LOOK)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"sfumato {__version__}")
        raise typer.Exit


@app.callback()
def before(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Learns to repair pictures: it spoils good ones on the fly, learns the way back, and repairs yours.

    \b
    Start with
      sfumato demo                            learn, repair and look, in a few minutes
      sfumato restore photo.jpg               repair with the model that comes along
      sfumato train restore photos/           learn from your own good pictures
    """
    listen(quiet, verbose)


def run() -> None:
    """The console script.  Help and wrong options are said by typer itself, on streams that may be full too."""

    def typed() -> None:
        try:
            app()
        except SystemExit as done:
            raise typer.Exit(int(done.code or 0)) from None
        except OSError as error:
            raise Unheard(error) from error

    threads.wait_shortly()
    code = guarded(typed)
    try:
        sys.stderr.flush()
    except OSError:
        hush(sys.stderr)
    sys.exit(code)
