"""Ctrl-C and SIGTERM finish the step and save; a second one exits at once."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from sfumato.core.errors import INTERRUPTED
from sfumato.core.progress import say
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner


class StopGently(Callback):
    """Turn the first signal into `learner.stopping`.  Outside the main thread, where Python allows no handler, it does nothing."""

    def __init__(self) -> None:
        self.before: dict[int, Any] = {}

    def before_fit(self, learner: Learner) -> None:
        """From here to the end of the fit."""

        def handle(number: int, frame: FrameType | None) -> None:
            if learner.stopping:
                os._exit(INTERRUPTED)
            learner.stopping = f"interrupted by {signal.Signals(number).name}"
            say(f"{learner.stopping}: finishing this step and saving (once more to exit at once)")

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.before[number] = signal.signal(number, handle)
            except ValueError:  # not the main thread
                return

    def after_fit(self, learner: Learner) -> None:
        """Handlers as they were."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}
