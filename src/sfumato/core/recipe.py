"""Recipes: frozen pydantic dataclasses read from strict TOML; nothing in them is computed, and no key is ignored.

A section is a field whose type is such a dataclass; a choice is a field whose type is a union of them, told apart by
`kind: Literal["name"] = "name"`.  Without `kind` a choice is that of the field's default; changing `kind` resets its
siblings.  There is no null: a field that may be nothing says so by Literal["off"] or Literal["auto"].
"""

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from sfumato.core.errors import Refusal, shortened, unknown

T = TypeVar("T")
Table = dict[str, Any]
_LONGEST = 256 << 10  # bytes of a recipe; ten lines is a good one
_DOTS = 200  # in a line: Python's reader takes a time that grows with the square of a key's parts


def read(kind: type[T], source: Path | str | Table, changes: Sequence[str] = ()) -> T:
    """A recipe of `kind` from a TOML file, TOML text or a table, with changes such as "train.epochs=3" on top.

    Refuses what is not TOML, unknown keys (with the nearest name) and wrong types (what, found, expected), by file and key.
    """
    where = f"in {source}" if isinstance(source, Path) else "in the recipe"
    try:
        return _section(_Place(kind, where), kind, None, read_table(source), [_change(text) for text in changes], ())
    except RecursionError:
        raise Refusal(f"What stands {where} is nested too deeply for a recipe.") from None


def read_table(source: Path | str | Table) -> Table:
    """The bare table of a TOML file or text: for looking at one key (`task`) before the kind of recipe is known."""
    if isinstance(source, dict):
        return source
    where = str(source) if isinstance(source, Path) else "The recipe"
    try:
        text = _text_of(source) if isinstance(source, Path) else source
        if len(text) > _LONGEST or any(line.count(".") > _DOTS for line in text.splitlines()):
            raise Refusal(f"{where} is too long for a recipe: at most {_LONGEST >> 10} kB, and at most {_DOTS} dots in a line.")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise Refusal(f"There is no recipe {source}.") from None
    except OSError as error:
        raise Refusal(f"{where} could not be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, numbers of thousands of digits, brackets without end
        raise Refusal(f"{where} is not TOML: {str(error).rstrip('.')}.") from error


def _text_of(path: Path) -> str:
    """No more of a file than it takes to see that it is too long."""
    with open(path, encoding="utf-8-sig") as file:
        return file.read(_LONGEST + 1)


def as_dict(recipe: Any) -> Table:
    """The whole recipe as plain tables, lists, text and numbers."""
    return {field.name: _plain(getattr(recipe, field.name)) for field in dataclasses.fields(recipe)}


def to_toml(recipe: Any) -> str:
    """The whole recipe as TOML: what a run folder keeps."""
    return tomli_w.dumps(as_dict(recipe))


def difference(recipe: Any) -> str:
    """TOML of what differs from the defaults (and the task's name): short enough to read, and it reads back as the same recipe."""
    table = _difference(recipe, None)
    task = {"task": recipe.task} if hasattr(recipe, "task") else {}
    return tomli_w.dumps({**task, **table})


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_dict(value)
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def _difference(section: Any, base: Any) -> Table:
    """What `section` says otherwise than `base` (None: than the defaults of its own type)."""
    table: Table = {}
    for name, info in _fields(type(section)).items():
        value: Any = getattr(section, name)
        default = info.get_default(call_default_factory=True) if base is None else getattr(base, name)
        if value == default:
            continue
        if not dataclasses.is_dataclass(value):
            table[name] = _plain(value)
        elif type(value) is type(default):
            table[name] = _difference(value, default)
        else:
            table[name] = {"kind": _kind(type(value)), **_difference(value, None)}
    return table


# -- Reading ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Place:
    """What error sentences need: the whole recipe's type, and where its text stands."""

    root: type[Any]
    where: str


@dataclasses.dataclass(frozen=True)
class _Change:
    """One `--set`: what is left of its path inside the section at hand, and its value as it was typed."""

    path: tuple[str, ...]
    text: str

    @property
    def values(self) -> list[Any]:
        """How the text can be meant: as a TOML value, or as bare text (`train.minutes=off`)."""
        try:
            parsed = tomllib.loads(f"value = {self.text}")
        except (ValueError, RecursionError):
            return [self.text]
        return [parsed["value"], self.text] if len(parsed) == 1 else [self.text]


def _change(text: str) -> _Change:
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise Refusal(f"A change is written as section.key=value, such as train.epochs=3, but this one is {shortened(text)!r}.")
    return _Change(path, value.strip())


def _section(place: _Place, kind: type[T], base: T | None, table: Table, changes: Sequence[_Change], path: tuple[str, ...]) -> T:
    """One dataclass from its table and the changes inside it; what neither names is taken from `base`, or the defaults."""
    fields = _fields(kind)
    for name, where in [(name, place.where) for name in table] + [(change.path[0], "among the changes") for change in changes]:
        if name not in fields:
            raise _unknown_key(place, (*path, name), fields, where)
    values = {} if base is None else {name: getattr(base, name) for name in fields}
    for name, info in fields.items():
        inner = [_Change(change.path[1:], change.text) for change in changes if change.path[0] == name]
        if name not in table and not inner:
            continue
        default = info.get_default(call_default_factory=True) if base is None else getattr(base, name)
        if _choices(info.annotation):
            values[name] = _choice(place, info, default, table.get(name, {}), inner, (*path, name))
        else:
            values[name] = _leaf(place, kind, name, table, inner, (*path, name))
    try:
        return kind(**values)
    except ValidationError as error:
        raise _from_pydantic(place, error, path) from error


def _choice(place: _Place, info: FieldInfo, default: Any, table: Any, changes: Sequence[_Change], path: tuple[str, ...]) -> Any:
    """A section, or one of several by its `kind`."""
    for change in changes:
        if not change.path:  # the whole section at once, as an inline table
            table = change.values[0]
    if not isinstance(table, dict):
        keys = sorted({name for one in _choices(info.annotation) for name in _fields(one)})
        raise Refusal(f"{_dotted(path)} {place.where} is {_shown(table)}, but must be a table; its keys are {', '.join(keys)}.")
    changes = [change for change in changes if change.path]
    kinds = {_kind(one): one for one in _choices(info.annotation)}
    given = table.get("kind", getattr(default, "kind", None))
    wanted = next((change.text.strip("\"'") for change in reversed(changes) if change.path == ("kind",)), given)
    if len(kinds) == 1:
        [chosen] = kinds.values()
    elif isinstance(wanted, str) and wanted in kinds:
        chosen = kinds[wanted]
        changes = [change for change in changes if change.path != ("kind",)]
        table = {name: value for name, value in table.items() if name != "kind"} if wanted == given else {}
    else:
        raise unknown(f"kind of {_dotted(path)} {place.where}", str(wanted), [str(name) for name in kinds])
    return _section(place, chosen, default if type(default) is chosen else None, table, changes, path)


def _leaf(place: _Place, kind: Any, name: str, table: Table, changes: Sequence[_Change], path: tuple[str, ...]) -> Any:
    """One value, checked against its field's type and bounds."""
    if any(change.path for change in changes):
        raise Refusal(f"{_dotted(path)} is a single value and has no keys of its own.")
    candidates, where = (changes[-1].values, "among the changes") if changes else ([table[name]], place.where)
    if any(map(_holds_nul, candidates)):
        raise Refusal(f"{_dotted(path)} {where} holds the sign that ends texts (\\u0000), which no name of a file can hold.")
    for value in candidates:
        try:  # read as JSON, in which a list may become a tuple while all else stays strict
            return _adapter(kind, name).validate_json(json.dumps(value, allow_nan=False))
        except (ValidationError, ValueError, TypeError):  # the latter two: nan, inf, dates
            continue
    wanted = expected(_fields(kind)[name])
    raise Refusal(f"{_dotted(path)} {where} is {_shown(candidates[0])}, but must be {wanted}.")


def _holds_nul(value: Any) -> bool:
    return any(map(_holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


@cache
def _adapter(kind: Any, name: str) -> TypeAdapter[Any]:
    info = _fields(kind)[name]
    annotation: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    return TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))


def _fields(kind: Any) -> Mapping[str, FieldInfo]:
    fields: Mapping[str, FieldInfo] = kind.__pydantic_fields__
    return fields


def _choices(annotation: Any) -> tuple[type[Any], ...]:
    """The dataclasses a field may hold; none when it holds a plain value."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return tuple(kinds) if all(dataclasses.is_dataclass(kind) for kind in kinds) else ()


def _kind(section: type[Any]) -> str | None:
    info = _fields(section).get("kind")
    return str(info.default) if info else None


# -- Words -----------------------------------------------------------------------------------------------------------


def _unknown_key(place: _Place, path: tuple[str, ...], siblings: Mapping[str, Any], where: str) -> Refusal:
    """The nearest name anywhere in the recipe (who types `epochs` means `train.epochs`), or the section's own keys."""
    if _dotted(path) in names(place.root):
        return Refusal(f"{_dotted(path)} {where} belongs to another kind of {_dotted(path[:-1])}. This one has: {', '.join(siblings)}.")
    near = difflib.get_close_matches(_dotted(path), list(names(place.root)), n=1, cutoff=0.6)
    return unknown(f"key {where}", _dotted(path), near or [_dotted((*path[:-1], name)) for name in siblings])


def names(kind: type[Any], before: str = "") -> Iterator[str]:
    """Every key a recipe of this kind can have, dotted."""
    for beginning, section in sections(kind, before):
        yield from (beginning + name for name in plain(section))


def sections(kind: type[Any], before: str = "") -> Iterator[tuple[str, type[Any]]]:
    """Every table of a recipe of this kind, and how its keys begin, dotted; where there is a choice, one after the other."""
    yield before, kind
    for name, info in _fields(kind).items():
        for choice in _choices(info.annotation):
            yield from sections(choice, f"{before}{name}.")


def plain(section: type[Any]) -> dict[str, FieldInfo]:
    """Those keys of a table that hold no table."""
    return {name: info for name, info in _fields(section).items() if not _choices(info.annotation)}


def _from_pydantic(place: _Place, error: ValidationError, path: tuple[str, ...]) -> Refusal:
    first = error.errors()[0]
    at = _dotted((*path, *map(str, first["loc"])))
    return Refusal(f"{at or 'The recipe'} {place.where}: {first['msg'].removeprefix('Value error, ').rstrip('.')}.")


def _dotted(path: Sequence[str]) -> str:
    return ".".join(path)


def _shown(value: Any) -> str:
    try:
        text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    except ValueError:  # a hexadecimal number of thousands of digits
        text = "a number of thousands of digits"
    return f"{shortened(text)} ({_type_of(value)})"


def _type_of(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return words.get(type(value), f"a {type(value).__name__}")


def expected(info: FieldInfo) -> str:
    """What a key takes, in words."""
    return _bounded(_words(info.annotation), info.metadata)


def _bounded(words: str, rules: Sequence[Any]) -> str:
    """What a value must be, with its limits."""
    size = _limits(rules, {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"})
    length = _limits(rules, {"min_length": "at least", "max_length": "at most"})
    return " ".join(filter(None, [words, size])) + (f"; {length} of them" if length else "")


def _limits(rules: Sequence[Any], names: Mapping[str, str]) -> str:
    return " and ".join(f"{says} {_number(getattr(rule, name))}" for rule in rules for name, says in names.items() if hasattr(rule, name))


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _words(annotation: Any) -> str:
    """A type as a person says it."""
    plain = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in arguments)
    if origin is Literal:
        choices = [json.dumps(one) for one in arguments]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if origin is Annotated:
        return _bounded(_words(arguments[0]), [rule for field in arguments[1:] for rule in field.metadata])
    if origin is tuple and arguments[-1:] == (Ellipsis,):
        return f"a list, each of it {_words(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}: {', '.join(_words(one) for one in arguments)}"
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)))
