"""The verb eval against another model's scores: only what was measured alike is compared."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from sfumato.tasks import catalogue
from tests.tasks.test_real_pairs import folders, recipe  # noqa: F401  # fixtures


@pytest.fixture
def folder(portrait, tmp_path):
    for number in range(3):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.ascontiguousarray(portrait[20 * number :][:64, :64])).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def model():
    from sfumato.tasks.parts.restorer import shipped

    return shipped()


def scored(here, model, folder, *more):
    return here("eval", model, folder, "--spoil", "noise 25", "--json", *more)


def test_a_model_is_not_ahead_of_itself_and_ahead_of_a_worse_one(here, model, folder, tmp_path):
    scores = json.loads(scored(here, model, folder).stdout)
    (tmp_path / "same.json").write_text(json.dumps(scores))
    same = json.loads(scored(here, model, folder, "--against", tmp_path / "same.json").stdout)
    assert same["against"]["psnr_rgb"]["mean"] == 0 and same["spoil"] == scores["spoil"]
    for picture in scores["pictures"]:
        picture["restored"]["psnr_rgb"] -= 2
    scores["rows"][-1]["psnr_rgb"]["mean"] -= 2
    (tmp_path / "worse.json").write_text(json.dumps(scores))
    done = here("eval", model, folder, "--spoil", "noise 25", "--against", tmp_path / "worse.json")
    assert done.returncode == 0 and "ahead of worse.json" in done.stdout and "2 (2..2)" in done.stdout


def test_eight_positions_are_another_repair_and_said(here, model, folder):
    plain, eight = (here("eval", model, folder, "--spoil", "noise 25", *more) for more in ((), ("--ensemble",)))
    assert "in eight positions" in eight.stdout and "in eight positions" not in plain.stdout
    rows = [[line for line in done.stdout.splitlines() if line.startswith(("input", "restored"))] for done in (plain, eight)]
    assert rows[0][0] == rows[1][0] and rows[0][1] != rows[1][1] and plain.stdout.split()[:3] == ["psnr_rgb", "ssim_rgb", "drift"]


def test_pictures_that_came_as_they_should_be_are_named(here, model, folder):
    done = here("eval", model, folder, "--spoil", "noise 0")
    assert done.returncode == 0 and "3 of 3 pictures came as they should be, such as" in " ".join(done.stderr.split())


def test_a_published_test_set_is_scored_only_as_it_was_published(type_in, model, folder, tmp_path, monkeypatch):
    (tmp_path / "set5").mkdir()
    for name in ("baby", "bird", "butterfly", "head", "woman"):
        shutil.copy(folder / "0.png", tmp_path / "set5" / f"{name}.png")
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    code, _, said = type_in("eval", model, "known:set5", "--spoil", "noise 25")
    assert code == 2 and "of set5 is not the published picture" in said


def test_older_scores_are_compared_by_what_both_have(here, model, folder, tmp_path):
    scores = json.loads(scored(here, model, folder).stdout)
    del scores["rows"][-1]["drift"]
    (tmp_path / "older.json").write_text(json.dumps(scores))
    against = json.loads(scored(here, model, folder, "--against", tmp_path / "older.json").stdout)["against"]
    assert set(against) == {"psnr_rgb", "ssim_rgb"}
    done = scored(here, model, folder, "--against", tmp_path / "older.json", "--metrics", "psnr_rgb,drift")
    assert done.returncode == 2 and "has no drift" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [(("--seed", "7"), "unlike seed"), (("--spoil", "noise 10"), "spoilt otherwise"), (("--metrics", "psnr_y"), "has no psnr_y")],
)
def test_what_was_not_measured_alike_is_not_compared(here, model, folder, tmp_path, more, said):
    (tmp_path / "other.json").write_text(scored(here, model, folder).stdout)
    spoilt = () if "--spoil" in more else ("--spoil", "noise 25")
    done = here("eval", model, folder, "--against", tmp_path / "other.json", *spoilt, *more)
    assert done.returncode == 2 and said in done.stderr


def test_other_pictures_and_files_that_hold_no_scores_are_refused(here, model, folder, tmp_path):
    (tmp_path / "other.json").write_text(scored(here, model, folder).stdout)
    (folder / "0.png").rename(folder / "9.png")
    done = scored(here, model, folder, "--against", tmp_path / "other.json")
    assert done.returncode == 2 and "measured on other pictures" in done.stderr
    picture = np.asarray(Image.open(folder / "9.png"))
    Image.fromarray(255 - picture).save(folder / "0.png")
    (folder / "9.png").unlink()
    done = scored(here, model, folder, "--against", tmp_path / "other.json")
    assert done.returncode == 2 and "see '0.png'" in done.stderr
    (tmp_path / "none.json").write_text("{}")
    done = scored(here, model, folder, "--against", tmp_path / "none.json")
    assert done.returncode == 2 and "holds no scores" in done.stderr


def test_a_bad_picture_is_named_and_left_out_of_the_scores(here, model, folder):
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:300])
    done = scored(here, model, folder, "--metrics", "psnr_rgb, psnr_y")
    assert done.returncode == 0 and "1.png" in done.stderr and "left out" in done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["pictures"]] == ["0.png", "2.png"]


def test_it_is_scored_on_real_pairs_and_never_on_damage_it_has_not_learnt(folders, tmp_path, here):  # noqa: F811
    catalogue.train(recipe(folders), tmp_path / "run")
    model = tmp_path / "run" / "last.safetensors"
    done = here("eval", model, folders[1])
    assert done.returncode == 2 and "has learnt from real pairs: give --inputs" in done.stderr
    done = here("eval", model, folders[1], "--inputs", folders[0], "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["gains"]["psnr_rgb"]["mean"] > 1
    done = here("eval", model, folders[1], "--inputs", folders[0], "--spoil", "noise 5")
    assert done.returncode == 2 and "leave --spoil and --steps-file out" in done.stderr


def test_grey_pairs_are_scored_as_grey_pictures_are(here, model, folder, tmp_path):
    for kind in ("inputs", "targets"):
        (tmp_path / kind).mkdir()
        for path in sorted(folder.iterdir()):
            grey = np.asarray(Image.open(path).convert("L"))
            Image.fromarray(grey if kind == "targets" else grey ^ 4).save(tmp_path / kind / path.name)
    Image.new("L", (15, 15)).save(tmp_path / "inputs" / "small.png")
    Image.new("L", (15, 15)).save(tmp_path / "targets" / "small.png")
    words = ("eval", model, tmp_path / "targets", "--inputs", tmp_path / "inputs", "--metrics", "psnr_y,ssim_y_crop4", "--json")
    done = here(*words)
    assert done.returncode == 0 and "small.png is 15 x 15 px, too small for a score" in done.stderr
    came = json.loads(done.stdout)["rows"][0]
    assert came["psnr_y"]["mean"] == pytest.approx(20 * np.log10(255 / 4), abs=1e-3) and came["psnr_y"]["n"] == 3


def test_of_distances_less_is_a_gain(here, model, folder):
    done = here("eval", model, folder, "--spoil", "noise 25", "--metrics", "psnr_rgb,ciede2000", "--json")
    scores = json.loads(done.stdout)
    came, *_, restored = scores["rows"]
    assert restored["ciede2000"]["mean"] < came["ciede2000"]["mean"] and scores["gains"]["ciede2000"]["mean"] > 0
    assert scores["gains"]["psnr_rgb"]["mean"] > 0


def test_where_the_eyes_look_may_be_named_and_unknown_places_are_refused(here, model, folder):
    seen = ("--metrics", "feature", "--features", "tiny-features")
    scores = json.loads(scored(here, model, folder, *seen, "--taps", "stage1,stage2").stdout)
    assert "taps stage1, stage2" in scores["protocols"]["feature"]
    done = scored(here, model, folder, *seen, "--taps", "stage9")
    assert done.returncode == 2 and "stage9" in done.stderr


def test_eyes_that_no_score_needs_are_refused(type_in, model, folder):
    code, _, said = type_in("eval", model, folder, "--features", "tiny-features")
    assert code == 2 and "--features is whose eyes feature and lpips need" in " ".join(said.split())
