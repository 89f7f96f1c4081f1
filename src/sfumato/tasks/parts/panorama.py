"""A picture grown sideways, strip by strip, by a model that has learnt to fill in what was cut off at a border."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import like, to_unit
from sfumato.core.seed import Seed
from sfumato.data.reading.read import Pixels
from sfumato.spoil import grammar
from sfumato.spoil.missing import Border, stuff
from sfumato.tasks.parts.begun import Undone
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use import photograph
from sfumato.use.photograph import Photograph

SHARE = 0.75  # of the widest strip that was cut off in training: the widest are the least sure
SEEN = 2  # heights of the picture, at most, that are looked at for a strip
ANOTHER = "Name one that has learnt it by --model (sfumato train border PICTURES makes one)."


@dataclass(frozen=True)
class Panorama:
    """times : strips; above 0 to the right, below 0 to the left."""

    model: Restorer
    times: int

    def __post_init__(self) -> None:
        """Refuses a model that has not learnt to grow this border, and what a strip cannot be made with."""
        side, learnt_sides = "right" if self.times > 0 else "left", self._border.side
        if not {side, "any", "all"} & set(learnt_sides):
            raise Refusal(f"This model has not learnt to grow a picture to the {side}, only to: {', '.join(learnt_sides)}.")
        if self.model.grows > 1 or self.model.strength < 1 or self.model.keep_colour:
            raise Refusal("What is new in a picture has no size or colour to keep: leave --enlarge, --strength and --keep-colour out.")
        if self.model.contract.colours:
            raise Refusal(f"This model gives colour to grey pictures, and would to the strips alone: what was there stays. {ANOTHER}")

    @property
    def _border(self) -> Border:
        return learnt(self.model.header.recipe)

    def __call__(self, photo: Photograph) -> Photograph:
        """The same picture, wider, with as many bits.  Refuses one that can be seen through."""
        alpha = photo.alpha
        if alpha is not None and not photograph.is_opaque(alpha):
            raise Refusal("A picture with transparency cannot be grown: what should be seen through the new part?")
        pixels = self.grown(photo.pixels)
        return replace(photo, pixels=pixels, alpha=None if alpha is None else np.full(pixels.shape[:2], alpha.flat[0], alpha.dtype))

    def grown(self, picture: Pixels) -> Pixels:
        """uint8 or uint16 (H, W, C) -> the same type, (H, W + |times| strips, C), each as wide as SHARE of the widest border learnt."""
        border = self._border
        strip = max(1, round(SHARE * border.size[1]))
        rng = Seed(0).at("panorama")
        picture = picture if self.times > 0 else picture[:, ::-1]
        for _ in range(abs(self.times)):
            height, width, channels = picture.shape
            blank = stuff(height * strip, channels, border.fill[:1], rng).reshape(height, strip, channels)
            blank = like(to_unit(blank), picture.dtype)
            window = np.concatenate([picture[:, self._first(height, width) :], blank], axis=1)
            window = window if self.times > 0 else window[:, ::-1]  # the model sees its own side
            repaired = self.model.restore(Photograph(pixels=np.ascontiguousarray(window)))
            assert isinstance(repaired, Photograph)  # as what it was given
            made = repaired.pixels if self.times > 0 else repaired.pixels[:, ::-1]
            picture = np.concatenate([picture, made[:, -strip:]], axis=1)
        grown: Any = np.ascontiguousarray(picture if self.times > 0 else picture[:, ::-1])
        return grown  # type: ignore[no-any-return]  # of the depth that came

    def _first(self, height: int, width: int) -> int:
        """The column from which on the picture is looked at: what decides nothing is left out, and the network's grid lies as with it."""
        contract, first = self.model.contract, max(0, width - SEEN * height)
        if not contract.tiles:
            return first
        decides = self.model.times * contract.reach  # how far a strip looks inwards is more than what is measured of tiles
        return first + max(0, width - first - decides) // contract.stride * contract.stride


def learnt(recipe: dict[str, Any]) -> Border:
    """The border that a model learnt to fill, by the chain in its header, which says nothing where pairs were there already."""
    undone = Undone.by(recipe)
    if undone.inputs:
        raise Refusal(f"This model has learnt from real pairs, and says nothing of growing a border. {ANOTHER}")
    found = [step.act for step in grammar.parse(undone.chain).single if isinstance(step.act, Border)] if undone.chain else []
    if not found:
        undoes = repr(undone.chain) if undone.chain else "nothing that it says"
        raise Refusal(f"This model has not learnt to grow a border: it undoes {undoes}, which has no step 'border'. {ANOTHER}")
    return found[-1]
