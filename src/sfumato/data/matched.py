"""Pictures that each have a map: for every pixel a number, be it a class or a depth.  Both are moved alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.data.items import Items
from sfumato.data.split import held_numbers


@dataclass(frozen=True, eq=False)
class Matched(ABC):
    """Pictures, and a map of the same size for each.  called : what a sentence calls a map."""

    pictures: Items
    maps: Items
    called: ClassVar[str] = "map"

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.maps):
            raise Refusal(f"Each picture has one {self.called}, but there are {len(self.pictures)} and {len(self.maps)}.")

    @abstractmethod
    def map(self, index: int) -> NDArray[Any]:
        """Of that number, decoded and understood: labels or metres, (H, W)."""

    def __len__(self) -> int:
        return len(self.pictures)

    def filter(self, keep: Callable[[int], bool]) -> Self:
        """Those to whose number `keep` says yes."""
        chosen = [index for index in range(len(self)) if keep(index)]
        pictures, maps = (Items(tuple(part[index] for index in chosen)) for part in (self.pictures, self.maps))
        return replace(self, pictures=pictures, maps=maps)

    def split(self, held_out: float) -> tuple[Self, Self]:
        """To train on, and a share held out: see `held_numbers`."""
        held = set(held_numbers((item.name for item in self.pictures), held_out))
        return self.filter(lambda index: index not in held), self.filter(held.__contains__)


def check_size(name: str, picture: Sequence[int], found: Sequence[int], called: str) -> None:
    """Refuse what belongs to a picture (a map, an input) and has another size.  Heights and widths."""
    if tuple(picture) != tuple(found):
        sizes = [f"{width} x {height}" for height, width in (picture, found)]
        raise Refusal(f"The picture {name} is {sizes[0]} px, but its {called} is {sizes[1]} px: they belong pixel to pixel.")
