"""A step's arguments: from the values of a chain's text to the fields of its dataclass, and back to text.

What a field may hold follows from its annotation:
`tuple[float, float]` a number or a range a..b; `float`, `int` one number; `tuple[float, float, float]` as many numbers;
`tuple[Literal[...], ...]` one or several of these words; `tuple[str, ...]` any words or quoted texts; `Literal[...]`, `str` just one.
"""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sfumato.core.errors import Refusal, unknown

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_BARE = re.compile(rf"{WORD}|[0-9]+")
Kind = Literal["range", "number", "whole", "numbers", "choice", "choices", "text", "texts"]
_WANTED = {
    "range": "a number or a range like 2..4",
    "number": "one number",
    "whole": "one whole number",
    "text": "one word or quoted text",
    "texts": "words or quoted texts",
}


@dataclass(frozen=True)
class Value:
    """One value as it stood in the text: a number (low == high), a range, a word or a quoted text."""

    kind: Literal["number", "range", "word", "text"]
    text: str
    low: float = 0
    high: float = 0


@dataclass(frozen=True)
class Argument:
    """One field of a step: what it is called, what it may hold, what it holds unless told."""

    name: str
    kind: Kind
    default: Any
    count: int = 1  # of numbers
    choices: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """May it be given without its name?"""
        return self.kind in ("range", "number", "whole")

    @property
    def wanted(self) -> str:
        """What it takes, in words."""
        if self.kind == "numbers":
            return f"{self.count} numbers with commas between them"
        return _WANTED.get(self.kind) or f"{'one of' if self.kind == 'choice' else 'one or several of'} {', '.join(self.choices)}"


def arguments(step: type[Any]) -> tuple[Argument, ...]:
    """The arguments of a step's class, in order.  Refuses a class that is no dataclass, or a field no text could fill."""
    if not dataclasses.is_dataclass(step) or "__call__" not in dir(step):
        raise Refusal(f"{step!r} cannot be a step: a step is a frozen dataclass with __call__(self, picture, rng).")
    hints = get_type_hints(step)
    return tuple(_argument(step, field, hints[field.name]) for field in dataclasses.fields(step))


def _argument(step: type[Any], field: "dataclasses.Field[Any]", hint: Any) -> Argument:
    if field.default is dataclasses.MISSING:
        raise Refusal(f"The argument {field.name!r} of the step {step.__name__} has no default; every argument of a step needs one.")
    inner = get_args(hint)
    if hint in (float, int, str):
        plain: dict[Any, Kind] = {float: "number", int: "whole", str: "text"}
        return Argument(field.name, plain[hint], field.default)
    if get_origin(hint) is Literal:
        return Argument(field.name, "choice", field.default, choices=tuple(map(str, inner)))
    if get_origin(hint) is tuple and inner:
        if get_origin(inner[0]) is Literal and inner[1:] == (...,):
            return Argument(field.name, "choices", field.default, choices=tuple(map(str, get_args(inner[0]))))
        if inner == (str, ...):
            return Argument(field.name, "texts", field.default)
        if set(inner) <= {float, int}:
            return Argument(field.name, "range" if len(inner) == 2 else "numbers", field.default, count=len(inner))
    raise Refusal(
        f"{field.name!r} of the step {step.__name__} is a {hint}, which no chain could write: use a number, a range, words or text."
    )


def read(step: str, argument: Argument, values: Sequence[Value]) -> Any:
    """What the field gets.  Refuses values of another kind, in words."""
    found = ",".join(value.text for value in values)
    refusal = Refusal(f"{step}'s {argument.name!r} takes {argument.wanted}, not {found}.")
    if argument.kind == "numbers":
        if len(values) != argument.count or any(value.kind != "number" for value in values):
            raise refusal
        return tuple(value.low for value in values)
    if len(values) != 1 and argument.kind not in ("choices", "texts"):
        raise refusal
    if argument.numeric:
        return _read_number(argument, values[0], refusal)
    if any(value.kind == "range" for value in values):
        raise refusal
    words = tuple(value.text for value in values)
    for word in words if argument.choices else ():
        if word not in argument.choices:
            raise unknown(f"{argument.name} of {step}", word, argument.choices)
    return words if argument.kind in ("choices", "texts") else words[0]


def _read_number(argument: Argument, value: Value, refusal: Refusal) -> Any:
    if value.kind not in ("number", "range") or (value.kind == "range" and argument.kind != "range"):
        raise refusal
    if argument.kind == "range":
        return (value.low, value.high)
    if argument.kind == "whole" and not isinstance(value.low, int):
        raise refusal
    return value.low


def write(step: Any) -> str:
    """What of a step differs from its defaults, as a chain's text that reads back to an equal step."""
    words, in_order = [], True
    for argument in arguments(type(step)):
        value = getattr(step, argument.name)
        if repr(value) == repr(argument.default):  # 2 and 2.0 are equal, but draw differently
            in_order = False
            continue
        text = text_of(argument, value)
        in_order = in_order and argument.numeric
        words.append(text if in_order else f"{argument.name}={text}")
    return " ".join(words)


def text_of(argument: Argument, value: Any) -> str:
    """One field's value in the grammar's own writing."""
    if argument.kind == "range":
        low, high = value
        return number_text(low) if repr(low) == repr(high) else f"{number_text(low)}..{number_text(high)}"
    if argument.numeric:
        return number_text(value)
    if argument.kind == "numbers":
        return ",".join(map(number_text, value))
    return ",".join(map(quoted, (value,) if isinstance(value, str) else value))


def number_text(value: float) -> str:
    """3 -> "3", 3.0 -> "3.0": whole numbers stay whole."""
    return str(int(value)) if isinstance(value, int) else repr(float(value))


def quoted(text: str) -> str:
    """A text in quotes, or bare where it is a plain word."""
    return text if _BARE.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
