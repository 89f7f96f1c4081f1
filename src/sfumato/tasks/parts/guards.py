"""What goes wrong in a game, seen on held-out pictures and said in words; and the snapshot at which it should have stopped.

Losses of a game say nothing (Arjovsky et al. 2017): what is looked at is what the generator makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import Levels, to_unit
from sfumato.core.progress import say
from sfumato.losses.features import FeatureNetwork
from sfumato.metrics import features
from sfumato.tasks.parts.judged import Judged
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import Game
from sfumato.train.learner import Learner

GRID = 8  # squares a side in which light and colour are compared
SPREAD = 0.25  # of the good pictures' variety that what is made must keep, at least
COLOURS = 0.25  # of the good pictures' colour that what is made must keep, at least
GREY = 0.01  # in 0..1: below this, colour of the good pictures is none to be lost
ALIKE = 0.5  # least correlation of light in large squares, made against good
TURNED = -0.2  # likewise of colour, below which it is another
CAST = 0.06  # in 0..1: mean difference of a channel beyond which a picture has a cast
EARLIEST = 0.5  # of the budget, before which no game is ended: while rates are high it may get worse before it gets better
AHEAD = 0.99  # smoothed accuracy of a critic that has won


@dataclass(frozen=True)
class Condition:
    """What the held-out pictures look like as a whole."""

    spread: float  # how much what is made differs from picture to picture, over how much the good ones do
    alike: float  # correlation of light in large squares, made against good
    cast: tuple[float, float, float]  # mean difference of each channel, made less good
    colours: float  # how far channels lie apart in large squares, made over good; 1 where the good ones are grey
    hues: float  # correlation of colour in large squares, made against good, whatever the cast; 1 where nothing can be said of it
    accuracy: float  # of the critic, smoothed

    @property
    def drift(self) -> float:
        """The largest of the channels' mean differences, 0..1."""
        return max(abs(channel) for channel in self.cast)

    def warnings(self) -> list[str]:
        """Sentences of what is no fault of the pictures, but will be."""
        if self.accuracy < AHEAD:
            return []
        return [
            f"The critic is right {self.accuracy:.1%} of the time: it has won, and the network learns nothing from it. "
            "Lower game.rate, raise game.r1, or let the rule 'accuracy' hold it back."
        ]

    def faults(self) -> list[str]:
        """Sentences of what is wrong with the pictures; none where all is well."""
        found = []
        if self.spread < SPREAD:
            found.append(
                f"The network makes much the same of every picture (its variety is {self.spread:.0%} of the good ones'): it has collapsed. "
                "Lower game.weight, or go back to an earlier snapshot."
            )
        elif self.alike < ALIKE:
            how = "turned over" if self.alike < 0 else "lost"
            found.append(
                f"Light and dark are {how} (correlation with the good pictures {self.alike:.2f}). Raise loss.weight, or lower game.weight."
            )
        elif self.colours < COLOURS:
            found.append(f"Colours are gone ({self.colours:.0%} of the good pictures'). Give loss.colour a weight, or lower game.weight.")
        else:
            found += self._strayed()
        return found

    def _strayed(self) -> list[str]:
        """Likewise of colours that are there and are others: all of them, or by a cast."""
        found = []
        if self.hues < TURNED:
            found.append(
                f"Colours are turned over, or channels exchanged (correlation with the good pictures' {self.hues:.2f}). "
                "Give loss.colour a weight, or lower game.weight."
            )
        if self.drift > CAST:
            names = ("red", "green", "blue")
            worst = max(range(len(self.cast)), key=lambda channel: abs(self.cast[channel]))
            sign = "more" if self.cast[worst] > 0 else "less"
            what = names[worst] if len(self.cast) == 3 else "light"
            found.append(
                f"Colours drift: {abs(self.cast[worst]):.1%} {sign} {what} than in the good pictures. "
                "Give loss.colour a weight, or lower game.weight."
            )
        return found


def condition(made: Sequence[Levels], good: Sequence[Levels], accuracy: float, *, knowable: bool = True) -> Condition:
    """Of repaired pictures beside the good ones, uint8 (H, W, C) each; and how often the critic is right.

    knowable : whether the inputs say which colours are right; those that a network gives to grey pictures may be any.
    """
    ours, theirs = (np.stack([_squares(picture) for picture in pictures]) for pictures in (made, good))
    light = [squares.mean(-1) for squares in (ours, theirs)]
    chroma = [_chroma(squares) for squares in (ours, theirs)]
    cast = (ours - theirs).mean((0, 1, 2))
    colour, wanted = (float(np.ptp(squares, axis=-1).mean()) for squares in (ours, theirs))
    return Condition(
        spread=float(ours.std(0).mean() / max(float(theirs.std(0).mean()), 1e-6)) if len(made) > 1 else 1.0,
        alike=_correlation(*light),
        cast=tuple(float(channel) for channel in cast),  # type: ignore[arg-type]  # three, or one of grey
        colours=colour / wanted if wanted > GREY else 1.0,
        hues=_correlation(*chroma) if knowable and chroma[1].std() > GREY else 1.0,
        accuracy=accuracy,
    )


def _chroma(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour without light, and without what it is on the whole: a cast changes nothing.  (N, GRID, GRID, C) -> the same"""
    colour = squares - squares.mean(-1, keepdims=True)
    varying: NDArray[np.float64] = colour - colour.mean((0, 1, 2))
    return varying


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of two arrays of one shape; 0 where either is the same everywhere."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if min(one.std(), other.std()) > 1e-6 else 0.0


def _squares(picture: Levels) -> NDArray[np.float64]:
    """Means of GRID x GRID squares.  (H, W, C) -> (GRID, GRID, C)"""
    unit = to_unit(picture).astype(np.float64)
    rows = np.array_split(unit, GRID)
    return np.array([[square.mean((0, 1)) for square in np.array_split(row, GRID, axis=1)] for row in rows])


@dataclass
class Choice:
    """The snapshot a game should be stopped at: the nearest to the good pictures by held-out features, of those without a fault.

    It has gone on for long enough after `patience` validations without a better one, or at which the critic had won; and, where no
    snapshot was ever without a fault, after as many with one.
    """

    patience: int
    best: float = float("inf")
    step: int = 0
    waited: int = 0
    won: int = 0  # validations after which the critic had won, in a row
    ill: int = 0  # validations with a fault, in a row
    faults: list[str] = field(default_factory=list)

    def tell(self, step: int, distance: float, faults: Sequence[str], *, won: bool = False, ill: bool = False) -> bool:
        """Note one validation; whether it is the best so far.

        won : the critic had won by then.  ill : the faults are such as may end a game; where colours are to be given they come late.
        """
        self.faults = list(faults)
        self.won = self.won + 1 if won else 0
        self.ill = self.ill + 1 if ill else 0
        better = not faults and distance < self.best
        self.best, self.step = (distance, step) if better else (self.best, self.step)
        self.waited = 0 if better or math.isinf(self.best) else self.waited + 1
        return better

    @property
    def enough(self) -> str:
        """Why the game should end; empty while it should not."""
        best = f"step {self.step}, whose snapshot is best.safetensors"
        if self.waited >= self.patience:
            return f"the best point was passed at {best}"
        if self.won >= self.patience:
            return "the critic has won, and nothing is learnt from it" + (
                f"; the best point was {best}" if math.isfinite(self.best) else ""
            )
        if self.ill >= self.patience:
            return f"something was wrong with what it makes at each of the last {self.ill} looks, and no snapshot is worth keeping"
        return ""


Seen = Callable[[], tuple[Sequence[Levels], Sequence[Levels]]]  # made and good pictures
Distance = Callable[[Sequence[Levels], Sequence[Levels]], float]  # made and good pictures -> how far apart they look


def features_apart(network: FeatureNetwork, made: Sequence[Levels], good: Sequence[Levels]) -> float:
    """As a classifier sees them: `metrics.features.feature_distance`, mean over pictures."""
    see = features.see_through(network)
    return float(np.mean([features.feature_distance(see, one[None], other[None]) for one, other in zip(made, good, strict=True)]))


def sharpness_apart(made: Sequence[Levels], good: Sequence[Levels]) -> float:
    """Where there is no classifier: how far the strength of edges is off, as a share, mean over pictures and three scales."""
    return float(np.mean([abs(1 - _edges(one) / np.maximum(_edges(other), 1e-6)) for one, other in zip(made, good, strict=True)]))


def _edges(picture: Levels) -> NDArray[np.float64]:
    """Mean step from px to px, at full size and halved once and twice.  (3,)"""
    unit = to_unit(picture).astype(np.float64)
    found = []
    for _ in range(3):
        found.append(np.abs(np.diff(unit, axis=0)).mean() + np.abs(np.diff(unit, axis=1)).mean())
        height, width = (length // 2 * 2 for length in unit.shape[:2])
        unit = unit[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).mean((1, 3))
    return np.array(found)


class Guards(Callback):
    """After every validation: what is wrong is said, and whether the best point has been passed."""

    follows: ClassVar[tuple[type[Callback], ...]] = (Judged,)

    def __init__(self, scores: Judged, seen: Seen, game: Game, distance: Distance, *, patience: int, knowable: bool = True):
        self.scores, self.seen, self.game, self.distance, self.knowable = scores, seen, game, distance, knowable
        self.choice = Choice(patience)

    def after_phase(self, learner: Learner) -> None:
        """Scores get the distance and the drift; `snapshot` is what the best model is chosen by."""
        if learner.phase != "valid":
            return
        made, good = self.seen()
        if not made:  # nothing is held out
            return
        now = condition(made, good, self.game.table.accuracy, knowable=self.knowable)
        distance = self.distance(made, good)
        faults, warnings = now.faults(), now.warnings() if learner.step else []  # before the game it shall know
        self.choice.tell(learner.step, distance, faults, won=bool(warnings), ill=bool(faults) and self.knowable)
        if not faults:
            self.scores.now["snapshot"] = -distance
        self.scores.stats.add(
            learner,
            "game",
            distance=distance,
            drift=now.drift,
            spread=now.spread,
            alike=now.alike,
            colours=now.colours,
            hues=now.hues,
            accuracy=now.accuracy,
            faults=faults,
        )
        for sentence in (*faults, *warnings):
            say(sentence)
        if EARLIEST <= learner.progress < 1 and (why := self.choice.enough):
            learner.finish(why)

    def after_fit(self, learner: Learner) -> None:
        """A game that won nothing says so: what it began from is kept."""
        if learner.stopped is None and learner.step and not self.choice.step and math.isfinite(self.choice.best):
            say(
                "By the held-out pictures no snapshot of the game is nearer to the good ones than the model that it began from, "
                "which best.safetensors therefore is; last.safetensors is what the game made. Look at both: sharper is not always nearer."
            )

    def state(self) -> dict[str, Any]:
        """The best so far."""
        return dict(self.choice.__dict__)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.choice = Choice(**state)
