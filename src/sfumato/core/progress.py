"""Progress a person can follow: a bar with the time left on a terminal, a plain line now and then where there is none.

Everything goes to stderr, so that what a command prints can be piped.  NO_COLOR is honoured (by rich).
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

if TYPE_CHECKING:
    from typing import IO

    from rich.console import Console

T = TypeVar("T")

PAINT_EVERY = 0.25  # seconds between two states of a bar: a step of training must not wait for the terminal
LINE_EVERY = 10.0  # seconds between two plain lines

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Say nothing but errors from here on (`sfumato -q`).  Called by the command line only."""
    global _quiet
    _quiet = quiet


class _Stderr:
    """stderr as it is when it is written to; a disk that is full or a reader that left stops no work for the sake of a message."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@cache
def console() -> "Console":
    """The one console for people; rich looks at stderr, the width and NO_COLOR when it writes."""
    from rich.console import Console  # rich takes a while to import, and workers never need it

    return Console(file=cast("IO[str]", _Stderr()), highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line for a person, above any bar that is on the screen; nothing when quiet."""
    if not _quiet:
        console().print(text, markup=False)


class Progress:
    """Tells how far a long piece of work is.

    >>> with Progress(len(paths), "restoring") as bar:
    ...     for path in paths:
    ...         bar.advance(note=path.name)

    total : how many steps there are; None when nobody knows.
    done : steps that lie behind already, as in a resumed run; the time left is told from what is done here.
    quiet : say nothing at all (so does `set_quiet(True)`).
    """

    def __init__(self, total: int | None, what: str, quiet: bool = False, done: int = 0):
        self.total, self.what, self.done = total, what, done
        self._note = ""
        self._began_with = done
        self._view: _Bar | _Lines | None = None
        self._silent = quiet or _quiet

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._next = self._began
        if not self._silent and self.total != 0:  # nothing to do needs no bar
            self._view = _Bar(self) if console().is_terminal else _Lines()
            self._next += self._view.every
        return self

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more steps are done; `note` is a few words that stand behind the bar.  Cheap enough for every step."""
        self.done += n
        self._note = note or self._note
        if self._view is not None and (now := time.monotonic()) >= self._next:
            self._next = now + self._view.every
            self._view.show(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._view is not None:
            self._view.close(self)

    @property
    def spent(self) -> float:
        """Seconds since the work began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until all is done at the pace so far; None while nobody knows."""
        here = self.done - self._began_with
        return None if self.total is None or here <= 0 else self.spent / here * max(0, self.total - self.done)

    def line(self) -> str:
        """The state in plain words: `restoring: 3 of 12, 1:20 left (beach.jpg)`."""
        count = f"{self.done}" if self.total is None else f"{self.done} of {self.total}"
        left = f", {clock(self.left)} left" if self.left is not None and self.done != self.total else f", {clock(self.spent)}"
        return f"{self.what}: {count}{left}{f' ({self._note})' if self._note else ''}"


def track(items: Iterable[T], what: str, total: int | None = None, quiet: bool = False) -> Iterator[T]:
    """The same items, with progress told on the way."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(total, what, quiet) as bar:
        for item in items:
            yield item
            bar.advance()


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours too: 1:05, 2:00:00."""
    whole = int(seconds + 0.5)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Lines:
    """Where there is no terminal: one line now and then, and one at the end."""

    every = LINE_EVERY

    def show(self, progress: Progress) -> None:
        say(progress.line())

    def close(self, progress: Progress) -> None:
        say(progress.line())


class _Bar:
    """On a terminal: rich's bar, painted from `advance`, without a thread of its own (a forked worker would inherit its lock)."""

    every = PAINT_EVERY

    def __init__(self, progress: Progress):
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[line]}", markup=False))
        self.bar = RichProgress(*columns, console=console(), auto_refresh=False)
        self.task = self.bar.add_task(progress.what, total=progress.total, completed=progress.done, line="")
        self.bar.start()

    def show(self, progress: Progress) -> None:
        line = progress.line().removeprefix(f"{progress.what}: ")
        self.bar.update(self.task, completed=progress.done, line=line, refresh=True)

    def close(self, progress: Progress) -> None:
        self.show(progress)
        self.bar.stop()
