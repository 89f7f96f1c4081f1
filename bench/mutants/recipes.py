"""Hostile recipes, drawn by hypothesis: text, tables, changes and chains over the real names, with values of every kind and size.

Each is read, and the parts it asks for are made as far as that goes without pictures.  It gives them, or a sentence.
"""

from __future__ import annotations

import re
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
KEYS = sorted(recipes.names(Restore))


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


def _choices() -> list[str]:
    """Every word that some key takes."""
    found = re.findall(r'"([\w-]+)"', recipes.to_toml(Restore()))
    known = [
        "off",
        "auto",
        "muon",
        "adamw",
        "unet",
        "residual",
        "l1",
        "mse",
        "charbonnier",
        "half",
        "full",
        "none",
        "batch",
        "group",
        "hash",
    ]
    return sorted({*found, *known, *(argument for one in steps.STEPS for argument in (one,))})


EXTREMES = (0, 1, -1, 2, 3, 16, 63, 64, 1000, 65_536, 10**9, 10**12, 2**63, 10**30, -(10**9))
FLOATS = (0.0, -0.0, 1e-320, 0.5, 1.0, 1e9, 1e300, float("nan"), float("inf"), -float("inf"), -1.0)
scalars = st.one_of(
    st.sampled_from(EXTREMES),
    st.sampled_from(FLOATS),
    st.sampled_from(_choices()),
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
keys = st.sampled_from(KEYS) | st.sampled_from([key.rpartition(".")[0] or key for key in KEYS]) | st.text(max_size=12)
networks_tables = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["unet", "residual"]) | values,
        "widths": numbers | values,
        "blocks": numbers | st.sampled_from(EXTREMES) | values,
        "blocks_up": numbers | values,
        "width": st.sampled_from(EXTREMES) | values,
        "enlarges": st.integers(-1, 20) | values,
        "norm": st.sampled_from(["none", "batch", "group"]) | values,
    },
)


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


tables = st.dictionaries(keys, values, max_size=6).map(_nested) | networks_tables.map(lambda table: {"network": table})


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


changes = st.lists(
    st.tuples(keys, scalars.map(repr) | numbers.map(str) | st.text(max_size=20)).map("=".join) | st.text(max_size=20),
    min_size=1,
    max_size=4,
)


@st.composite
def chains(draw: st.DrawFn) -> str:
    """Steps with arguments of their own and of others, in groups, with numbers of every size."""
    number = st.sampled_from(["0", "1", "2.5", "100", "4096", "20000", "1e9", "1e300", "-1", "1e999", "9" * 40, ".5"])
    value = number | st.tuples(number, number).map("..".join) | st.sampled_from(_choices()) | st.text(max_size=6).map(arguments.quoted)

    def step() -> str:
        name = draw(st.sampled_from(sorted(steps.STEPS)))
        known = [argument.name for argument in arguments.arguments(steps.STEPS[name].load())]
        words = [name, *draw(st.lists(number | st.tuples(number, number).map("..".join), max_size=2))]
        for key in draw(st.lists(st.sampled_from([*known, "size", "x"]), max_size=3)):
            words.append(f"{key}={draw(value)}")
        return " ".join(words)

    def node(depth: int) -> str:
        group = draw(st.sampled_from(["", "", "", "maybe", "shuffle", "repeat"])) if depth < 4 else ""
        inner = " | ".join(node(depth + 1) for _ in range(draw(st.integers(1, 2)))) if group else step()
        amount = "" if group in ("", "shuffle") else f"{draw(st.sampled_from(['0.5', '2', '100', '1e9', '0..3', '']))}, "
        return f"{group}({amount}{inner})" if group else inner

    return " | ".join(node(0) for _ in range(draw(st.integers(1, 4))))


# -- Tries -------------------------------------------------------------------------------------------------------------------


def read(source: str | dict[str, Any], changed: Iterable[str] = ()) -> None:
    """Read a recipe, and make its parts."""
    made(recipes.read(Restore, source, list(changed)))


def made(recipe: Restore) -> None:
    """All that a recipe asks for and that needs no pictures; and the recipe again from its own text."""
    again = recipes.read(Restore, recipes.to_toml(recipe))
    if repr(again) != repr(recipe):
        raise ValueError("the recipe does not read back from its own text")
    task = restore.build(recipe)
    chain = task.chain
    run(chain)
    if task.target_chain:
        run(task.target_chain)
    augment = recipe.augment
    Geometry(rotate=augment.rotate, zoom=augment.zoom, perspective=augment.perspective, pad=augment.pad)
    training.half_life(recipe.train, training.budget(recipe.train, 100))
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
