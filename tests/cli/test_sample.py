"""The verb sample: a sheet, or a folder, by the name that is given; nothing that stands there is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core import recipe as recipes
from sfumato.tasks import catalogue
from sfumato.tasks.generate_recipe import Generate

TypeIn = Callable[..., tuple[int, str, str]]
SMALL = ["data.side=16", "network.side=16", "network.width=4", "network.noise=4", "critic.width=4", "train.batch=4", "train.steps=0"]


@pytest.fixture
def model(tmp_path: Path, rng: np.random.Generator) -> Path:
    """One that has learnt nothing."""
    (tmp_path / "noise").mkdir()
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / "noise" / f"{number}.png")
    folder = f"data.folders={json.dumps([str(tmp_path / 'noise')])}"
    catalogue.train(recipes.read(Generate, {}, [*SMALL, "train.tune=false", folder]), tmp_path / "run")
    return tmp_path / "run" / "last.safetensors"


def test_a_name_says_whether_one_sheet_or_single_pictures_are_made(model: Path, type_in: TypeIn, tmp_path: Path) -> None:
    assert type_in("sample", model, "--count", "3", "--out", tmp_path / "v1.2")[0] == 0
    assert sorted(path.name for path in (tmp_path / "v1.2").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert type_in("sample", model, "--out", tmp_path / "sheet.png")[0] == 0 and (tmp_path / "sheet.png").is_file()
    for again in ("v1.2", "sheet.png"):
        code, _, said = type_in("sample", model, "--count", "3", "--out", tmp_path / again)
        assert code == 2 and "exists already. Give --overwrite" in " ".join(said.split())
        assert type_in("sample", model, "--count", "3", "--out", tmp_path / again, "--overwrite")[0] == 0
    code, _, said = type_in("sample", model, "--out", tmp_path / "dreams.jpg")
    assert code == 2 and "call it dreams.png" in " ".join(said.split()) and not (tmp_path / "dreams.jpg").exists()
