"""What both sides of a comparison are handed, and how it is scored."""

import ast
import dataclasses
import inspect
import json

import numpy as np
import pytest
from PIL import Image

from sfumato.data.items import Item, Items
from sfumato.spoil import catalogue, grammar
from sfumato.spoil.marks import Text


@pytest.fixture
def reference(bench):
    import spoil_reference

    return spoil_reference


@pytest.fixture
def scoring(bench):
    import score_reference

    return score_reference


@pytest.fixture
def made(reference, portrait, monkeypatch, tmp_path):
    """A reference set of one picture, kept in a folder of its own."""
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr(reference, "pictures", lambda kind: Items((Item("portrait.png", make=lambda: portrait),)))
    return reference.make("set5")


@pytest.mark.parametrize("kind", ["demo", "bsds"])
def test_every_argument_of_every_step_is_written_out(reference, kind):
    damage = reference.SETS[kind]
    steps = [step for chain in (damage.before, damage.after) if chain for step in chain.split("|")]
    named = {row.name: {name for name, _, _ in row.arguments} for row in catalogue.table(catalogue.STEPS)}
    for step in steps:
        name, *arguments = step.split()
        assert {argument.partition("=")[0] for argument in arguments} == named[name]


def test_every_argument_of_the_text_is_written_out(reference):
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(reference._text))) if isinstance(node, ast.Call)]
    assert {keyword.arg for keyword in calls[0].keywords} == {field.name for field in dataclasses.fields(Text)}


def test_the_written_out_chain_is_the_one_a_training_is_given(reference, bench):
    import fastai_restore

    damage = reference.SETS["bsds"]
    short = grammar.parse(fastai_restore.CHAIN)
    assert [repr(step) for step in grammar.parse(damage.before).steps] == [repr(step) for step in short.steps[:-1]]


def test_the_demo_pictures_differ_from_the_good_ones_most_inside_the_text(reference, portrait):
    pair = reference.spoil("demo", "portrait", portrait.repeat(2, axis=0).repeat(2, axis=1))
    error = np.abs(pair.spoilt.astype(int) - pair.good).mean(-1)
    assert pair.mask.any() and error[pair.mask].mean() > 3 * error[~pair.mask].mean()


def test_a_reference_picture_follows_from_its_name_alone(reference, portrait):
    one, other = (reference.spoil("bsds", "portrait", portrait) for _ in range(2))
    assert np.array_equal(one.spoilt, other.spoilt)
    assert not np.array_equal(one.spoilt, reference.spoil("bsds", "another", portrait).spoilt)


def test_the_mask_reaches_two_px_beyond_the_text(reference, portrait):
    damage = reference.Damage("", reference._text("white"), "")
    reference.SETS["bare"] = damage
    pair = reference.spoil("bare", "portrait", portrait)
    del reference.SETS["bare"]
    touched = (pair.spoilt != pair.good).any(-1)
    rows, columns = np.nonzero(touched)
    inner = (rows > 1) & (rows < 126) & (columns > 1) & (columns < 126)
    assert all(pair.mask[y - 2 : y + 3, x - 2 : x + 3].all() for y, x in zip(rows[inner], columns[inner], strict=True))


def test_reference_pictures_come_back_from_disk_as_they_were_made(reference, made, portrait):
    [kept] = reference.load("set5")
    assert np.array_equal(kept.spoilt, reference.spoil("set5", "portrait.png", portrait).spoilt) and np.array_equal(kept.good, portrait)


def test_a_reference_picture_that_was_changed_is_refused(reference, made, portrait):
    Image.fromarray(portrait[::-1]).save(made / "spoilt" / "portrait.png")
    with pytest.raises(SystemExit, match="portrait.png is not what was made"):
        reference.load("set5")


def test_reference_pictures_of_other_arguments_are_refused(reference, made):
    index = made / "index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "seed": 1}))
    with pytest.raises(SystemExit, match="other arguments"):
        reference.load("set5")


def test_gains_of_the_good_picture_itself_are_those_to_perfection(reference, scoring, portrait):
    pair = reference.spoil("set5", "portrait", portrait)
    found = scoring.gains([pair], lambda pair: pair.good)
    assert found["ssim"][0] > 0 and found["all"][0] > 50


def test_gains_of_a_picture_left_alone_are_nothing(reference, scoring, portrait):
    pair = reference.spoil("demo", "portrait", portrait.repeat(2, axis=0).repeat(2, axis=1))
    assert scoring.gains([pair], lambda pair: pair.spoilt) == {"all": [0.0], "inside": [0.0], "outside": [0.0], "ssim": [0.0]}


def test_a_repaired_picture_that_is_missing_is_named(reference, scoring, portrait, tmp_path):
    with pytest.raises(SystemExit, match="portrait.png is missing"):
        scoring.gains([reference.spoil("set5", "portrait", portrait)], scoring.from_folder(tmp_path))
