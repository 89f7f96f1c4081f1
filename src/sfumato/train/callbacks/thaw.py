"""Parts of a network that stand still at first, and are let go one after the other: gradual unfreezing (Howard and Ruder 2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from sfumato.train.callback import Callback
from sfumato.train.learner import Learner

Parts = Sequence[nn.Module]


class Thaw(Callback):
    """Let parts go when their time has come.

    parts : the nearest to the output first; each with the share of the training after which it moves.
    freeze, unfreeze : how parts are held and let go.
    What moves follows from progress alone, so a resumed run holds what an uninterrupted one would.
    """

    def __init__(self, parts: Sequence[tuple[float, Parts]], *, freeze: Callable[[Parts], None], unfreeze: Callable[[Parts], None]):
        self.waiting = sorted(parts, key=lambda part: part[0])
        self.freeze, self.unfreeze = freeze, unfreeze

    def before_fit(self, learner: Learner) -> None:
        """All of them stand still."""
        for _, parts in self.waiting:
            self.freeze(parts)

    def before_batch(self, learner: Learner) -> None:
        """Whose time has come moves from this step on."""
        while learner.phase == "train" and self.waiting and learner.progress >= self.waiting[0][0]:
            _, parts = self.waiting.pop(0)
            self.unfreeze(parts)
            for part in parts:
                part.train()
