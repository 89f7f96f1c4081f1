"""Chains of damage: steps one after the other, by chance, in random order, or several times.

Every node takes uint8 (H, W, C) with C 1 or 3 and a generator, gives uint8 of the same kind, and never writes to what it was given.
`str(chain)` is its canonical text; `grammar.parse` reads it back to an equal chain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any, Protocol

import numpy as np

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import Levels
from sfumato.spoil.parts import arguments
from sfumato.spoil.parts.ranges import Noting, Range, draw

MOST = 1000  # steps that may act on one picture
BLOCKS = 16  # px: the period of JPEG with halved colour
FARTHEST = 4096  # px that a pixel of the result may look: windows are that much larger than a crop on every side
Span = tuple[int, int]  # px along one side, from the first up to, but without, the second


class Node(Protocol):
    """Anything a chain is made of."""

    @property
    def reach(self) -> int: ...  # px, how far around it a pixel of the result may look

    def context(self, low: int, high: int) -> Span: ...  # the pixels that those from low up to high may look at

    @property
    def enlarges(self) -> int: ...  # how much larger the good picture is than the spoilt one

    @property
    def acts(self) -> int: ...  # how many steps act on a picture, at most

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels: ...


@dataclass(frozen=True)
class Step:
    """One named step: the name it has in the catalogue and the frozen dataclass that does it."""

    name: str
    act: Callable[[Levels, np.random.Generator], Levels]

    @cached_property
    def reach(self) -> int:
        return int(getattr(self.act, "reach", 0))

    def context(self, low: int, high: int) -> Span:
        blocks: Callable[[int, int], Span] | None = getattr(self.act, "context", None)
        return blocks(low, high) if blocks else (low - self.reach, high + self.reach)

    @cached_property
    def enlarges(self) -> int:
        return int(getattr(self.act, "enlarges", 1))

    @property
    def acts(self) -> int:
        return 1

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """Refuses, by name, a step that gives anything but uint8 with the channels it was given."""
        if isinstance(rng, Noting):
            rng.begin(self.name)
        spoilt = self.act(picture, rng)
        if not isinstance(spoilt, np.ndarray) or spoilt.dtype != np.uint8 or spoilt.ndim != 3 or spoilt.shape[2] != picture.shape[2]:
            raise Refusal(f"The step {self.name!r} gave {_look(spoilt)}, but must give uint8 (H, W, {picture.shape[2]}), as it was given.")
        return spoilt

    def __str__(self) -> str:
        return f"{self.name} {arguments.write(self.act)}".strip()


@dataclass(frozen=True)
class Chain:
    """Steps one after the other.  Refuses none at all, more than 1000 or a reach over 4096 px, and more than one `shrink`."""

    steps: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise Refusal("A chain needs at least one step, like 'jpeg 10..60'.")
        if sum(step.enlarges != 1 for step in self.steps) > 1:
            raise Refusal("A chain makes the picture smaller (shrink) once at most; to get the size back, use 'scale'.")
        if self.acts > MOST:
            raise Refusal(f"Of this chain {self.acts} steps would act on every picture, but at most {MOST} may: repeat less.")
        if self.reach > FARTHEST:
            raise Refusal(f"A pixel spoilt by this chain would depend on others {self.reach} px away, but at most {FARTHEST} are taken.")

    @property
    def single(self) -> list[Step]:
        """Every step, also those that act by chance, in another order or again."""
        found = [[node] if isinstance(node, Step) else node.chain.single for node in self.steps if isinstance(node, Step | _Group)]
        return [step for steps in found for step in steps]

    @cached_property
    def acts(self) -> int:
        """How many steps act on a picture, at most."""
        return sum(step.acts for step in self.steps)

    @cached_property
    def reach(self) -> int:
        """px of context a pixel of the result may depend on; pictures cut with such a margin are spoilt as the whole would be."""
        return sum(step.reach * grid for step, grid in self._grids)

    @cached_property
    def _grids(self) -> tuple[tuple[Node, int], ...]:
        """Each step with the good picture's px that one of its own is: more than one after a `shrink`."""
        before = accumulate((step.enlarges for step in self.steps[:-1]), mul, initial=1)
        return tuple(zip(self.steps, before, strict=True))

    @cached_property
    def period(self) -> int:
        """px of the good picture after which a chain's own grids, such as the blocks of JPEG, lie alike again."""
        return BLOCKS * self._grids[-1][1]

    def context(self, low: int, high: int) -> Span:
        """The pixels of a good picture that pixels low .. high - 1 of the spoilt one depend on, along one side.

        Closer than `reach`, for a picture starts where a block of JPEG does.  Counted in the good picture's px, before a `shrink`.
        """
        for step, grid in reversed(self._grids):
            low, high = (end * grid for end in step.context(low // grid, -(-high // grid)))
        return low, high

    @cached_property
    def enlarges(self) -> int:
        """The factor of its `shrink`, by which a network must enlarge; else 1."""
        return prod(step.enlarges for step in self.steps)

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C), C 1 or 3 -> the same shape (or smaller by `enlarges`), never the memory it was given.  Refuses other types."""
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3) or not picture.size:
            raise Refusal(f"A chain spoils uint8 pictures (H, W, 1) or (H, W, 3), not {_look(picture)}.")
        spoilt = np.ascontiguousarray(picture)
        for step in self.steps:
            spoilt = step(spoilt, rng)
        spoilt = np.ascontiguousarray(spoilt)
        return spoilt.copy() if np.may_share_memory(spoilt, picture) else spoilt

    def draws(self, picture: Levels, rng: np.random.Generator) -> list[tuple[str, dict[str, Any]]]:
        """What the steps draw for this picture, in the order in which they act: [(step, {argument: drawn value})]."""
        noting = Noting(rng.bit_generator)
        self(picture, noting)
        return noting.notes

    def __str__(self) -> str:
        return " | ".join(map(str, self.steps))


class _Group:
    """A chain in brackets: it looks as far as the chain does and leaves the size alone."""

    chain: Chain

    @property
    def reach(self) -> int:
        return self.chain.reach

    def context(self, low: int, high: int) -> Span:
        return self.chain.context(low, high)

    @property
    def enlarges(self) -> int:
        return 1

    @property
    def acts(self) -> int:
        return self.chain.acts


@dataclass(frozen=True)
class Maybe(_Group):
    """A chain that acts on a share `chance` of the pictures.  Refuses a chance outside 0..1, and a chain that shrinks."""

    chance: float
    chain: Chain

    def __post_init__(self) -> None:
        check_range("The chance of maybe(...)", (self.chance, self.chance), within=(0, 1))
        _check_size_stays("maybe", self.chain)

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        return _run(self.chain.steps, picture, rng) if rng.random() < self.chance else picture

    def __str__(self) -> str:
        return f"maybe({arguments.number_text(self.chance)}, {self.chain})"


@dataclass(frozen=True)
class Shuffle(_Group):
    """The steps of a chain in an order drawn anew for every picture.  Refuses a chain that shrinks."""

    chain: Chain

    def __post_init__(self) -> None:
        _check_size_stays("shuffle", self.chain)

    def context(self, low: int, high: int) -> Span:
        return low - self.reach, high + self.reach  # whatever the order

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        steps = self.chain.steps
        return _run(tuple(steps[i] for i in rng.permutation(len(steps))), picture, rng)

    def __str__(self) -> str:
        return f"shuffle({self.chain})"


@dataclass(frozen=True)
class Repeat(_Group):
    """A chain that acts several times, with new draws each time.  Refuses times not whole or over 100, and a chain that shrinks."""

    times: Range
    chain: Chain

    def __post_init__(self) -> None:
        check_range("The times of repeat(...)", self.times, within=(0, 100))
        if not all(isinstance(end, int) for end in self.times):
            raise Refusal("repeat(...) takes a whole number of times, or a range of whole numbers like 1..2.")
        _check_size_stays("repeat", self.chain)

    @property
    def reach(self) -> int:
        return int(self.times[1]) * self.chain.reach

    @property
    def acts(self) -> int:
        return int(self.times[1]) * self.chain.acts

    def context(self, low: int, high: int) -> Span:
        for _ in range(int(self.times[1])):
            low, high = self.chain.context(low, high)
        return low, high

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        for _ in range(int(draw(rng, self.times))):
            picture = _run(self.chain.steps, picture, rng)
        return picture

    def __str__(self) -> str:
        low, high = map(arguments.number_text, self.times)
        return f"repeat({low if low == high else f'{low}..{high}'}, {self.chain})"


def _run(steps: tuple[Node, ...], picture: Levels, rng: np.random.Generator) -> Levels:
    for step in steps:
        picture = step(picture, rng)
    return picture


def _check_size_stays(where: str, chain: Chain) -> None:
    if chain.enlarges != 1:
        raise Refusal(f"{where}(...) must leave the picture's size alone, so it cannot hold a shrink; to get the size back, use 'scale'.")


def _look(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
