"""Hostile files: each is read or refused by name, in little time and memory.  bench/hostile.py tries more of the same."""

import sys

import pytest

SHORT = 2.0  # s of the processor
LITTLE = 500.0  # MB, the whole process


@pytest.fixture
def tried(bench, tmp_path):
    """Tries mutants of a module of bench/mutants; gives what became of each."""
    from mutants import trial

    return lambda module, mutants: list(trial.each(module, mutants, tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are reset through /proc")
def test_two_hundred_hostile_pictures_are_each_read_or_refused_in_little_time_and_memory(tried):
    from mutants import pictures

    bad = [
        (mutant.name, mutant.how, verdict)
        for mutant, verdict in tried("mutants.pictures", map(pictures.make, range(200)))
        if not verdict.fine or verdict.busy > SHORT or verdict.peak > LITTLE
    ]
    assert bad == []


def test_a_hostile_picture_can_be_made_again(bench):
    from mutants import pictures

    assert [pictures.make(number) for number in range(40)] == [pictures.make(number) for number in range(40)]


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
