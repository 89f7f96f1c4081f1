"""Pictures that turn out bad when they are decoded: one of thousands stops nothing, and each is named.  All other refusals stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from sfumato.core.errors import Refusal, Undecodable
from sfumato.core.progress import say

T = TypeVar("T")


@dataclass(frozen=True)
class Replaced:
    """Of pictures to train on: the next good one takes the place, which is the same in every run."""

    count: int
    known: set[int] = field(default_factory=set, repr=False)

    def by_next(self, wanted: int, draw: Callable[[int], T]) -> T:
        """What `draw` makes of the number that is wanted, or of the first good one after it, round and round."""
        reason = ""
        for further in range(self.count):
            number = (wanted + further) % self.count
            if number in self.known:
                continue
            try:
                return draw(number)
            except Undecodable as bad:
                say(f"{bad} The next picture is taken in its place.")
                self.known.add(number)
                reason = f" The last one: {bad}"
        raise Refusal(f"None of the {self.count} pictures to train on can be decoded.{reason}")


def left_out(makers: Iterable[Callable[[], T]], what: str = "the held-out pictures") -> Iterator[T]:
    """What comes of each, but for those that cannot be decoded.  what : what a sentence says they are left out of."""
    for make in makers:
        try:
            made = make()
        except Undecodable as bad:
            say(f"{bad} It is left out of {what}.")
            continue
        yield made
