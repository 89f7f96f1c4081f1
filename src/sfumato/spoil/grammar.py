"""The grammar of chains, the same on the command line, in recipes and from Python.

chain = step ('|' step)*
step  = name arg* (key=value)*  or  maybe(p, chain), shuffle(chain), repeat(n, chain)
arg   = number  or  a..b        (drawn evenly, both ends included; whole numbers if both ends are written as such)
value = number | a..b | word | "quoted text", several separated by commas
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeVar

from sfumato.core.errors import Refusal, unknown
from sfumato.spoil import catalogue
from sfumato.spoil.chain import Chain, Maybe, Node, Repeat, Shuffle, Step
from sfumato.spoil.parts import arguments
from sfumato.spoil.parts.arguments import NUMBER, WORD, Value

T = TypeVar("T")
DEEPEST = 20  # brackets within brackets
LONGEST = 20_000  # characters
_GROUPS = ("maybe", "shuffle", "repeat")
_TOKEN = re.compile(rf'(?P<number>{NUMBER})|(?P<dots>\.\.)|(?P<word>{WORD})|(?P<text>"(?:[^"\\]|\\.)*")|(?P<mark>[|(),=])', re.DOTALL)


def parse(text: str, steps: Mapping[str, catalogue.Entry] | None = None) -> Chain:
    """Read a chain.  `steps` are those it may use: all known ones unless told (`catalogue.with_file` adds a person's own).

    Refuses, with the place in the text, what the grammar has no room for, names and arguments there are not, and values out of range.
    """
    return _Reader(text, catalogue.known() if steps is None else steps).whole()


@dataclass(frozen=True)
class _Token:
    kind: str  # number, dots, word, text, mark or end
    text: str
    at: int


class _Reader:
    """Recursive descent: one method a rule of the grammar."""

    def __init__(self, text: str, steps: Mapping[str, catalogue.Entry]):
        if len(text) > LONGEST:
            raise Refusal(f"A chain has at most {LONGEST} characters, but this one has {len(text)}: {text[:60]!r}...")
        self.text, self.steps = text, steps
        self.tokens = list(self._tokens())
        self.place = 0

    def whole(self) -> Chain:
        chain = self.chain(depth=0)
        if self.next.kind != "end":
            self.refuse(f"There is a {self.next.text!r} too much.")
        return chain

    def chain(self, depth: int) -> Chain:
        if depth > DEEPEST:
            self.refuse(f"Brackets stand more than {DEEPEST} deep in each other.")
        at = self.next.at
        nodes = [self.node(depth)]
        while self.takes("|"):
            nodes.append(self.node(depth))
        return self.made(at, lambda: Chain(tuple(nodes)))

    def node(self, depth: int) -> Node:
        name = self.next
        if name.kind != "word":
            self.refuse(f"A step's name was expected, but {self.seen()} stands here.")
        self.place += 1
        return self.group(name, depth) if name.text in _GROUPS else self.step(name)

    def group(self, name: _Token, depth: int) -> Node:
        self.needs("(", f"after {name.text!r}")
        if name.text == "shuffle":
            chain = self.chain(depth + 1)
            self.needs(")", "to end shuffle(...)")
            return self.made(name.at, lambda: Shuffle(chain))
        amount = self.number_or_range()
        self.needs(",", f"after the {'chance' if name.text == 'maybe' else 'number'} of {name.text}(...)")
        chain = self.chain(depth + 1)
        self.needs(")", f"to end {name.text}(...)")
        if name.text == "repeat":
            return self.made(name.at, lambda: Repeat((amount.low, amount.high), chain))
        if amount.kind == "range":
            self.refuse("maybe(...) takes one chance between 0 and 1, not a range.", name.at)
        return self.made(name.at, lambda: Maybe(amount.low, chain))

    def step(self, name: _Token) -> Step:
        if name.text not in self.steps:
            self.refuse(str(unknown("step", name.text, [*self.steps, *_GROUPS])), name.at)
        act = self.steps[name.text].load()
        known = arguments.arguments(act)
        given = {}
        for argument, value, at in self.positional(name.text, known):
            given[argument.name] = self.made(at, partial(arguments.read, name.text, argument, [value]))
        while self.next.kind == "word":
            key = self.take()
            self.needs("=", f"after {key.text!r}")
            values = self.values()
            meant = next((argument for argument in known if argument.name == key.text), None)
            if meant is None:
                self.refuse(_no_argument(name.text, key.text, known), key.at)
            if meant.name in given:
                self.refuse(f"{name.text} got its {meant.name!r} twice.", key.at)
            given[meant.name] = self.made(key.at, partial(arguments.read, name.text, meant, values))
        return Step(name.text, self.made(name.at, lambda: act(**given)))

    def positional(self, step: str, known: tuple[arguments.Argument, ...]) -> list[tuple[arguments.Argument, Value, int]]:
        """The numbers that stand without a name, in the order of the step's first arguments."""
        found: list[tuple[arguments.Argument, Value, int]] = []
        while self.next.kind == "number":
            at = self.next.at
            value = self.number_or_range()
            if len(found) == len(known) or not known[len(found)].numeric:
                names = ", ".join(argument.name for argument in known) or "none"
                self.refuse(
                    f"{step} takes {len(found) or 'no'} number(s) without a name; {value.text} is too much. Its arguments: {names}.", at
                )
            found.append((known[len(found)], value, at))
        return found

    def values(self) -> list[Value]:
        found = [self.value()]
        while self.next.text == "," and self.next.kind == "mark":
            self.place += 1
            found.append(self.value())
        return found

    def value(self) -> Value:
        if self.next.kind == "number":
            return self.number_or_range()
        if self.next.kind == "word":
            return Value("word", self.take().text)
        if self.next.kind == "text":
            return Value("text", re.sub(r"\\(.)", r"\1", self.take().text[1:-1], flags=re.DOTALL))
        self.refuse(f'A number, a range, a word or a "quoted text" was expected, but {self.seen()} stands here.')

    def number_or_range(self) -> Value:
        at = self.next.at
        low, text = self.number()
        if self.next.kind != "dots":
            return Value("number", text, low, low)
        self.place += 1
        high, end = self.number()
        if high < low:
            self.refuse(f"The range {text}..{end} must run from low to high.", at)
        return Value("range", f"{text}..{end}", low, high)

    def number(self) -> tuple[float, str]:
        if self.next.kind != "number":
            self.refuse(f"A number was expected, but {self.seen()} stands here.")
        token = self.take()
        if len(token.text) > 30 or not math.isfinite(float(token.text)):  # Python itself refuses whole numbers of thousands of digits
            self.refuse("This number is too long or too large.", token.at)
        return (int(token.text) if token.text.lstrip("+-").isdigit() else float(token.text)), token.text

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def takes(self, mark: str) -> bool:
        found = self.next.kind == "mark" and self.next.text == mark
        self.place += found
        return found

    def needs(self, mark: str, why: str) -> None:
        if not self.takes(mark):
            self.refuse(f"{mark!r} was expected {why}, but {self.seen()} stands here.")

    def seen(self) -> str:
        return "the end" if self.next.kind == "end" else repr(self.next.text)

    def made(self, at: int, make: Callable[[], T]) -> T:
        """What `make` makes; its refusal gets the place in the text."""
        try:
            return make()
        except Refusal as refusal:
            self.refuse(str(refusal), at)

    def refuse(self, sentence: str, at: int | None = None) -> NoReturn:
        place = self.next.at if at is None else at
        shown = self.text if len(self.text) <= 120 else f"...{self.text[max(0, place - 40) : place + 40]}..."
        raise Refusal(f"In the chain {shown!r}, at character {place + 1}: {sentence}")

    def _tokens(self) -> Iterator[_Token]:
        at = 0
        while True:
            while at < len(self.text) and self.text[at].isspace():
                at += 1
            if at == len(self.text):
                break
            found = _TOKEN.match(self.text, at)
            if found is None:
                what = "This quoted text has no end." if self.text[at] == '"' else f"{self.text[at]!r} has no meaning here."
                raise Refusal(f"In the chain {self.text[:120]!r}, at character {at + 1}: {what}")
            yield _Token(str(found.lastgroup), found.group(), at)
            at = found.end()
        yield _Token("end", "", len(self.text))


def _no_argument(step: str, key: str, known: tuple[arguments.Argument, ...]) -> str:
    if not known:
        return f"{step} takes no arguments, so there is nothing called {key!r} to set."
    return str(unknown(f"argument of {step}", key, [argument.name for argument in known]))
