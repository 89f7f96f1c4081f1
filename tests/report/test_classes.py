"""The page of a classifier's run, from the files of its folder only."""

import json
from typing import get_args

import pytest
from PIL import Image

from sfumato.report.instruments import KINDS
from sfumato.report.page import write_report
from sfumato.report.words import number, signed
from sfumato.train.run import Instrument
from tests.report.classifier import write_run
from tests.report.test_page import read


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A run with every instrument.  Not to be changed."""
    return write_run(tmp_path_factory.mktemp("runs") / "full", count=2000)


@pytest.fixture
def bare(tmp_path):
    """A run without instruments, for tests that change it."""
    return write_run(tmp_path / "bare", count=2000, instruments=False)


def change(run, **values):
    scores = json.loads((run / "scores.json").read_text())
    (run / "scores.json").write_text(json.dumps(scores | values))


def with_accuracy(run, mean, low, high):
    rows = json.loads((run / "scores.json").read_text())["rows"]
    rows[0]["accuracy"] |= {"mean": mean, "low": low, "high": high}
    change(run, rows=rows)


def test_the_page_is_well_formed_and_fetches_nothing(full):
    reader = read(full)
    assert reader.open == [] and all(address.startswith("data:image/") for address in reader.addresses)


def test_how_often_it_is_right_is_told_in_one_sentence(bare):
    with_accuracy(bare, 0.995, 0.991, 0.9973)
    assert "Right on 99.50 % of 2 000 held-out pictures (99.10 to 99.73 %); one in 200 is wrong." in read(bare).words


def test_what_the_most_frequent_class_would_give_is_told_beside_it(bare):
    change(bare, classes=[{"name": name, "precision": 1, "recall": 1, "f1": 1, "n": n} for name, n in (("cat", 300), ("dog", 100))])
    assert "Naming the most frequent class each time would be right on 75.00 %." in read(bare).words


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        ((0.09, 0.08, 0.10), "No better than a guess"),
        ((0.12, 0.09, 0.14), "Hardly better than a guess"),
        ((0.5, 0.48, 0.52), "Right on 50.00 %"),
    ],
)
def test_a_network_that_guesses_is_said_to_guess(bare, accuracy, words):
    with_accuracy(bare, *accuracy)
    assert words in read(bare).words


def test_a_network_that_is_always_right_is_wrong_on_none(bare):
    with_accuracy(bare, 1.0, 0.998, 1.0)
    assert "Right on 100.00 %" in read(bare).words and "is wrong" not in read(bare).words


def test_few_pictures_are_said_to_be_few(tmp_path):
    assert "So few pictures say little" in read(write_run(tmp_path / "few", count=60, instruments=False)).words


def test_scores_stand_with_their_intervals_and_protocols(full):
    scores = json.loads((full / "scores.json").read_text())
    words = read(full).words
    for name, protocol in scores["protocols"].items():
        score = scores["rows"][0][name]
        assert number(score["mean"], name) in words and protocol in words
        assert score["low"] is None or f"{number(score['low'], name)} to {number(score['high'], name)}" in words


def test_every_class_has_its_row_and_the_least_known_comes_first(full):
    rows = sorted(json.loads((full / "scores.json").read_text())["classes"], key=lambda row: row["f1"])
    told = [f" {row['name']} {100 * row['precision']:.1f} {100 * row['recall']:.1f} {100 * row['f1']:.1f} {row['n']} " for row in rows]
    places = [read(full).words.index(row) for row in told]
    assert places == sorted(places)


def test_what_is_confused_most_is_listed(full):
    first = json.loads((full / "scores.json").read_text())["confused"][0]
    assert f"Most confused is seen as times {first['is']} {first['seen_as']} {first['count']} " in read(full).words


def test_of_many_classes_the_least_known_are_shown_and_the_rest_can_be_opened(tmp_path):
    names = [f"class {number:03d}" for number in range(200)]
    run = write_run(tmp_path / "many", names=names, instruments=False)
    words = read(run).words
    assert "The 20 least known of 200 classes" in words and "accuracy of the first five" in words and all(name in words for name in names)


def test_names_of_classes_are_text_and_never_markup(tmp_path):
    run = write_run(tmp_path / "run", names=["<b>cat", "dog & co", "fox"], instruments=False)
    assert "<b>cat" in read(run).words and "<b>cat" not in write_report(run).read_text()


def test_every_instrument_is_embedded_with_a_caption_that_says_how_to_read_it(full):
    reader = read(full)
    own = {name: kind for name, kind in KINDS.items() if name not in ("worst", "classes-key")}  # of masks
    assert all(kind.caption in reader.words for kind in own.values())
    assert len([address for address in reader.addresses if address.startswith("data:image/")]) == len(own)


def test_instruments_that_are_not_there_leave_no_hole(bare):
    words = read(bare).words
    assert "Inside the network" not in words and "Confusion" not in words


def test_the_layers_are_told_one_by_one(full):
    assert "stages.3 (32, 14, 14) 4 608 903 168" in read(full).words


def test_another_tasks_run_shows_what_was_seen_inside_too(tmp_path):
    (tmp_path / "instruments").mkdir()
    (tmp_path / "recipe.toml").write_text('task = "restore"\n')
    Image.new("RGB", (40, 30)).save(tmp_path / "instruments" / "activations.png")
    assert "Inside the network" in read(tmp_path).words


def test_the_report_knows_every_picture_of_the_folder_by_its_name():
    """Names stand in train/run.py; the report reads files only, and has its own list."""
    assert {name.removesuffix(".png") for name in get_args(Instrument) if name.endswith(".png")} == set(KINDS)


def test_there_is_a_curve_for_the_momentum_and_scores_in_percent(full):
    reader = read(full)
    drawn = [attributes["aria-label"] for tag, attributes in reader.tags if tag == "svg" and "aria-label" in attributes]
    assert drawn[1:] == [
        "accuracy of held-out pictures over steps",
        "cross-entropy of held-out pictures over steps",
        "Learning rate over steps",
        "Momentum over steps",
    ]
    assert "last 99.51 %" in reader.words


def test_a_classifier_that_is_not_finished_has_a_page(bare):
    (bare / "scores.json").unlink()
    assert "There are no scores" in read(bare).words


@pytest.mark.parametrize(
    ("value", "metric", "told"), [(0.9954, "accuracy", "+99.54"), (-0.0123, "f1", "−1.2"), (0.00001, "accuracy", "0.00")]
)
def test_differences_of_shares_are_told_in_percent(value, metric, told):
    assert signed(value, metric) == told
