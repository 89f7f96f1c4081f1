"""What earlier runs did into a folder: one JSON line a file, appended as soon as the file is done, so a kill loses no other."""

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from filelock import FileLock

from sfumato.core.errors import Unwritable
from sfumato.core.files import append, digest, digest_of, write_text
from sfumato.data.reading.find import cache_folder

NAME = ".sfumato-manifest.jsonl"
WAIT = 5  # s, for others that write their records, each in a moment

State = Literal["fresh", "same", "changed", "foreign"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One output: from which bytes and with which options it was made, or was begun to be made."""

    name: str  # of the output, relative to the folder, with forward slashes
    options: str  # digest of the options
    size: int  # bytes of the input
    time: int  # ns, when the input changed last
    input: str  # digest of the input's bytes
    output: int = -1  # bytes of the output; -1: begun and never finished
    result: Mapping[str, Any] | None = None  # what the action had to say
    source: str = ""  # the input, as it is reached from the folder; "": an older record


class Manifest:
    """The record of one output folder.  A context manager: what later lines overrule goes away on entering and on leaving.

    Several runs may keep it at once: none loses what another noted.
    """

    def __init__(self, folder: Path, options: str):
        self.path = folder / NAME
        self.folder = folder
        self.options = digest(options.encode())
        self.entries = _read(self.path)
        self._own: dict[str, Entry] = {}  # what was noted here,
        self._before: dict[str, Entry] = {}  # and what was known of outputs that were begun here and never finished
        self._entered = False

    def __enter__(self) -> Self:
        self._rewrite()  # also takes away a last line that a kill cut short, to which the next one would be glued
        self._entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, entry in self._before.items():
            with suppress(Unwritable, OSError):  # it failed, or was given up: what was made before stands there still
                if (self.folder / name).stat().st_size == entry.output:
                    self._note(entry)
        self._entered = False
        with suppress(Unwritable, OSError):  # every line stands there already; this only makes them fewer
            self._rewrite()

    def state(self, name: str, source: Path) -> State:
        """Whether an output is missing, made from these bytes with these options, made from others, or not made by a run of ours.

        One that was made of another picture, which is still there, is not ours to replace either, nor one that was changed since.
        """
        target, entry = self.folder / name, self.entries.get(name)
        if not target.exists():
            return "fresh"
        if entry is None:
            return "foreign"
        now, another, stands = source.stat(), self._of_another(entry, source), target.stat().st_size
        # Somebody changed it, but for one that is empty, which is nobody's work.  A change that keeps the size is not seen: times differ
        # where a tree was copied as well, and to tell by the bytes each output would have to be read at every run.
        if entry.output != -1 and stands not in (0, entry.output):
            return "foreign"
        alike = (entry.options, entry.output, entry.size) == (self.options, stands, now.st_size)
        if alike and entry.time == now.st_mtime_ns and not another:
            return "same"
        if not alike or entry.input != digest_of(source):
            return "foreign" if another else "changed"
        with suppress(Unwritable):  # touched or copied, but the same bytes: if it can be noted, they are not read again next time
            self._note(replace(entry, time=now.st_mtime_ns))
        return "same"

    def _of_another(self, entry: Entry, source: Path) -> bool:
        return bool(entry.source) and entry.source != self._reached(source) and (self.folder / entry.source).exists()

    def _reached(self, source: Path) -> str:
        """From the folder; a link is itself, wherever it leads."""
        place = source.parent.resolve() / source.name
        try:
            return Path(os.path.relpath(place, self.folder.resolve())).as_posix()
        except ValueError:  # another drive of Windows
            return place.as_posix()

    def begin(self, name: str, source: Path) -> None:
        """Note that an output is ours, so that what a kill leaves behind is known and redone."""
        now = source.stat()  # before the bytes: if they change while they are read, the next run sees another time
        if not stat.S_ISREG(now.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, and no file")
        read = digest_of(source)
        reached, known = self._reached(source), self.entries.get(name)
        if known is not None and known.output != -1:
            self._before[name] = known
        entry = Entry(name=name, options=self.options, size=now.st_size, time=now.st_mtime_ns, input=read, source=reached)
        # On the disk before the output is, where another stands: without power a new one would else be taken for one that was changed
        self._note(entry, sync=(self.folder / name).exists())

    def finish(self, name: str, result: Mapping[str, Any] | None) -> None:
        """Note that an output that was begun is whole."""
        self._before.pop(name, None)
        self._note(replace(self.entries[name], output=(self.folder / name).stat().st_size, result=result))

    def unfinished(self) -> list[Path]:
        """Outputs that were begun, of which nothing is known since: they failed, or a kill came, or another process is at them."""
        return [self.folder / name for name, entry in self.entries.items() if entry.output == -1]

    def _note(self, entry: Entry, *, sync: bool = False) -> None:
        self.entries[entry.name] = self._own[entry.name] = entry
        if self._entered:
            append(self.path, _line(entry).encode(), sync=sync)

    def _rewrite(self) -> None:
        with _alone():
            # The file's last word on an output holds, for each run adds its lines as things happen.  What was noted here stands in for it
            # where a line could not be written, or fell between another run's reading and writing.
            kept = _read(self.path)
            lost = {name: entry for name, entry in self._own.items() if name not in kept or kept[name] == _begun(entry)}
            self.entries = {**self.entries, **kept, **lost}
            write_text(self.path, "".join(_line(entry) for _, entry in sorted(self.entries.items())))


@contextmanager
def _alone() -> Iterator[None]:
    """One run at a time, where that can be had.  One lock for all folders lies in the cache: nobody wants one among their pictures."""
    with ExitStack() as held:
        # No home, no right to it, a disk without locks, too long a wait: two at once lose what one adds within a moment, and only if it is
        # killed before it leaves.
        with suppress(OSError, RuntimeError):
            place = cache_folder() / "records.lock"
            place.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(place, timeout=WAIT))
        yield


def _begun(entry: Entry) -> Entry:
    return replace(entry, output=-1, result=None)


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry), sort_keys=True, default=str) + "\n"  # ASCII, for a name may hold bytes that are no text


def _read(path: Path) -> dict[str, Entry]:
    """A line that a kill cut short, or that is not ours, counts as not written."""
    entries: dict[str, Entry] = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue
        entries[entry.name] = entry
    return entries
