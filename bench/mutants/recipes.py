"""Hostile recipes, drawn by hypothesis: text, tables, changes and chains over the real names, with values of every kind and size.

Each is read, and the parts it asks for are made as far as that goes without pictures.  It gives them, or a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.data.geometry import Geometry
from sfumato.nets import catalogue as networks
from sfumato.spoil import catalogue as steps
from sfumato.spoil import grammar
from sfumato.spoil.parts import arguments
from sfumato.tasks import restore
from sfumato.tasks.parts import training
from sfumato.tasks.restore_recipe import Restore

PICTURE = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
FEW = 8  # steps that act; longer chains are read, and not run
BUILT = 10**6  # weights; larger networks are measured, and not built


@dataclass
class Tally:
    """What became of all that was tried."""

    tried: int = 0
    read: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)  # what was tried, and what it said
    slowest: tuple[float, str] = (0.0, "")  # seconds, and what took them
    said: str = ""  # the last sentence

    def try_one(self, what: str, action: Callable[[], None]) -> None:
        """Do it; anything but success or a sentence is written down."""
        self.tried += 1
        begun = time.perf_counter()
        try:
            action()
            self.read += 1
        except Refusal as refusal:
            self.refused += 1
            self.said = str(refusal)
            if not self.said.endswith((".", "?")) or len(self.said) > 1500:
                self.wrong.append(f"{what[:300]} -> no sentence: {self.said[:300]}")
        except Exception as error:
            self.wrong.append(f"{what[:300]} -> {type(error).__name__}: {str(error)[:300]}")
        self.slowest = max(self.slowest, (time.perf_counter() - begun, what[:300]))


# -- Values ------------------------------------------------------------------------------------------------------------------


WORDS = sorted(
    {
        *("off", "auto", "muon", "adamw", "unet", "residual", "l1", "mse", "charbonnier", "half", "full", "none", "batch", "group"),
        *(
            "hash",
            "folder",
            "list",
            "one-cycle",
            "flat-cosine",
            "cosine",
            "linear",
            "constant",
            "cpu",
            "float32",
            "bfloat16",
            "relu",
            "gelu",
        ),
        *("restore", "ram", "disk", "jpeg 20..60", "scale 2 | noise 5", "noise 3 | shrink 2", "shrink 16", "blur 1..2"),
        *steps.STEPS,
    }
)
EXTREMES = (0, 1, -1, 2, 3, 16, 63, 64, 1000, 65_536, 10**9, 10**12, 2**63, 10**30, -(10**9))
FLOATS = (0.0, -0.0, 1e-320, 0.5, 1.0, 1e9, 1e300, float("nan"), float("inf"), -float("inf"), -1.0)
scalars = st.one_of(
    st.sampled_from(EXTREMES),
    st.sampled_from(FLOATS),
    st.sampled_from(WORDS),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.sampled_from(["../../x", "/etc/passwd", "\0", "x" * 10_000, "builtin:", "builtin:dead-leaves", "jpeg 1e300", "CON"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["kind", "x", ""]), inner, max_size=2),
    max_leaves=6,
)
numbers = st.lists(st.sampled_from(EXTREMES) | st.integers(-2, 6000), min_size=1, max_size=9)  # what widths and blocks are made of


def _mostly(right: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nineteen in twenty are right: what refuses everything at once would hide what lies behind it."""
    return st.integers(0, 19).flatmap(lambda draw: right if draw else odd)


def _defaults() -> dict[str, Any]:
    """Every key, dotted, with what it holds unless told, of every kind of network and optimiser."""
    found: dict[str, Any] = {}

    def walk(table: dict[str, Any], before: str) -> None:
        for name, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{before}{name}.")
            else:
                found[before + name] = value

    for kinds in (["network.kind=residual", "optimiser.kind=adamw"], []):
        walk(recipes.as_dict(recipes.read(Restore, {}, kinds)), "")
    return found


DEFAULTS = _defaults()
KEYS = sorted(DEFAULTS)


def _fitting(key: str) -> st.SearchStrategy[Any]:
    """Values of the type a key takes, most of them in range."""
    default = DEFAULTS[key]
    whole = _mostly(st.integers(1, 300), st.sampled_from(EXTREMES))
    number = _mostly(st.floats(0, 1), st.sampled_from(FLOATS) | st.integers(-1, 60))
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int | float):
        return st.just(default) | (whole if isinstance(default, int) else number)
    if isinstance(default, list):
        kinds = {int: st.integers(0, 3) | whole, float: number, str: st.sampled_from(WORDS) | st.text(max_size=8)}
        inner = kinds[type(default[0]) if default else str]
        return _mostly(st.lists(inner, min_size=len(default), max_size=len(default)), st.lists(inner, max_size=9))
    return st.just(default) | st.sampled_from(WORDS) | (number | whole if default in ("off", "auto") else st.text(max_size=20))


@st.composite
def _networks(draw: st.DrawFn) -> dict[str, Any]:
    """Networks that could be, and some that could not."""
    levels = draw(st.integers(1, 9))
    width = _mostly(st.integers(1, 64), st.sampled_from([0, 4096, 4097, 10**9]))
    blocks = _mostly(st.integers(0, 3), st.sampled_from([-1, 32, 33, 10**6]))
    norm = draw(st.sampled_from(["none", "batch", "group"]))
    if draw(st.booleans()):
        enlarges = draw(st.integers(0, 17))
        return {
            "kind": "residual",
            "width": draw(width),
            "blocks": draw(_mostly(st.integers(1, 8), st.just(256) | blocks)),
            "enlarges": enlarges,
            "norm": norm,
        }
    lists = {"widths": (width, levels), "blocks": (blocks, levels), "blocks_up": (blocks, levels - 1)}
    drawn = {name: draw(st.lists(one, min_size=size, max_size=size)) for name, (one, size) in lists.items()}
    return {"kind": "unet", **drawn, "norm": norm, "stem": draw(st.sampled_from(["half", "full"])), "cross": draw(st.booleans())}


@st.composite
def _tables(draw: st.DrawFn) -> dict[str, Any]:
    """A few keys with values, most of which could be theirs."""
    table = {key: draw(_fitting(key)) for key in draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))}
    kinds = [key.replace(key.rpartition(".")[2], "kind") for key in table if key.startswith(("network.", "optimiser."))]
    table |= {key: draw(st.sampled_from(["unet", "residual"] if "net" in key else ["muon", "adamw"])) for key in kinds}
    if draw(st.integers(0, 9)) == 0:
        table[draw(keys)] = draw(values)
    return table


keys = st.sampled_from(KEYS) | st.sampled_from([key.rpartition(".")[0] or key for key in KEYS]) | st.text(max_size=12)


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys as tables in tables; where two quarrel, the later one goes."""
    table: dict[str, Any] = {}
    for key, value in flat.items():
        place = table
        *path, last = key.split(".")
        for part in path:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place.setdefault(last, value)
    return table


tables = st.one_of(
    _tables().map(_nested),
    _networks().map(lambda network: {"network": network}),
    st.dictionaries(keys, values, max_size=6).map(_nested),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """TOML that once was right, and text that never was."""
    text = draw(tables.map(_toml) | st.text(max_size=200))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(["[", "]", "=", '"', ".", "\n", "#", "\x00", "'''", "{", "é"]))
            + text[at + draw(st.integers(0, 2)) :]
        )
    return text


def _toml(table: dict[str, Any]) -> str:
    try:
        return tomli_w.dumps(table)
    except (ValueError, TypeError):  # what TOML cannot say
        return repr(table)


@st.composite
def _changes(draw: st.DrawFn) -> list[str]:
    table = draw(_tables())
    return [f"{key}={draw(st.sampled_from([_shown(value), str(value)]))}" for key, value in table.items()]


def _shown(value: Any) -> str:
    """A value as TOML has it."""
    return _toml({"x": value}).partition("=")[2].strip()


changes = _changes() | st.lists(st.tuples(keys, scalars.map(str)).map("=".join) | st.text(max_size=20), min_size=1, max_size=4)


@st.composite
def chains(draw: st.DrawFn) -> str:
    """Steps with arguments, most of which could be theirs, in groups, with numbers of every size."""
    usual = st.sampled_from(["0", "1", "0.5", "2", "3", "8", "20", "60", "100"])
    number = usual | usual | usual | st.sampled_from(["2.5", "400", "4096", "20000", "1e9", "1e300", "-1", "1e999", "9" * 40, ".5"])
    span = number | st.tuples(usual, usual).map(lambda pair: "..".join(sorted(pair, key=float))) | st.tuples(number, number).map("..".join)

    def value(argument: arguments.Argument) -> str:
        if draw(st.integers(0, 14)) == 0:
            return draw(span | st.sampled_from(WORDS) | st.text(max_size=6).map(arguments.quoted))
        if argument.choices:
            return ",".join(draw(st.lists(st.sampled_from(argument.choices), min_size=1, max_size=3)))
        if argument.kind == "numbers":
            return ",".join(draw(st.lists(usual, min_size=argument.count, max_size=argument.count)))
        if argument.numeric:
            return draw(span if argument.kind == "range" else number)
        return draw(st.sampled_from(["white", "any", "black", '"#ff0000"', "noise"]) | st.text(max_size=30).map(arguments.quoted))

    def step() -> str:
        name = draw(st.sampled_from(sorted(steps.STEPS)))
        known = arguments.arguments(steps.STEPS[name].load())
        words = [name, *(draw(st.lists(span, max_size=1)) if known and known[0].numeric else [])]
        for argument in draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else ():
            words.append(f"{argument.name}={value(argument)}")
        return " ".join(words)

    def node(depth: int) -> str:
        group = draw(st.sampled_from(["", "", "", "maybe", "shuffle", "repeat"])) if depth < 4 else ""
        inner = " | ".join(node(depth + 1) for _ in range(draw(st.integers(1, 2)))) if group else step()
        amounts = {"maybe": ["0.5", "0.5", "1", "2", "0..1"], "repeat": ["2", "1..2", "0", "100", "1e9", "-1"]}
        amount = f"{draw(st.sampled_from(amounts[group]))}, " if group in amounts else ""
        return f"{group}({amount}{inner})" if group else inner

    return " | ".join(node(0) for _ in range(draw(st.integers(1, 3))))


# -- Tries -------------------------------------------------------------------------------------------------------------------


def read(source: str | dict[str, Any], changed: Iterable[str] = ()) -> None:
    """Read a recipe, and make its parts."""
    made(recipes.read(Restore, source, list(changed)))


def made(recipe: Restore) -> None:
    """All that a recipe asks for and that needs no pictures; and the recipe again from its own text."""
    if recipes.read(Restore, recipes.to_toml(recipe)) != recipe:
        raise ValueError("the recipe does not read back from its own text")
    task = restore.build(recipe)
    chain = task.chain
    run(chain)
    if task.target_chain:
        run(task.target_chain)
    augment = recipe.augment
    Geometry(rotate=augment.rotate, zoom=augment.zoom, perspective=augment.perspective, pad=augment.pad)
    training.budget(recipe.train, 100)
    build(task.network_spec)


def build(spec: Any) -> None:
    """A network, unless it is too large to be built again and again: such a one is measured."""
    if sum(tensor.numel() for tensor in networks.outline(spec).state_dict().values()) in range(BUILT, networks.MOST_WEIGHTS + 1):
        return
    networks.build(spec)


def parse(text: str) -> None:
    """Read a chain, and run it where it is short."""
    run(grammar.parse(text))


def run(chain: Any) -> None:
    """What training asks of a chain: how far it looks, and a spoilt picture."""
    chain.context(0, 96)
    if chain.acts <= FEW:
        chain(PICTURE, np.random.default_rng(1))


def fuzz(count: int) -> Tally:
    """Try `count` hostile recipes, always the same ones: a quarter each text, tables, changes and chains."""
    tally = Tally()
    share = max(1, count // 4)
    tries: tuple[tuple[st.SearchStrategy[Any], Callable[[Any], None]], ...] = (
        (texts(), read),
        (tables, read),
        (changes, lambda changed: read({}, changed)),
        (chains(), parse),
    )
    for drawn, action in tries:
        _try_all(tally, share, drawn, action)
    return tally


def _try_all(tally: Tally, count: int, drawn: st.SearchStrategy[Any], action: Callable[[Any], None]) -> None:
    @settings(max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn)
    def each(example: Any) -> None:
        tally.try_one(repr(example), lambda: action(example))

    each()
