"""Hostile files: each is read or refused by name, in little time and memory.  bench/hostile.py tries more of the same."""

import importlib
import sys

import pytest

SHORT = 2.0  # s of the processor
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="peaks are reset through /proc")
LITTLE = 500.0  # MB, the whole process


@pytest.fixture
def tried(bench, tmp_path):
    """Tries the first so many mutants of a module of bench/mutants; gives what fell over, took long or took much."""
    from mutants import trial

    def tried(kind, count):
        make = importlib.import_module(f"mutants.{kind}").make
        return [
            (mutant.name, mutant.how, verdict)
            for mutant, verdict in trial.each(f"mutants.{kind}", map(make, range(count)), tmp_path)
            if not verdict.fine or verdict.busy > SHORT or verdict.peak > LITTLE
        ]

    return tried


@LINUX
def test_two_hundred_hostile_pictures_are_each_read_or_refused_in_little_time_and_memory(tried):
    assert tried("pictures", 200) == []


@LINUX
def test_a_hundred_hostile_models_are_each_used_or_refused_in_little_time_and_memory(tried):
    assert tried("models", 100) == []


@LINUX
def test_a_hundred_hostile_archives_are_each_unpacked_or_refused_in_little_time_and_memory(tried):
    assert tried("archives", 132) == []


def test_a_hundred_hostile_recipes_are_each_read_or_refused_in_a_sentence(bench):
    from mutants import recipes

    assert recipes.fuzz(120).wrong == []


@pytest.mark.slow
def test_ten_thousand_hostile_recipes_are_each_read_or_refused_in_a_sentence(bench):
    from mutants import recipes

    assert recipes.fuzz(10_000).wrong == []


@pytest.mark.parametrize("kind", ["pictures", "models", "archives"])
def test_a_hostile_file_can_be_made_again(kind, bench):
    make = importlib.import_module(f"mutants.{kind}").make
    assert [make(number) for number in range(40)] == [make(number) for number in range(40)]


@pytest.mark.parametrize("kind", ["models", "archives"])
def test_a_file_without_harm_is_used(kind, bench, tmp_path):
    from mutants import trial

    module = importlib.import_module(f"mutants.{kind}")
    mutant = next(mutant for mutant in map(module.make, range(1, 99, 2)) if mutant.how == "harmless")
    for folder in ("tried", "aside"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "tried" / mutant.name
    path.write_bytes(mutant.data)
    assert module.probe(path, tmp_path / "aside", trial.Watch())


def test_every_way_to_harm_is_tried_in_every_format(bench):
    from mutants import pictures

    made = {(mutant.name.split(".")[1], mutant.how) for mutant in map(pictures.make, range(100))}
    assert made == {(kind, way.__name__.strip("_")) for kind, ways in pictures.WAYS.items() for way in ways}


def test_a_process_that_dies_or_hangs_is_named_and_another_started(bench, tmp_path, monkeypatch):
    from mutants import trial

    monkeypatch.setattr(trial, "HANGS", 3.0)
    (tmp_path / "ends.py").write_text("import os, time\ndef probe(path, aside, watch): os._exit(7) if path.name == 'a' else time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with trial.Trial("ends", tmp_path) as process:
        assert [process(tmp_path / name).outcome for name in "ab"] == ["died", "hung"]


def test_the_peak_is_that_of_one_file(bench, tmp_path, monkeypatch):
    from mutants import trial

    (tmp_path / "holds.py").write_text("def probe(path, aside, watch): return len(bytearray(int(path.name) << 20))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with trial.Trial("holds", tmp_path) as process:
        first, second, third = (process(tmp_path / name).peak for name in ("1", "300", "2"))
    assert second - first == pytest.approx(299, abs=20) and third - first == pytest.approx(1, abs=20)
