"""What all verbs share: -q and -v, and the one place where errors become sentences and exit codes."""

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TextIO, get_type_hints

import typer

from sfumato.core import progress
from sfumato.core.errors import INTERRUPTED, OURS, REFUSED, Interrupted, Refusal


def option(*names: str, says: str, shape: str | None = None, default: bool | str = True) -> Any:
    """An option of the command line.  shape: how its value is written; default: whether the help shows it, or what it shows instead."""
    return typer.Option(*names, help=says, metavar=shape, show_default=default)


def switch(*names: str, says: str) -> Any:
    """An option that is on when it is there."""
    return typer.Option(*names, help=says, show_default=False)


Quiet = Annotated[bool, switch("--quiet", "-q", says="Say nothing but errors and what was asked for.")]
Verbose = Annotated[bool, switch("--verbose", "-v", says="Show where an error of ours comes from.")]
Json = Annotated[bool, switch("--json", says="Print JSON for programs instead of text for people.")]
Overwrite = Annotated[bool, switch("--overwrite", says="Do again what is done already.")]
DryRun = Annotated[bool, switch("--dry-run", says="Say which file would become which, and write nothing.")]
Device = Annotated[str, option("--device", shape="NAME", says="auto, cuda, mps or cpu.")]
Set = Annotated[list[str] | None, option("--set", shape="KEY=VALUE", says="Change a key of the recipe (train.epochs=3); repeat for more.")]
OwnSpoil = Annotated[
    str | None, option("--spoil", shape="CHAIN", says="How they get spoilt instead.", default="the recipe's or model's own")
]
Seed = Annotated[int, option("--seed", says="The same seed spoils the same way.")]
StepsFile = Annotated[Path | None, option("--steps-file", shape="FILE.py", says="Python file with ways to spoil of your own.")]

REPORT = "This is an error of sfumato, not yours. Run the command again with -v and report what it prints"
_verbose = False


def listen(quiet: bool, verbose: bool) -> None:
    """Take note of -q and -v, which may stand before a verb or after it."""
    global _verbose
    _verbose = _verbose or verbose
    if quiet:
        progress.set_quiet(True)


def verb(action: Callable[..., None]) -> Callable[..., None]:
    """Give a function -q and -v, and its errors words and exit codes (`sfumato.core.errors`)."""

    @functools.wraps(action)
    def spoken(quiet: bool, verbose: bool, **arguments: Any) -> None:  # typer calls by name what the signature below lists
        listen(quiet, verbose)
        code = guarded(lambda: action(**arguments))
        if code:
            raise typer.Exit(code)

    hints = {**get_type_hints(action, include_extras=True), "quiet": Quiet, "verbose": Verbose}
    own = [parameter.replace(annotation=hints[name]) for name, parameter in inspect.signature(action).parameters.items()]
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hints[name]) for name in ("quiet", "verbose")
    ]
    spoken.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]
    spoken.__annotations__ = hints
    return spoken


def guarded(action: Callable[[], None]) -> int:
    """Do it, and say in words what went wrong; the exit code."""
    code = _answered(action)
    try:
        sys.stdout.flush()
    except OSError as error:
        return _unheard(error, code)
    return code


def _answered(action: Callable[[], None]) -> int:
    try:
        action()
    except typer.Exit as done:
        return done.exit_code
    except Refusal as refusal:
        return complain(str(refusal), REFUSED)
    except (Interrupted, KeyboardInterrupt) as interrupted:
        return complain(str(interrupted) or "interrupted.", INTERRUPTED)
    except Unheard as unheard:
        return _unheard(unheard.error)
    except BrokenPipeError as error:
        return _unheard(error)
    except OSError as error:  # the disk's, not ours: no room, no right, no such file
        if _verbose:
            raise
        return complain(f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}.", REFUSED)
    except Exception as error:
        if _verbose:
            raise
        return complain(f"{REPORT} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no words'}).", OURS)
    return 0


class Unheard(Exception):
    """stdout takes no more."""

    def __init__(self, error: OSError):
        super().__init__(str(error))
        self.error = error


def _unheard(error: OSError, code: int = 0) -> int:
    """Whoever read our output has seen enough (`sfumato runs | head`), or the disk that it goes to is full; the exit code."""
    hush(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return OURS
    return complain(f"What was asked for could not be written to stdout: {error.strerror or error}.", code or REFUSED)


def hush(stream: TextIO) -> None:
    """What waits in a stream that cannot be written to goes nowhere, for Python would fail over it again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(sentence: str, code: int) -> int:
    """One sentence on stderr, where anybody listens; hands the code on."""
    with suppress(OSError):
        print(f"sfumato: {sentence}", file=sys.stderr)
    return code


def show(text: str) -> None:
    """What a verb was asked for, on stdout; signs that it has none for are written by their numbers."""
    signs = sys.stdout.encoding or "utf-8"  # a file's name may hold bytes that are no text, or letters that an old terminal lacks
    try:
        print(text.encode(signs, "backslashreplace").decode(signs))
    except OSError as error:
        raise Unheard(error) from error


def show_json(value: Any) -> None:
    """The same for programs: one JSON value on stdout."""
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    show(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=plain, default=str))


def show_table(titles: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as they need; the last one runs free, so that lines can be cut by other programs."""
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles) - 1)]
    for row in [titles, *rows]:
        show("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip())


def told(score: dict[str, Any]) -> str:
    """A score with its interval, where it has one, as short as three of them on a line must be."""
    interval = "" if score["low"] is None else f" ({score['low']:.3g}..{score['high']:.3g})"
    return f"{score['mean']:.{4 if abs(score['mean']) >= 1 else 3}g}{interval}"


def show_scores(scores: dict[str, Any], names: Sequence[str], more: Sequence[dict[str, Any]] = ()) -> None:
    """A table of what `eval` found: a row a way, what was gained, and further rows."""
    rows = [*scores["rows"], {"name": "gain", **scores["gains"]}, *more]
    show_table(["", *names], [[row["name"], *(told(row[name]) for name in names)] for row in rows])


def show_row(scores: dict[str, Any], which: str, *, as_json: bool) -> None:
    """What `eval` found of a model that nothing stands beside: a score a line, and of how many pictures.  which: words that tell them."""
    if as_json:
        show_json(scores)
        return
    [row] = scores["rows"]
    for name, protocol in scores["protocols"].items():
        show(f"{name} {told(row[name])}   {protocol}")
    count = max(row[name]["n"] for name in scores["protocols"])  # it is the same for all
    show(f"{count:,} pictures{which}; in brackets the 95 % interval")


def free(path: Path, name: str = "--out", *, overwrite: bool) -> Path:
    """Where a verb will write what a person named by an option, refused in words when something is there that shall stay."""
    if path.exists() and not overwrite:
        raise Refusal(f"{path} exists already. Give --overwrite to replace it, or another {name}.")
    return path


def png(path: Path) -> Path:
    """The name of a PNG, refused in words when it says something else."""
    if path.suffix.lower() != ".png":
        raise Refusal(f"What is made is written as PNG, not as {path.suffix or 'a file without an ending'}: call it {path.stem}.png.")
    return path


def existing(path: Path, what: str) -> Path:
    """A path a person gave, refused in words when nothing is there."""
    if not path.exists():
        raise Refusal(f"There is no {what} {path}.")
    return path
