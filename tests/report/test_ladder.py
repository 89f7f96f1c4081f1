"""Several trainings on one page: the same pictures in the same order, numbers that are the runs' own, and no other pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.report.ladder import write_ladder


def run_folder(folder, *, name, loss, held, shade=0, good=200, spoilt=50):
    """What a training leaves behind, as much of it as the page reads."""
    (folder / "previews").mkdir(parents=True)
    (folder / "recipe.toml").write_text('task = "restore"\n')
    (folder / "run.json").write_text(json.dumps({"name": name, "status": "done", "minutes": 8.0, "steps": 100, "parameters": 123_456}))
    rows = [{"kind": "step", "step": step, "loss": loss, "parts": {"mse": loss}} for step in (50, 100)]
    rows += [{"kind": "valid", "step": 100, "scores": {"psnr_rgb": 25.5}, "loss": held, "parts": {"mse": held}}]
    (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for what, level in (("input", spoilt), ("target", good), ("0000100", 150 + shade)):
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(folder / "previews" / f"{what}-00.png")
    return folder


def test_each_rung_has_its_numbers_and_its_pictures(tmp_path):
    one = run_folder(tmp_path / "one", name="low-rung", loss=0.25, held=0.31)
    two = run_folder(tmp_path / "two", name="high-rung", loss=0.2, held=0.21, shade=9)
    page = write_ladder([one, two], tmp_path / "ladder.html").read_text()
    assert page.index("low-rung") < page.index("high-rung")
    assert "0.31" in page and "0.06" in page and "25.50" in page and "0.2 / 0.21 (+0.01)" in page
    assert page.count("data:image/png;base64,") == 4 and "http" not in page.replace("http-equiv", "")


def test_runs_that_hold_out_other_pictures_are_not_put_side_by_side(tmp_path):
    one = run_folder(tmp_path / "one", name="a", loss=1, held=1)
    two = run_folder(tmp_path / "two", name="b", loss=1, held=1, good=10)
    with pytest.raises(Refusal, match="other pictures"):
        write_ladder([one, two], tmp_path / "ladder.html")
    three = run_folder(tmp_path / "three", name="c", loss=1, held=1, spoilt=51)
    with pytest.raises(Refusal, match=r"spoil otherwise, such as input-00.png"):
        write_ladder([one, three], tmp_path / "ladder.html")


def test_one_rung_is_no_ladder(tmp_path):
    with pytest.raises(Refusal, match="two rungs or more"):
        write_ladder([run_folder(tmp_path / "one", name="a", loss=1, held=1)], tmp_path / "ladder.html")
