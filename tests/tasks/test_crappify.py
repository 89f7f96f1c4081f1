"""Spoiling offline: the same pixels as on the fly, whatever the number of processes, and nothing done twice."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.reading.read import read_levels
from sfumato.spoil import catalogue
from sfumato.spoil.grammar import parse
from sfumato.tasks.crappify import DRAWS, SIDE, crappify, preview

CHAIN = "scale 2..3 | jpeg 10..70 | text density=300"
OWN = '''
from dataclasses import dataclass

@dataclass(frozen=True)
class Negative:
    """Dark is bright."""

    def __call__(self, picture, rng):
        return 255 - picture

STEPS = {"negative": Negative}
'''


def pictures(folder: Path) -> dict[str, np.ndarray]:
    return {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))}


def test_a_folder_is_spoilt_into_a_mirrored_tree(photograph_folder, tmp_path):
    summary = crappify(photograph_folder, tmp_path / "out", CHAIN, jobs=1, quiet=True)
    wanted = {path.relative_to(photograph_folder).with_suffix(".png").as_posix() for path in photograph_folder.rglob("*.*")}
    assert (set(pictures(tmp_path / "out")), summary.done, summary.exit_code) == (wanted, 6, 0)


def test_offline_gives_the_pixels_that_the_chain_gives_on_the_fly(photograph_folder, tmp_path):
    crappify(photograph_folder, tmp_path / "out", CHAIN, seed=5, jobs=1, quiet=True)
    clean = read_levels(photograph_folder / "left" / "coffee0.jpg")
    expected = parse(CHAIN)(clean, Seed(5).at("crappify/left/coffee0.jpg"))
    assert (pictures(tmp_path / "out")["left/coffee0.png"] == expected).all()


def test_the_number_of_processes_changes_nothing(photograph_folder, tmp_path):
    for jobs in (1, 2):
        crappify(photograph_folder, tmp_path / str(jobs), CHAIN, jobs=jobs, quiet=True)
    one, two = (pictures(tmp_path / name) for name in ("1", "2"))
    assert one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)


def test_the_draws_of_a_picture_do_not_hang_on_the_others(photograph_folder, tmp_path):
    crappify(photograph_folder, tmp_path / "all", CHAIN, jobs=1, quiet=True)
    (photograph_folder / "left" / "coffee0.jpg").unlink()
    crappify(photograph_folder, tmp_path / "fewer", CHAIN, jobs=1, quiet=True)
    every, fewer = pictures(tmp_path / "all"), pictures(tmp_path / "fewer")
    assert len(fewer) == 5 and all((every[name] == fewer[name]).all() for name in fewer)


def test_equal_pictures_with_other_names_draw_otherwise(tmp_path, portrait):
    for name in "ab":
        Image.fromarray(portrait).save(tmp_path / f"{name}.png")
    crappify(tmp_path, tmp_path.parent / "out", CHAIN, jobs=1, quiet=True)
    spoilt = pictures(tmp_path.parent / "out")
    assert (spoilt["a.png"] != spoilt["b.png"]).any()


def test_what_is_done_is_skipped_and_another_chain_does_it_again(photograph_folder, tmp_path):
    runs = [crappify(photograph_folder, tmp_path / "out", chain, jobs=1, quiet=True) for chain in (CHAIN, CHAIN, "jpeg 20")]
    assert [(run.done, run.skipped) for run in runs] == [(6, 0), (0, 6), (6, 0)]


def test_the_summary_keeps_what_each_picture_drew(photograph_folder, tmp_path):
    summary = crappify(photograph_folder, tmp_path / "out", "jpeg 10..70", jobs=1, quiet=True)
    draws = summary.results["left/coffee0.png"]["draws"]
    assert [step for step, _ in draws] == ["jpeg"] and 10 <= draws[0][1]["quality"] <= 70


def test_one_bad_file_stops_nothing(photograph_folder, tmp_path):
    (photograph_folder / "bad.png").write_text("no picture")
    summary = crappify(photograph_folder, tmp_path / "out", "jpeg", jobs=1, quiet=True)
    assert (summary.done, [path.name for path, _ in summary.failed], summary.exit_code) == (6, ["bad.png"], 3)


def test_a_step_of_ones_own_works_in_other_processes(photograph_folder, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    crappify(photograph_folder, tmp_path / "out", "negative", steps_file=tmp_path / "mine.py", jobs=2, quiet=True)
    clean = read_levels(photograph_folder / "right" / "rocket1.png")
    assert (pictures(tmp_path / "out")["right/rocket1.png"] == 255 - clean).all()


def test_a_wrong_chain_is_refused_before_anything_is_written(photograph_folder, tmp_path):
    with pytest.raises(Refusal, match="Did you mean 'jpeg'"):
        crappify(photograph_folder, tmp_path / "out", "jpg 20", quiet=True)
    assert not (tmp_path / "out").exists()


def test_the_preview_shows_every_step_and_the_chain(photograph_folder, tmp_path):
    path = preview(photograph_folder, tmp_path / "steps.png", chain=CHAIN)
    width, height = Image.open(path).size
    assert width > (1 + DRAWS) * 160 and height > (len(catalogue.STEPS) + 1) * min(SIDE, 120)
