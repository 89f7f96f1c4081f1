"""What was seen inside a network and of its answers: each picture with words that say how to read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sfumato.report import embed


@dataclass(frozen=True)
class Instrument:
    """One picture of the folder `instruments`."""

    title: str
    caption: str
    picture: str  # data address
    width: int  # px
    height: int
    wide: bool  # takes a row to itself


@dataclass(frozen=True)
class _Kind:
    title: str
    caption: str
    answers: bool = False  # about the network's answers; else about what happens inside
    wide: bool = False


KINDS = {  # in the order of the page
    "confusion": _Kind("Confusion", "Each row is a class as it is, each column what it was seen as; all but the diagonal is wrong.", True),
    "calibration": _Kind("Calibration", "Bars above the dashed line: right more often than it says; below it: surer than right.", True),
    "classes": _Kind("Class by class", "The classes it knows least come first.", True),
    "top-losses": _Kind("Top losses", "Held-out pictures with the largest loss: look for wrong labels first.", True, True),
    "worst": _Kind("Where it errs most", "Held-out pictures with the fewest right pixels: look for wrong masks first.", True, True),
    "classes-key": _Kind("Colours of classes", "What each colour over a picture stands for.", True, True),
    "batch": _Kind("A batch", "Training pictures as the network sees them, augmented.", False, True),
    "activations": _Kind(
        "Activations",
        "Spreads that stay near one are good. A bright floor alone, or a share near zero that climbs to one, is a dying layer.",
        False,
        True,
    ),
    "gradients": _Kind("Gradients", "Norms before clipping. Layers that are thousands of times apart do not learn together.", False, True),
    "surface": _Kind("Loss surface", "The loss around the network (the cross), along random directions normalised by filter."),
}


def instruments(found: Mapping[str, Path], *, answers: bool) -> list[Instrument]:
    """Those that are there, in the order of the page.  answers: those about the network's answers, or those about its inside."""
    kinds = [(name, kind) for name, kind in KINDS.items() if name in found and kind.answers == answers]
    return [Instrument(kind.title, kind.caption, embed.whole(found[name]), *embed.size(found[name]), kind.wide) for name, kind in kinds]
