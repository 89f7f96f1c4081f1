"""Ctrl-C where it does no harm: where work is under way, and never while what came of it is noted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self


class CtrlC:
    """Within it Ctrl-C raises KeyboardInterrupt inside `heeded` only; one that comes elsewhere waits for the next such place, or the end.

    After the first one all is as usual, so that a second one stops whatever is still being finished.
    Where Ctrl-C does not raise KeyboardInterrupt (another thread than the main one, a program with a handler of its own) nothing changes.
    """

    def __init__(self) -> None:
        self.open = self.waiting = False

    def __enter__(self) -> Self:
        self.ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.ours:
            signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.waiting and kind is None:
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self.open:
            self.waiting = True
            return
        self._again_as_usual()
        raise KeyboardInterrupt

    def _again_as_usual(self) -> None:
        self.open = self.waiting = False
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Here it is raised, at once where it came before."""
        self.open = True
        try:
            if self.waiting:
                self._again_as_usual()
                raise KeyboardInterrupt
            yield
        finally:
            self.open = False
