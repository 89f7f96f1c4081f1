"""The engine of recipes, on a small kind of recipe of its own."""

import tomllib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from sfumato.core import recipe
from sfumato.core.errors import Refusal

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Pot:
    kind: Literal["pot"] = "pot"
    litres: float = Field(default=2.0, gt=0)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Pan:
    kind: Literal["pan"] = "pan"
    width: int = 24
    handles: int = 1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Cook:
    minutes: Literal["off"] | float = "off"
    portions: int = Field(default=4, ge=1, le=12)
    herbs: tuple[str, ...] = ("sage",)
    heat: tuple[float, float] = (0.5, 1.0)
    stir: bool = True

    def __post_init__(self) -> None:
        if self.heat[0] > self.heat[1]:
            raise Refusal("cook.heat must run from low to high.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Dish:
    task: Literal["dish"] = "dish"
    name: str = "soup"
    cook: Cook = Cook()
    vessel: Pot | Pan = Field(default=Pan(width=30), discriminator="kind")


def test_an_empty_recipe_is_the_defaults() -> None:
    assert recipe.read(Dish, "") == Dish()


def test_a_recipe_reads_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "dish.toml"
    path.write_text('\ufeffname = "café"\n', encoding="utf-8")  # with the mark that Windows editors put in front
    assert recipe.read(Dish, path).name == "café"


def test_what_a_recipe_prints_reads_back_as_itself() -> None:
    dish = recipe.read(Dish, "", ["cook.herbs=['sage','mint']", "vessel.kind=pot", "vessel.litres=3.5", "cook.minutes=7"])
    assert recipe.read(Dish, recipe.to_toml(dish)) == dish


def test_the_difference_from_the_defaults_reads_back_as_the_whole() -> None:
    dish = recipe.read(Dish, "", ["vessel.handles=2", "cook.stir=false"])
    assert recipe.read(Dish, recipe.difference(dish)) == dish


def test_the_difference_names_what_differs_and_nothing_else() -> None:
    dish = recipe.read(Dish, "", ["cook.portions=6"])
    assert tomllib.loads(recipe.difference(dish)) == {"task": "dish", "cook": {"portions": 6}}


def test_a_table_reads_back_as_the_recipe_it_came_from() -> None:
    dish = recipe.read(Dish, "", ["cook.heat=[0.1, 0.2]"])
    assert recipe.read(Dish, recipe.as_dict(dish)) == dish


def test_changes_come_on_top_of_the_file() -> None:
    assert recipe.read(Dish, "[cook]\nportions = 2", ["cook.portions=3"]).cook.portions == 3


def test_a_change_may_be_bare_text() -> None:
    assert recipe.read(Dish, "", ["name=scale 2 | jpeg 20..60"]).name == "scale 2 | jpeg 20..60"


def test_a_change_of_a_text_may_look_like_a_number() -> None:
    assert recipe.read(Dish, "", ["name=3"]).name == "3"


def test_a_choice_without_kind_is_that_of_the_fields_default() -> None:
    assert recipe.read(Dish, "[vessel]\nhandles = 2").vessel == Pan(width=30, handles=2)


def test_changing_a_kind_resets_its_siblings() -> None:
    text = '[vessel]\nkind = "pan"\nhandles = 2'
    assert recipe.read(Dish, text, ["vessel.kind=pot"]).vessel == Pot()


def test_naming_the_same_kind_again_keeps_its_siblings() -> None:
    text = '[vessel]\nkind = "pan"\nhandles = 2'
    assert recipe.read(Dish, text, ["vessel.kind=pan"]).vessel == Pan(width=30, handles=2)


def test_the_order_of_changes_does_not_lose_a_siblings_value() -> None:
    assert recipe.read(Dish, "", ["vessel.litres=5", "vessel.kind=pot"]).vessel == Pot(litres=5)


def test_a_whole_number_passes_for_a_number() -> None:
    assert recipe.read(Dish, "[cook]\nminutes = 3").cook.minutes == 3.0


def test_a_rule_of_the_section_itself_speaks_for_itself() -> None:
    with pytest.raises(Refusal, match="low to high"):
        recipe.read(Dish, "[cook]\nheat = [0.9, 0.1]")


REFUSED = {  # what is wrong: (text, changes, words the sentence must hold)
    "an unknown key, with the nearest": ("[cook]\nportion = 3", [], ["cook.portion", "Did you mean 'cook.portions'?"]),
    "a key of another section": ("portions = 3", [], ["portions", "Did you mean 'cook.portions'?"]),
    "a change of a field that is not there": ("", ["cook.salt=1"], ["cook.salt", "cook.stir"]),
    "text for a number": ("[cook]\nportions = 'many'", [], ["cook.portions", "'many'", "whole number", "at least 1 and at most 12"]),
    "a number out of bounds": ("[cook]\nportions = 13", [], ["13", "at most 12"]),
    "true for a number": ("[cook]\nportions = true", [], ["true", "whole number"]),
    "a number for a choice of words": ("[cook]\nminutes = 'on'", [], ["'on'", '"off" or a number']),
    "not a number": ("[cook]\nminutes = nan", [], ["nan", "a number"]),
    "infinity": ("[cook]\nminutes = inf", [], ["inf", "a number"]),
    "a date": ("[cook]\nminutes = 1979-05-27", [], ["1979-05-27", "a number"]),
    "a list of another length": ("[cook]\nheat = [1.0]", [], ["cook.heat", "list of 2"]),
    "a list of another kind": ("[cook]\nherbs = [1]", [], ["cook.herbs", "each of it text"]),
    "an unknown kind": ("[vessel]\nkind = 'pann'", [], ["vessel", "Did you mean 'pan'?"]),
    "a kind that is no text": ("[vessel]\nkind = [1]", [], ["vessel", "pan, pot"]),
    "a key of another kind": ("[vessel]\nlitres = 3", [], ["vessel.litres", "another kind of vessel"]),
    "a value for a section": ("cook = 3", [], ["cook", "must be a table", "portions"]),
    "a key inside a value": ("", ["name.first=x"], ["name", "single value"]),
    "a change without a value": ("", ["cook.portions"], ["section.key=value"]),
    "another task": ("task = 'bread'", [], ["task", "'bread'", '"dish"']),
    "no TOML": ("name = \nname = 3", [], ["not TOML", "line 1"]),
    "endless brackets": ("x = " + "[" * 100_000, [], ["not TOML"]),
    "a text with the sign that ends texts": ('name = "a\\u0000b"', [], ["name", "the sign that ends texts"]),
    "a recipe without end": ("#" * 300_000, [], ["too long", "256 kB"]),
    "a key of very many parts": (".".join("x" * 500) + " = 1", [], ["too long", "200 dots"]),
    "a name without end": ("x" * 100_000 + " = 1", [], ["xxx...", "no key"]),
    "a number of thousands of digits": ("[cook]\nportions = 0x" + "f" * 5000, [], ["cook.portions", "whole number"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_recipe_refuses_in_words(what: str) -> None:
    text, changes, words = REFUSED[what]
    with pytest.raises(Refusal) as refusal:
        recipe.read(Dish, text, changes)
    assert [word for word in words if word not in str(refusal.value)] == []


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dish.toml"
    path.write_text("portion = 3")
    with pytest.raises(Refusal, match="dish.toml"):
        recipe.read(Dish, path)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe\x00")])
def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "dish.toml"
    make(path)  # type: ignore[operator]
    with pytest.raises(Refusal, match="dish.toml"):
        recipe.read(Dish, path)


# -- Fuzzing: a recipe or a sentence, never another error ------------------------------------------------------------

KEYS = ["task", "name", "cook", "vessel", "kind", "minutes", "portions", "herbs", "heat", "stir", "pan", "pot", "litres", "x", '"é"']
ODD = ["true", "nan", "-inf", "1e400", "0x" + "f" * 40, "1979-05-27", "07:32:00", '"off"', '"pan"', '"\\u0000"', "''", "1_000"]
words = st.sampled_from(KEYS)
scalars = st.one_of(
    st.sampled_from(ODD),
    st.integers().map(str),
    st.floats().map(str),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(lambda all: f"[{', '.join(all)}]"), max_leaves=6)
lines = st.one_of(
    st.tuples(words, values).map(" = ".join),
    st.tuples(words, words, values).map(lambda parts: f"{parts[0]}.{parts[1]} = {parts[2]}"),
    words.map(lambda word: f"[{word}]"),
    words.map(lambda word: f"[[{word}]]"),
    st.text(max_size=12),
)
texts = st.lists(lines, max_size=6).map("\n".join)
changes = st.lists(st.one_of(st.text(max_size=12), st.tuples(words, words, values).map(lambda p: f"{p[0]}.{p[1]}={p[2]}")), max_size=3)


@settings(max_examples=400, deadline=None)
@given(text=texts, changed=changes)
def test_any_text_gives_a_recipe_or_a_refusal(text: str, changed: list[str]) -> None:
    try:
        dish = recipe.read(Dish, text, changed)
    except Refusal as refusal:
        assert str(refusal).endswith((".", "?"))
    else:
        assert recipe.read(Dish, recipe.to_toml(dish)) == dish


@settings(max_examples=100, deadline=None)
@given(
    portions=st.integers(1, 12),
    minutes=st.one_of(st.just("off"), st.floats(allow_nan=False, allow_infinity=False)),
    herbs=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    vessel=st.one_of(st.builds(Pot, litres=st.floats(0.01, 1e9)), st.builds(Pan, width=st.integers())),
)
def test_every_recipe_survives_its_own_text(portions: int, minutes: float, herbs: list[str], vessel: Pot | Pan) -> None:
    dish = Dish(cook=Cook(portions=portions, minutes=minutes, herbs=tuple(herbs)), vessel=vessel)
    assert recipe.read(Dish, recipe.difference(dish)) == dish
