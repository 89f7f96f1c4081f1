"""Jobs on files, here or in processes.  Paths and one picklable action cross the border; a process that dies costs its own file only."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sfumato.core import files
from sfumato.core.errors import Refusal, Unwritable
from sfumato.core.system import parents
from sfumato.core.system.interrupts import CtrlC

Action = Callable[[Path, Path], Mapping[str, Any] | None]  # reads the first, writes the second whole or not at all

DIED = "the process that worked on it died, most likely for want of memory"


@dataclass(frozen=True)
class Job:
    """One input and its output; the name is the output's, relative to its folder, with forward slashes."""

    source: Path
    target: Path
    name: str


@dataclass(frozen=True)
class Answer:
    """What the action said, or why it failed (empty: it did not).  full: the disk has no room, for the next output neither."""

    result: Mapping[str, Any] | None
    error: str = ""
    full: bool = False


def attempt(action: Action, job: Job) -> Answer:
    """Do one job; whatever goes wrong with it becomes a reason, for the other files must be done."""
    try:
        files.make_folder(job.target.parent)
        result = action(job.source, job.target)
    except Unwritable as refusal:
        return Answer(None, str(refusal), full=refusal.full)
    except Refusal as refusal:
        return Answer(None, str(refusal) or "refused")
    except Exception as error:
        return Answer(None, f"{type(error).__name__}: {error}")
    return Answer(result) if job.target.exists() else Answer(None, "nothing was written")


@dataclass(frozen=True)
class Stages:
    """An action in three parts, so that files can be read and written while a device works on others."""

    read: Callable[[Path], Any]
    work: Callable[[Any], Any]
    write: Callable[[Any, Path], Mapping[str, Any] | None]
    check: Callable[[Any, Path], object] | None = None  # refuses, before the work, what was read and could not be written there

    def __call__(self, source: Path, target: Path) -> Mapping[str, Any] | None:
        """One after the other."""
        return self.write(self.worked(self.read(source), target), target)

    def worked(self, came: Any, target: Path) -> Any:
        """What comes of what was read."""
        if self.check is not None:
            self.check(came, target)
        return self.work(came)


def one_by_one(action: Action, jobs: Iterator[Job], ctrl_c: CtrlC) -> Iterator[tuple[Job, Answer]]:
    """Here, and at once."""
    for job in jobs:
        with ctrl_c.heeded():
            answer = attempt(action, job)
        yield job, answer


def overlapped(stages: Stages, jobs: Iterator[Job], threads: int, ctrl_c: CtrlC) -> Iterator[tuple[Job, Answer]]:
    """Read ahead and write behind in `threads` threads, work here; answers come in order, and memory holds a few files a thread.

    On Ctrl-C what is being written is finished and handed out, then KeyboardInterrupt goes on.
    """
    reading: deque[tuple[Job, Future[Any]]] = deque()
    writing: deque[tuple[Job, Future[Answer]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                while len(reading) <= threads and (job := next(jobs, None)) is not None:
                    reading.append((job, pool.submit(stages.read, job.source)))
                if not reading:
                    break
                job, read = reading.popleft()
                with ctrl_c.heeded():
                    worked = _worked(stages, job, read)
                writing.append((job, pool.submit(attempt, *worked)))
                while writing and (len(writing) > threads or writing[0][1].done()):
                    job, written = writing.popleft()
                    yield job, written.result()
        except KeyboardInterrupt:
            for _, read in reading:
                read.cancel()
            yield from ((job, written.result()) for job, written in writing)
            raise
        yield from ((job, written.result()) for job, written in writing)


def _worked(stages: Stages, job: Job, read: Future[Any]) -> tuple[Action, Job]:
    """What is left to do of a job: to write what came of it, or to say why nothing did."""
    try:
        result = stages.worked(read.result(), job.target)
    except Exception as error:
        return partial(_fail, error), job
    return lambda _, target: stages.write(result, target), job


def _fail(error: Exception, source: Path, target: Path) -> None:
    raise error


def in_processes(action: Action, jobs: Iterator[Job], count: int, ctrl_c: CtrlC) -> Iterator[tuple[Job, Answer]]:
    """Do jobs in `count` fresh processes; answers come as they are ready.

    When a process dies, everything under way is lost with it: each of those is then tried again alone, so that the guilty one is found.
    On Ctrl-C what is under way is finished and handed out, then KeyboardInterrupt goes on; on a second one it goes on at once.
    """
    suspects = yield from _until_death(action, jobs, count, ctrl_c)
    while suspects:
        for job in suspects:
            with ctrl_c.heeded():
                answer = _alone(action, job)
            yield job, answer
        suspects = yield from _until_death(action, jobs, count, ctrl_c)


def _until_death(action: Action, jobs: Iterator[Job], count: int, ctrl_c: CtrlC) -> Generator[tuple[Job, Answer], None, list[Job]]:
    running: dict[Future[Answer], Job] = {}
    suspects: list[Job] = []
    with _pool(action, count) as pool:
        try:
            for arrival in [pool.submit(_arrive) for _ in range(count)]:  # all start now: one started while the pool breaks would never end
                with ctrl_c.heeded():
                    arrival.result()
        except BrokenProcessPool as error:
            raise Refusal("The processes that should do the work cannot start; what they said stands above. Try it with one.") from error
        try:
            while _feed(pool, jobs, running, suspects, count):
                with ctrl_c.heeded():
                    ready, _ = wait(running, return_when=FIRST_COMPLETED)
                yield from _collect([(future, running.pop(future)) for future in ready], suspects)
        except KeyboardInterrupt:
            under_way = [(future, job) for future, job in running.items() if not future.cancel()]
            yield from _collect(under_way, suspects)
            raise
    return suspects


def _feed(pool: ProcessPoolExecutor, jobs: Iterator[Job], running: dict[Future[Answer], Job], suspects: list[Job], count: int) -> bool:
    """Keep two jobs a process in hand (more would only delay Ctrl-C); whether any is under way."""
    while not suspects and len(running) < 2 * count:
        job = next(jobs, None)
        if job is None:
            break
        try:
            running[pool.submit(_work, job)] = job
        except BrokenProcessPool:
            suspects.append(job)
    return bool(running)


def _collect(finished: list[tuple[Future[Answer], Job]], suspects: list[Job]) -> Iterator[tuple[Job, Answer]]:
    for future, job in finished:
        try:
            answer = future.result()
        except BrokenProcessPool:
            suspects.append(job)
            continue
        yield job, answer


def _alone(action: Action, job: Job) -> Answer:
    files.sweep_of([job.target])  # of the process that died
    with _pool(action, 1) as pool:
        try:
            return pool.submit(_work, job).result()
        except BrokenProcessPool:
            return Answer(None, DIED)


def _pool(action: Action, count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start, initargs=(action,))


_action: Action | None = None  # of this worker process: sent once, not with every job


def _start(action: Action) -> None:
    global _action
    _action = action
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    parents.end_with_it()
    if "cv2" in sys.modules:  # the files are shared out among the processors already
        sys.modules["cv2"].setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _arrive() -> None:
    """Nothing much, but in a process that has started: long enough that the next one is given to another process."""
    time.sleep(0.05)


def _work(job: Job) -> Answer:
    if _action is None:
        raise RuntimeError("A worker was given a file before its action.")
    return attempt(_action, job)
