"""A picture grown sideways, strip by strip, by a model that has learnt to fill in what was cut off at a border."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, to_levels, to_unit
from sfumato.core.seed import Seed
from sfumato.spoil import grammar
from sfumato.spoil.chain import Step
from sfumato.spoil.missing import Border, stuff
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use.photograph import Photograph

SHARE = 0.75  # of the widest strip that was cut off in training: the widest are the least sure
SEEN = 2  # heights of the picture that are looked at for a strip


@dataclass(frozen=True)
class Panorama:
    """times : strips; above 0 to the right, below 0 to the left."""

    model: Restorer
    times: int

    def __call__(self, photo: Photograph) -> Photograph:
        """The same picture, wider.  Refuses one with transparency, and a model that has not learnt to grow a border."""
        if photo.alpha is not None:
            raise Refusal("A picture with transparency cannot be grown: what should be seen through the new part?")
        return replace(photo, pixels=self.grown(to_levels(to_unit(photo.pixels))))

    def grown(self, picture: Levels) -> Levels:
        """uint8 (H, W, C) -> (H, W + strips, C)"""
        border = learnt(self.model.header.recipe)
        strip = max(1, round(SHARE * border.size[1]))
        rng = Seed(0).at("panorama")
        picture = picture if self.times > 0 else picture[:, ::-1]
        for _ in range(abs(self.times)):
            height, width, channels = picture.shape
            blank = stuff(height * strip, channels, border.fill[:1], rng).reshape(height, strip, channels)
            start = max(0, width - SEEN * height)
            window = np.concatenate([picture[:, start:], blank], axis=1)
            window = window if self.times > 0 else window[:, ::-1]  # the model sees its own side
            made = np.asarray(self.model.restore(np.ascontiguousarray(window)))
            made = made if self.times > 0 else made[:, ::-1]
            picture = np.concatenate([picture, made[:, -strip:]], axis=1)
        return np.ascontiguousarray(picture if self.times > 0 else picture[:, ::-1])


def learnt(recipe: dict[str, Any]) -> Border:
    """The border that a model learnt to fill, by the chain in its header."""
    text = str((recipe.get("spoil") or {}).get("chain", ""))
    found = [step.act for step in _steps(grammar.parse(text).steps) if isinstance(step.act, Border)] if text else []
    if not found:
        undoes = repr(text) if text else "nothing that it says"
        raise Refusal(f"This model has not learnt to grow a border: it undoes {undoes}, which has no step 'border'.")
    return found[-1]


def _steps(nodes: Any) -> list[Step]:
    return [step for node in nodes for step in ([node] if isinstance(node, Step) else _steps(node.chain.steps))]
