"""Naming pictures as a person types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import PARTLY, REFUSED
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
