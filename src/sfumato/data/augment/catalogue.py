"""Every step a chain of augmentation may name: a table one can read, and the words it is written in.

chain  = step ('|' step)*, or off
step   = name number* word*         like  pad-crop 3 reflect | flip | erase 0.3 0.02..0.2
number = 3 or 0.3, or a range low..high where a step takes one; in the order of the table, and what is left out has its default

Nothing is imported until it is used, so the table needs no torch.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfumato.core.errors import Refusal, shortened, unknown

if TYPE_CHECKING:
    from sfumato.data.augment.transform import Chain, Transform

FILLS = ("zero", "reflect")
SAMPLINGS = ("nearest", "bilinear")
_NUMBER = r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})"


@dataclass(frozen=True)
class Entry:
    """Where a step's class is, what it does in a line, and what may stand behind its name.

    numbers : its arguments in order, each with what it takes: "whole", "number" or "range".
    word : the argument that a word is for, and the words there are.
    statistics : whether it takes the data's mean and spread.
    """

    builder: str  # "module:Class" of this folder
    says: str
    numbers: tuple[tuple[str, str], ...] = ()
    word: tuple[str, tuple[str, ...]] = ("", ())
    statistics: bool = False

    def build(self, arguments: Mapping[str, Any]) -> Transform:
        """The step, its class imported now.  Refuses what the class refuses."""
        module, _, name = self.builder.partition(":")
        made: Transform = getattr(importlib.import_module(f"sfumato.data.augment.{module}"), name)(**arguments)
        return made


_RECTANGLES = (("chance", "number"), ("share", "range"), ("count", "whole"))
_FILL = ("fill", FILLS)
_SAMPLING = ("sampling", SAMPLINGS)

STEPS: Mapping[str, Entry] = {
    "pad-crop": Entry("geometry:PadCrop", "shifted by up to so many px", (("pad", "whole"),), _FILL),
    "flip": Entry("geometry:Flip", "mirrored left and right", (("chance", "number"),)),
    "affine": Entry(
        "geometry:Affine",
        "rotated (degrees), zoomed, sheared and shifted (share of the side), at most by so much",
        (("rotate", "number"), ("zoom", "number"), ("shear", "number"), ("shift", "number")),
        _FILL,
    ),
    "lighting": Entry(
        "light:Lighting", "brighter or darker, with more or less contrast", (("brightness", "number"), ("contrast", "number"))
    ),
    "erase": Entry("patches:Erase", "rectangles of noise with the data's mean and spread", _RECTANGLES, statistics=True),
    "copy": Entry("patches:Copy", "rectangles replaced by others of the same picture", _RECTANGLES),
    "trivial": Entry("trivial:TrivialAugment", "one of 14 operations, of any strength", (), _SAMPLING),
    "randaugment": Entry(
        "trivial:RandAugment", "several operations of one strength", (("count", "whole"), ("strength", "number")), _SAMPLING
    ),
    "resized-crop": Entry(
        "geometry:RandomResizedCrop", "a piece of so much of the area, enlarged", (("scale", "range"), ("ratio", "range"))
    ),
}


def parse(text: str, *, mean: tuple[float, ...], spread: tuple[float, ...]) -> Chain:
    """Read a chain.  `mean` and `spread` are the data's, for each channel.

    Refuses names there are not, and numbers and words a step does not take, in sentences.
    """
    made: type[Chain] = importlib.import_module("sfumato.data.augment.transform").Chain
    if text.strip() in ("", "off"):
        return made(())
    return made(tuple(_step(part.split(), mean, spread) for part in text.split("|")))


def _step(words: list[str], mean: tuple[float, ...], spread: tuple[float, ...]) -> Transform:
    if not words:
        raise Refusal("A step of augmentation is missing: between two '|' stands a name, like in 'pad-crop 3 | flip'.")
    name, *given = words
    if name not in STEPS:
        raise unknown("step of augmentation", name, STEPS)
    entry = STEPS[name]
    arguments: dict[str, Any] = {"mean": mean, "spread": spread} if entry.statistics else {}
    numbers = [word for word in given if not word[0].isalpha()]
    if given[: len(numbers)] != numbers:
        raise Refusal(f"In {shortened(' '.join(words))!r} a number stands behind a word; numbers come first.")
    if len(numbers) > len(entry.numbers):
        takes = ", ".join(argument for argument, _ in entry.numbers) or "none"
        raise Refusal(f"{name} got {len(numbers)} numbers, which is too many. Its numbers: {takes}.")
    for (argument, kind), number in zip(entry.numbers, numbers, strict=False):
        arguments[argument] = _number(name, argument, kind, number)
    for word in given[len(numbers) :]:
        argument, known = entry.word
        if word not in known or argument in arguments:
            takes = f"one of {', '.join(known)}" if known else "none"
            raise Refusal(f"{name} does not take the word {shortened(word)!r} here. Words it takes: {takes}.")
        arguments[argument] = word
    return entry.build(arguments)


def _number(step: str, argument: str, kind: str, text: str) -> Any:
    """A number or a range as a step takes it."""
    found = re.fullmatch(rf"({_NUMBER})(?:\.\.({_NUMBER}))?", text)
    if found is None:
        raise Refusal(f"The {argument} of {step} is {shortened(text)!r}, which is no number.")
    low, high = float(found[1]), float(found[2] or "nan")
    ranged = not math.isnan(high)
    if kind == "range":
        return (low, high if ranged else low)
    if ranged:
        raise Refusal(f"The {argument} of {step} is one number, not a range like {text!r}.")
    if kind == "whole":
        if low != int(low):
            raise Refusal(f"The {argument} of {step} is {text}, but must be a whole number.")
        return int(low)
    return low
