"""What verbs over files and folders do alike: which input goes where, and what became of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sfumato.cli.verb import complain, free, png, show, show_json
from sfumato.core import progress
from sfumato.core.errors import DONE, INTERRUPTED, PARTLY, REFUSED, Refusal
from sfumato.data.reading.find import FILM_SUFFIXES, PICTURE_SUFFIXES, written_as

if TYPE_CHECKING:
    from sfumato.use.folders import Summary


# What a person may well ask for, and would get a folder of that name instead.
NEVER_WRITTEN = frozenset((".avif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".pdf", ".psd", ".svg", ".tga"))


def targets(pictures: list[Path], out: Path | None, *, made: str, overwrite: bool, suffix: str | None = None) -> list[tuple[Path, Path]]:
    """Which input goes where: one to `out` itself, several into the folder `out`, and without `out` each beside its input.

    made : the word that the name of what lies beside its input ends in.  suffix : of what is made, like ".png"; None: the input's.
    Refuses two inputs with one output, an `out` that cannot be meant, and a file that stands there already, unless it is replaced.
    Not so of several without `out`, for after a kill the same command shall go on: whoever takes them skips what stands there.
    """
    if out is None:
        beside = _apart([(path, _beside(_whole(path), made, suffix)) for path in pictures], overwrite=overwrite)
        return beside if len(pictures) > 1 else _free(beside, overwrite=overwrite)
    _check_out(pictures, out)
    if len(pictures) == 1:
        return _free([(pictures[0], out)], overwrite=overwrite)
    names = [_named(_whole(path), suffix) for path in pictures]
    if twice := [name for name, number in Counter(names).items() if number > 1]:
        raise Refusal(f"Two of the inputs are called {twice[0]!r}, and would fall on each other in {out}. Take them one by one.")
    return _free([(path, out if path.is_file() else out / name) for path, name in zip(pictures, names)], overwrite=overwrite)


def _whole(path: Path) -> Path:
    """With all folders; a link keeps its own place."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name


def _free(planned: list[tuple[Path, Path]], *, overwrite: bool) -> list[tuple[Path, Path]]:
    """The same; refused where a file stands already."""
    for source, target in planned:
        if source.is_file() and target.is_file():
            free(target, overwrite=overwrite)
    return planned


def _apart(planned: list[tuple[Path, Path]], *, overwrite: bool) -> list[tuple[Path, Path]]:
    """The same without what is made of other inputs, which `*.jpg` means too after a first run; refused where an input would be lost."""
    sources: dict[Path, Path] = {}
    inputs = {path.resolve() for path, _ in planned}
    made: set[Path] = set()
    for source, target in planned:
        if (other := sources.setdefault(target, source)) is not source:
            raise Refusal(f"{other} and {source} would both become {target}. Take them one by one, or give --out.")
        if (whole := target.resolve()) not in inputs:
            continue
        if overwrite or whole == source.resolve():
            raise Refusal(f"{target} would be made of {source}, but is an input itself. Leave it out, or give --out.")
        made.add(whole)
    if made:
        progress.say(f"{len(made)} input(s) are what is made of others, and are left out, such as {min(made)}.")
    return [(source, target) for source, target in planned if source.resolve() not in made]


def _check_out(pictures: list[Path], out: Path) -> None:
    ending = out.suffix.lower()
    if out.is_dir() or not ending:
        return
    if ending in NEVER_WRITTEN and any(path.is_file() for path in pictures):
        raise Refusal(f"{out.name} cannot be written. Take another kind, such as {out.with_suffix('.png').name}, or a folder.")
    if ending in FILM_SUFFIXES and (odd := [path for path in pictures if path.is_file() and not _is_known(path)]):
        raise Refusal(f"{odd[0].name} is no film that is taken: their names end in {', '.join(sorted(FILM_SUFFIXES))}.")
    if ending in PICTURE_SUFFIXES | FILM_SUFFIXES and len(pictures) > 1:
        raise Refusal(f"{out.name} is one file, but there are {len(pictures)} inputs. Give --out a folder, or take them one by one.")


def pngs(pictures: list[Path], out: Path | None, *, made: str, overwrite: bool) -> list[tuple[Path, Path]]:
    """The same where a PNG is made of each.  Refuses films, and a file of another kind, too."""
    if films := [path for path in pictures if path.is_file() and not _is_picture(path)]:
        raise Refusal(f"{films[0]} is a film, and only pictures are taken here: take its frames apart first.")
    single = len(pictures) == 1 and pictures[0].is_file()
    if single and out is not None and not out.is_dir() and out.suffix:
        png(out)
    return targets(pictures, out, made=made, overwrite=overwrite, suffix=".png")


def _named(path: Path, suffix: str | None) -> str:
    return path.with_suffix(suffix).name if suffix and _is_picture(path) else written_as(path).name


def _beside(path: Path, made: str, suffix: str | None) -> Path:
    if not path.name:
        raise Refusal(f"{path} is a whole disk: say where what is made goes, by --out.")
    if not path.is_file():
        return path.with_name(f"{path.name}-{made}")
    if not suffix and not _is_known(path):
        known = ", ".join(sorted(PICTURE_SUFFIXES | FILM_SUFFIXES))
        raise Refusal(f"{path.name} ends in none of {known}: say what is to be made, by --out.")
    own = written_as(path)
    return own.with_name(f"{own.stem}-{made}{suffix if suffix and _is_picture(path) else own.suffix}")


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES | FILM_SUFFIXES


def _is_picture(path: Path) -> bool:
    """A film keeps its container."""
    return path.is_file() and path.suffix.lower() not in FILM_SUFFIXES


def tell(summaries: list[Summary], as_json: bool) -> None:
    """What became of the files, and the exit code that says it."""
    if as_json:
        failed = [{"file": path, "reason": reason} for summary in summaries for path, reason in summary.failed]
        names = ("done", "skipped", "left", "ignored", "films")
        counts = {name: sum(getattr(summary, name) for summary in summaries) for name in names}
        stopped = next((summary.stopped for summary in summaries if summary.stopped), "")
        dry = any(summary.planned is not None for summary in summaries)
        planned = {"planned": [{"file": path, "out": made} for path, made in _planned(summaries)]} if dry else {}
        show_json({**counts, **planned, "failed": failed, "stopped": stopped, "out": [summary.out for summary in summaries]})
    else:
        for path, made in _planned(summaries):
            show(f"{path} -> {made}")
        for summary in summaries:
            if summary.exit_code in (DONE, INTERRUPTED):
                progress.say(summary.sentence())
            else:
                complain(summary.sentence(), summary.exit_code)
    codes = {summary.exit_code for summary in summaries}
    some = any(summary.done + summary.skipped + len(summary.planned or ()) for summary in summaries)
    raise typer.Exit(INTERRUPTED if INTERRUPTED in codes else DONE if codes == {DONE} else PARTLY if some else REFUSED)


def _planned(summaries: list[Summary]) -> list[tuple[Path, Path]]:
    return [pair for summary in summaries for pair in summary.planned or ()]
