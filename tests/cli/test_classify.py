"""Naming pictures as a person types it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import PARTLY, REFUSED
from sfumato.train.run import Run
from tests.cli.conftest import TypeIn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Black and white pictures, one folder each."""
    rng = np.random.default_rng(1)
    for name, level in (("black", 40), ("white", 215)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(20):
            picture = np.clip(rng.normal(level, 15, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def model(folder: Path, tmp_path: Path, type_in: TypeIn) -> Path:
    small = "network.widths=[4] network.blocks=[1] train.batch=8 train.tune=false data.valid=0.3"
    words = ["train", "classify", folder, "--steps", "40", "--out", tmp_path / "run"]
    code, _, err = type_in(*words, *(word for change in small.split() for word in ("--set", change)))
    assert code == 0, err
    return tmp_path / "run" / "last.safetensors"


def test_pictures_are_named_with_probabilities(model: Path, folder: Path, type_in: TypeIn) -> None:
    code, out, _ = type_in("classify", model, folder / "white" / "0.png", "--json", "--flip")
    [row] = json.loads(out)["pictures"]
    assert code == 0 and row["names"][0]["name"] == "white" and sum(one["probability"] for one in row["names"]) == pytest.approx(1)


def test_a_picture_that_cannot_be_read_is_told_and_stops_nothing(model: Path, folder: Path, type_in: TypeIn) -> None:
    (folder / "black" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    code, out, err = type_in("classify", model, folder)
    assert code == PARTLY and "bad.png" in err and len(out.splitlines()) == 40
    code, out, _ = type_in("classify", model, folder, "--json")
    [failed] = json.loads(out)["failed"]
    assert code == PARTLY and failed["file"] == str(folder / "black" / "bad.png") and "bad.png" in failed["reason"]


def test_a_restorer_names_nothing(folder: Path, type_in: TypeIn) -> None:
    from sfumato.tasks.parts.restorer import shipped

    code, _, err = type_in("classify", shipped(), folder)
    assert code == REFUSED and "'restore'" in err


def test_a_classifier_is_scored_on_a_folder(model: Path, folder: Path, type_in: TypeIn) -> None:
    code, out, _ = type_in("eval", model, folder, "--json")
    assert code == 0 and json.loads(out)["rows"][0]["accuracy"]["mean"] > 0.9
    code, out, _ = type_in("eval", model, folder)
    assert code == 0 and "40 pictures" in out


def test_runs_tell_how_many_names_were_right(model: Path, type_in: TypeIn) -> None:
    code, out, _ = type_in("runs", model.parent.parent)
    assert code == 0 and "% right" in out


def test_a_run_that_failed_at_length_or_is_damaged_spoils_no_list_of_runs(model: Path, type_in: TypeIn, tmp_path: Path) -> None:
    for name in ("whole", "failed", "scoreless", "broken"):
        shutil.copytree(model.parent, tmp_path / "runs" / name)
    Run(tmp_path / "runs" / "failed").note(status="stopped: a very long story\nof a disk that was full" + " and more" * 30)
    (tmp_path / "runs" / "scoreless" / "scores.json").write_text('{"rows": [')
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    code, out, _ = type_in("runs", tmp_path / "runs")
    lines = dict(line.removeprefix(str(tmp_path / "runs")).strip("/").split(None, 1) for line in out.splitlines()[1:])
    assert code == 0 and set(lines) == {"whole", "failed", "scoreless", "broken"}
    assert lines["failed"].startswith("stopped: a very long") and max(map(len, lines.values())) < 80
    assert lines["scoreless"].endswith("damaged") and lines["broken"].startswith("damaged") and "% right" in lines["whole"]


@pytest.mark.parametrize("words", [("--spoil", "noise 40"), ("--metrics", "psnr_rgb"), ("--features", "tiny-features")])
def test_what_only_a_repair_can_be_asked_is_refused_of_a_classifier(model: Path, folder: Path, type_in: TypeIn, words: list[str]) -> None:
    code, out, err = type_in("eval", model, folder, *words)
    assert (code, out) == (REFUSED, "") and f"{words[0]} is for a model of the task 'restore'" in " ".join(err.split())
