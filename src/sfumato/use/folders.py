"""One function over a tree of pictures: mirrored folders, progress, what is done is skipped, a bad file stops nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from sfumato.core import files
from sfumato.core.errors import DONE, INTERRUPTED, PARTLY, REFUSED, Refusal, Unwritable
from sfumato.core.progress import Progress
from sfumato.core.system.interrupts import CtrlC
from sfumato.data.reading.find import FILM_SUFFIXES, PICTURE_SUFFIXES, Found, look_below, written_as
from sfumato.use.manifest import Manifest
from sfumato.use.workers import Action, Answer, Job, Stages, attempt, in_processes, one_by_one, overlapped

ALREADY = (
    "a file stands there already that no earlier run made of this picture, or that was changed since; "
    "move it away, or ask for existing files to be replaced (--overwrite)"
)
FULL = "The disk is full."
FEW = 8  # pictures; a process starts in half a second


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What became of a tree of files."""

    out: Path
    done: int  # files written
    skipped: int  # files that an earlier run had written from the same bytes with the same options, and those of `there`
    failed: tuple[tuple[Path, str], ...]  # input, or a folder that could not be looked into, and reason
    ignored: int = 0  # files that are neither pictures nor films by their names
    films: int = 0  # films inside a folder, which are left alone too
    there: int = 0  # files skipped because they stand there; no record says who made them, and of what
    interrupted: bool = False
    stopped: str = ""  # why the rest was not tried: the next outputs could not be written or recorded either
    left: int = 0  # files not reached when interrupted or stopped
    again: bool = False  # it replaced what stood there, and would begin with the first file once more
    planned: tuple[tuple[Path, Path], ...] | None = None  # input and output of what a dry run would do; None: it was none
    results: Mapping[str, Mapping[str, Any] | None] = field(
        default_factory=dict
    )  # by output, relative to `out`: what the action said, now or then

    @property
    def exit_code(self) -> int:
        """0 all done, 3 some files failed, 2 nothing could be done, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        if not self.failed and not self.stopped:
            return DONE
        return PARTLY if self.done + self.skipped + len(self.planned or ()) else REFUSED

    def sentence(self) -> str:
        """The last words: how many were done, skipped, failed and why, and where the rest is."""
        dry = self.planned is not None
        parts = [f"Nothing was written: {_count(len(self.planned or ()), 'file')} to do" if dry else f"{_count(self.done, 'file')} done"]
        parts += [f"{self.skipped - self.there} skipped (done before)"] if self.skipped > self.there else []
        parts += [f"{self.there} skipped (there already; --overwrite replaces them)"] if self.there else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{self.left} not reached"] if self.left else []
        ignored = f" {_count(self.ignored, 'other file')} left alone." if self.ignored else ""
        ignored += f" {_count(self.films, 'film')} left alone: name each to have it repaired." if self.films else ""
        after = "the same command does all once more" if self.again else "the same command goes on from here"
        stopped = f" {self.stopped} When that is put right, {after}." if self.stopped else ""
        stopped = f" Interrupted; {after}." if self.interrupted else stopped
        named = "".join(f"\n  {path}: {reason}" for path, reason in self.failed)
        return f"{', '.join(parts)}, in {self.out}.{ignored}{stopped}{named}"


Source = Path | tuple[Path, ...]  # a picture or a tree, or several pictures


def over(
    source: Source,
    out: Path,
    action: Action,
    *,
    options: str,
    suffix: str | None = None,
    existing: Literal["keep", "replace"] = "keep",
    jobs: int | Literal["auto"] = 1,
    threads: int = 0,
    what: str = "pictures",
    quiet: bool = False,
    dry_run: bool = False,
) -> Summary:
    """Do `action(input, output)` to a picture, to several, or to every picture of a tree, into a mirrored tree.

    options : everything that an output depends on besides its input, as text; what an earlier run made with the same is skipped.
    suffix : of the outputs, like ".png"; None keeps each input's own.
    existing : "keep" skips what is done, and fails where a file stands that no run recorded, or that was changed since; "replace" does
        everything again.
    jobs : processes; "auto": one for every core, and none for a handful of pictures.  Unless it is 1 `action` must be
        picklable (a frozen dataclass with `__call__`), for it travels to each of them once.
    A single picture may be given a file as `out`: there is no record then, and "keep" refuses where a file stands.
    dry_run : nothing is done or written; the summary says what would be.
    threads : above 0 an action in `Stages` reads ahead and writes behind in so many, while it works on a device that needs no processor.
    A folder below `source` that cannot be looked into has failed, as a bad file has.
    Refuses an `out` at or inside `source`, an output that would fall on an input, and two inputs with one output.
    Ctrl-C and a full disk keep what is done, and the summary says so.  What an earlier run left half written when it was killed goes.
    """
    sources, out = (source if isinstance(source, tuple) else (Path(source),)), Path(out)
    for one in sources:
        if not one.is_file() and not one.is_dir():
            raise Refusal(f"{one} is a pipe or a device, and no file." if one.exists() else f"There is no file or folder {one}.")
    if _is_single(sources[0], out) and len(sources) == 1:
        return _single(sources[0], out, action, existing, dry_run=dry_run)
    found = [look_below(source) if source.is_dir() else Found([source]) for source in sources]
    planned = _plan(sources, found, out, suffix)
    closed = [(path, f"it cannot be looked into: {reason}") for one in found for path, reason in one.closed]
    films, others = sum(one.films for one in found), sum(one.others for one in found)
    manifest = Manifest(out, options)
    record = _Record(manifest, closed)
    if dry_run:
        todo = record.sort_out(planned, existing)
        seen = record.summary(out, ignored=others, films=films, interrupted=False, again=False)
        return replace(seen, left=0, planned=tuple((job.source, job.target) for job in todo))
    with manifest:
        files.sweep_of([manifest.path, *manifest.unfinished()])
        todo = record.sort_out(planned, existing)
        processes, interrupted = _processes(len(todo)) if jobs == "auto" else jobs, False
        with Progress(len(todo), what, quiet=quiet) as bar:
            begun = record.begin(todo)
            try:
                with CtrlC() as ctrl_c:
                    for job, answer in _answers(action, begun, processes, threads, ctrl_c):
                        record.take(job, answer)
                        bar.advance(1, note=job.name)
            except KeyboardInterrupt:
                interrupted = True
    return record.summary(out, ignored=others, films=films, interrupted=interrupted, again=existing == "replace")


def in_turn(
    trees: Sequence[tuple[Path, Path]],
    act: Callable[[Source, Path], Summary],
    *,
    existing: Literal["keep", "replace"] = "keep",
    dry_run: bool = False,
) -> list[Summary]:
    """One tree (or picture) after the other; a later one that is refused has failed, and what was done before it is still told.

    Pictures that go into one folder one after the other are taken together, and what came of one folder is one summary.
    existing : "keep" skips a file that stands there where a single picture would fall on it, so that the same command goes on.
    dry_run : whether `act` only says what it would do.
    After Ctrl-C, and once the disk is full, no further one is begun.
    """
    summaries: list[Summary] = []
    turns = _turns(trees)
    for number, (sources, out) in enumerate(turns, 1):
        single = len(sources) == 1 and _is_single(sources[0], out)
        place = out.parent if single else out
        if single and existing == "keep" and out.exists():
            summaries.append(Summary(out=place, done=0, skipped=1, failed=(), there=1, planned=() if dry_run else None))
            continue
        try:
            summaries.append(act(sources[0] if len(sources) == 1 else sources, out))
        except Refusal as refusal:
            if not summaries:
                raise
            summaries.append(Summary(out=place, done=0, skipped=0, failed=tuple((source, str(refusal)) for source in sources)))
        except KeyboardInterrupt:  # within a single picture: of a tree it is told by `over`
            if not summaries:
                raise
            left, again = sum(path.is_file() for path in sources), existing == "replace"
            summaries.append(Summary(out=place, done=0, skipped=0, failed=(), interrupted=True, left=left, again=again))
        last = summaries[-1]
        if last.interrupted or last.stopped:
            summaries[-1] = replace(last, left=last.left + sum(path.is_file() for rest, _ in turns[number:] for path in rest))
            break
    places: dict[Path, list[Summary]] = {}
    for summary in summaries:
        places.setdefault(summary.out, []).append(summary)
    return [_together(several) for several in places.values()]


def _together(several: Sequence[Summary]) -> Summary:
    """What became of one folder, in which files were made one by one."""
    dry = [each.planned for each in several if each.planned is not None]
    return Summary(
        out=several[0].out,
        done=sum(each.done for each in several),
        skipped=sum(each.skipped for each in several),
        failed=tuple(one for each in several for one in each.failed),
        ignored=sum(each.ignored for each in several),
        films=sum(each.films for each in several),
        there=sum(each.there for each in several),
        interrupted=any(each.interrupted for each in several),
        stopped=next((each.stopped for each in several if each.stopped), ""),
        left=sum(each.left for each in several),
        again=any(each.again for each in several),
        planned=tuple(pair for pairs in dry for pair in pairs) if dry else None,
        results={name: result for each in several for name, result in each.results.items()},
    )


def _turns(trees: Sequence[tuple[Path, Path]]) -> list[tuple[tuple[Path, ...], Path]]:
    """What is taken at once: trees and films alone, pictures on their way into one folder together."""

    def shared(tree: tuple[Path, Path]) -> Path | None:
        source, out = tree
        joins = source.is_file() and source.suffix.lower() not in FILM_SUFFIXES and not _is_single(source, out)
        return out if joins else None

    turns: list[tuple[tuple[Path, ...], Path]] = []
    for folder, group in groupby(trees, shared):
        if folder is None:
            turns += [((source,), out) for source, out in group]
        else:
            turns.append((tuple(source for source, _ in group), folder))
    return turns


def _is_single(source: Path, out: Path) -> bool:
    """Whether a file is named for what is made of a file."""
    return source.is_file() and out.suffix.lower() in PICTURE_SUFFIXES | FILM_SUFFIXES and not out.is_dir()


def _single(source: Path, out: Path, action: Action, existing: Literal["keep", "replace"], *, dry_run: bool) -> Summary:
    if out.exists() and out.samefile(source):
        raise Refusal(f"{out} is the input itself. Give the output another name or folder.")
    if out.exists() and existing == "keep":
        raise Refusal(f"{out} exists already. Name another output, or ask for existing files to be replaced (--overwrite).")
    if dry_run:
        return Summary(out=out.parent, done=0, skipped=0, failed=(), planned=((source, out),))
    files.sweep_of([out])
    answer = attempt(action, Job(source, out, out.name))
    failed = ((source, answer.error),) if answer.error else ()
    stopped = FULL if answer.full else ""
    results = {out.name: answer.result}
    again = existing == "replace"
    return Summary(out=out.parent, done=1 - len(failed), skipped=0, failed=failed, stopped=stopped, again=again, results=results)


def _plan(sources: tuple[Path, ...], found: Sequence[Found], out: Path, suffix: str | None) -> list[Job]:
    """Which input becomes which output, in the order in which they were found."""
    for source in sources:
        if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
            raise Refusal(f"The output folder {out} lies inside the input {source}, so outputs would become inputs. Choose one outside it.")
    roots = [source if source.is_dir() else source.parent for source in sources]
    paths = [(path, root) for root, one in zip(roots, found, strict=True) for path in one.pictures]
    inputs = {path.resolve() for path, _ in paths}
    planned: dict[str, Job] = {}
    for path, root in paths:
        relative = path.relative_to(root)
        name = (written_as(relative) if suffix is None else relative.with_suffix(suffix)).as_posix()
        job = Job(path, out / name, name)
        if name in planned:
            raise Refusal(f"{planned[name].source} and {path} would both become {job.target}. Rename one of them, or keep their suffixes.")
        if job.target.resolve() in inputs:
            raise Refusal(f"The output {job.target} would fall on an input. Choose another output folder than {out}.")
        planned[name] = job
    return list(planned.values())


class _Record:
    """What has become of the jobs so far, in memory and in the manifest."""

    def __init__(self, manifest: Manifest, closed: list[tuple[Path, str]]):
        self.manifest = manifest
        self.done = self.skipped = self.waiting = 0
        self.stopped = ""
        self.failed = list(closed)
        self.results: dict[str, Mapping[str, Any] | None] = {}

    def sort_out(self, planned: list[Job], existing: Literal["keep", "replace"]) -> list[Job]:
        """The jobs that must be done."""
        todo = []
        for job in planned:
            try:
                state = self.manifest.state(job.name, job.source) if existing == "keep" else "fresh"
            except OSError as error:
                self.failed.append((job.source, f"it cannot be read: {error.strerror or error}"))
                continue
            if state == "same":
                self.skipped += 1
                self.results[job.name] = self.manifest.entries[job.name].result
            elif state == "foreign":
                self.failed.append((job.source, f"{job.target}: {ALREADY}"))
            else:
                todo.append(job)
        self.waiting = len(todo)
        return todo

    def begin(self, todo: list[Job]) -> Iterator[Job]:
        """Hand out the jobs one by one, each noted as begun; one whose input cannot be read fails here; no more, once the disk is full."""
        for job in todo:
            if self.stopped:
                return
            try:
                self.manifest.begin(job.name, job.source)
            except Unwritable as unwritable:
                self.stopped = str(unwritable)
                return
            except OSError as error:
                self.take(job, Answer(None, f"it cannot be read: {error.strerror or error}"))
                continue
            yield job

    def take(self, job: Job, answer: Answer) -> None:
        self.waiting -= 1
        if answer.error:
            self.failed.append((job.source, answer.error))
            self.stopped = self.stopped or (FULL if answer.full else "")
            return
        self.results[job.name] = answer.result
        self.done += 1
        try:
            self.manifest.finish(job.name, answer.result)
        except Unwritable as unwritable:  # the output stands, and is known as begun: it will be made once more
            self.stopped = self.stopped or str(unwritable)

    def summary(self, out: Path, *, ignored: int, films: int, interrupted: bool, again: bool) -> Summary:
        return Summary(
            out=out,
            done=self.done,
            skipped=self.skipped,
            failed=tuple(self.failed),
            ignored=ignored,
            films=films,
            interrupted=interrupted,
            stopped=self.stopped,
            left=self.waiting,
            again=again,
            results=self.results,
        )


def _processes(count: int) -> int:
    if count < FEW:
        return 1
    from sfumato.core.system import devices  # it imports torch, which no process that spoils needs

    return devices.cores()


def _answers(action: Action, begun: Iterator[Job], jobs: int, threads: int, ctrl_c: CtrlC) -> Iterator[tuple[Job, Answer]]:
    if jobs > 1:
        return in_processes(action, begun, jobs, ctrl_c)
    if threads and isinstance(action, Stages):
        return overlapped(action, begun, threads, ctrl_c)
    return one_by_one(action, begun, ctrl_c)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
