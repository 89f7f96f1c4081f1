"""Every benchmark explains itself, every result has one form, and the tables in docs are what the results say."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from sfumato.core import recipe
from sfumato.tasks import catalogue

ROOT = Path(__file__).parents[2]
MODULES = {"results.py", "trainings.py", "fastai_side.py", "fastai_classify.py", "grid.py"}  # what the scripts share
FOLDERS = ("bench", "examples")
SCRIPTS = sorted(f"{folder}/{path.name}" for folder in FOLDERS for path in (ROOT / folder).glob("*.py") if path.name not in MODULES)


@pytest.fixture
def results(bench, monkeypatch):
    import results

    return results


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_explains_itself_without_the_peers(script, bench, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert "usage" in capsys.readouterr().out


def test_a_result_says_what_where_and_from_which_code(results, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    bar = results.Bar(what="a gain", needed="at least 1", measured=2.0, spread=[1.5, 2.5], holds=True)
    written = json.loads(results.write("some", [bar]).read_text())
    assert set(written) == {"name", "date", "machine", "versions", "commit", "command", "bars"}
    assert set(written["bars"][0]) == {"what", "needed", "measured", "spread", "holds"}


def test_a_result_keeps_its_command_without_places_of_this_machine(results, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["/elsewhere/bench/some.py", "--out", str(tmp_path / "run"), "--model", str(ROOT / "build" / "model")])
    written = json.loads(results.write("some", []).read_text())
    assert written["command"] == "python bench/some.py --out run --model build/model"


def test_a_pair_is_measured_side_by_side_and_nobody_always_goes_first(results):
    order = []
    middle, ratios, raw = results.paired(lambda: order.append("ours") or 3.0, lambda: order.append("theirs") or 1.5, pairs=3)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert (middle, ratios, raw) == (2.0, [2.0] * 3, [(3.0, 1.5)] * 3)


def test_a_finished_run_of_another_recipe_is_not_taken_for_this_one(bench, tmp_path):
    import trainings

    changes = ("train.minutes=3", "train.seed=1")
    (tmp_path / "recipe.toml").write_text(recipe.to_toml(catalogue.read("denoise", list(changes))))
    (tmp_path / "run.json").write_text('{"status": "done"}')
    assert trainings.finished(tmp_path, "denoise", *changes) == tmp_path
    with pytest.raises(SystemExit, match="another recipe than deblur is now"):
        trainings.finished(tmp_path, "deblur", *changes)


def test_who_has_no_peers_is_told_how_to_get_them(results, monkeypatch, tmp_path):
    monkeypatch.setattr(results.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("SFUMATO_PEERS", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="make peers"):
        results.in_peers()


def test_a_benchmark_goes_on_in_the_peers_environment_and_ends_as_it_ends_there(results, monkeypatch, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys, sfumato\nsys.exit(7 if sys.argv[1:] == ['--pairs', '1'] else 1)\n")
    monkeypatch.setattr(results.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("SFUMATO_PEERS", sys.executable)
    monkeypatch.setattr(sys, "argv", [str(script), "--pairs", "1"])
    with pytest.raises(SystemExit, match="7"):
        results.in_peers()


@pytest.mark.parametrize("page", ["results", "faults", "steps", "recipes"])
def test_a_page_of_tables_is_what_make_docs_writes(page, bench):
    import tables

    make = getattr(tables, page)
    made = make() if page in ("steps", "recipes") else make(ROOT / "bench" / "results")
    assert (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") == made


def test_the_pages_of_presets_are_what_make_docs_writes(bench):
    import tables

    made = tables.presets(ROOT / "bench" / "results")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "presets").glob("*.md")}
    assert kept == made and all((ROOT / "docs" / "presets" / f"{name}.jpg").is_file() for name in made)


@pytest.mark.parametrize("path", sorted((ROOT / "bench" / "results").glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_result_names_no_place_of_the_machine_it_was_made_on(path):
    assert str(Path.home()) not in path.read_text() and "/tmp/" not in path.read_text()
