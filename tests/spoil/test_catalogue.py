"""The table of steps, and steps of a person's own."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.spoil import catalogue
from sfumato.spoil.grammar import parse

FROST = '''
from __future__ import annotations
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True, kw_only=True)
class Frost:
    """Ice on the lens.

    amount : share of white, 0..1.
    """

    amount: tuple[float, float] = (0.5, 0.5)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (picture + rng.uniform(*self.amount) * (255.0 - picture)).astype(np.uint8)

STEPS = {"frost": Frost}
'''


@pytest.fixture
def frost(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FROST)
    return path


def test_a_step_of_ones_own_joins_a_chain(frost, portrait, rng):
    chain = parse("frost 1 | jpeg 100", catalogue.with_file(frost))
    assert chain(portrait, rng).min() >= 254


def test_a_chain_with_a_step_of_ones_own_reads_back(frost):
    steps = catalogue.with_file(frost)
    chain = parse("frost 0.1..0.2 | jpeg", steps)
    assert parse(str(chain), steps) == chain


def test_a_step_of_ones_own_stands_in_the_table(frost):
    row = catalogue.table(catalogue.with_file(frost))[-1]
    assert row == catalogue.Row("frost", "Ice on the lens.", (("amount", "0.5", "share of white, 0..1."),))


def test_no_file_adds_no_step():
    assert catalogue.with_file("") == catalogue.known()


def test_a_changed_file_is_read_anew(frost):
    parse("frost", catalogue.with_file(frost))
    frost.write_text(FROST.replace("amount", "thickness"))
    assert str(parse("frost thickness=0.1", catalogue.with_file(frost))) == "frost 0.1"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("STEPS = {", "line 1: the steps could not be loaded: SyntaxError"),
        ("x = 1\nx / 0", "line 2: the steps could not be loaded: ZeroDivisionError"),
        ("x = 1", 'names no steps. It must say which of its classes are steps, like STEPS = {"frost": Frost}.'),
        ("class A: pass\nSTEPS = {'a': A}", "a step is a frozen dataclass with __call__"),
        (FROST.replace('"frost"', '"jpeg"'), "There is a step called 'jpeg' already"),
        (FROST.replace('"frost"', '"ice age"'), "A step cannot be called 'ice age'"),
        (FROST.replace("= (0.5, 0.5)", "").replace("kw_only=True", ""), "has no default"),
        (FROST.replace("tuple[float, float] = (0.5, 0.5)", "bytes = b''"), "which no chain could write"),
    ],
)
def test_a_file_that_cannot_give_steps_is_refused_in_a_sentence(text, part, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(Refusal) as caught:
        catalogue.with_file(path)
    assert part in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match="There is no file"):
        catalogue.with_file(tmp_path / "mine.py")


def test_an_installed_package_brings_steps_through_its_entry_point(monkeypatch):
    point = EntryPoint(name="haze", value="sfumato.spoil.film:Fade", group=catalogue.GROUP)
    monkeypatch.setattr(catalogue.importlib.metadata, "entry_points", lambda group: [point] if group == catalogue.GROUP else [])
    steps = catalogue.known.__wrapped__()
    assert (parse("haze 0.0", steps)(np.zeros((1, 1, 3), np.uint8), np.random.default_rng(0)) > 200).all()


def test_the_catalogue_and_a_chain_of_no_steps_yet_load_without_torch_and_opencv():
    code = "import sfumato.spoil.grammar, sys; print(sorted({'torch', 'cv2', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
