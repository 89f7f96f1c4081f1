"""The verb segment, as it is typed."""

import json
import shutil

import numpy as np
from PIL import Image

from tests.tasks.test_segment import folder, model, run, scene  # noqa: F401  # fixtures


def test_masks_are_drawn_for_files_and_folders(run, folder, tmp_path, here, rng):  # noqa: F811
    picture, _ = scene(rng)
    Image.fromarray(picture).save(tmp_path / "one.jpg", quality=95)
    done = here("segment", run / "last.safetensors", tmp_path / "one.jpg")
    assert done.returncode == 0 and Image.open(tmp_path / "one-segmented.png").size == (48, 40)
    done = here("segment", run / "last.safetensors", folder / "pictures", "--draw", "mask", "--out", tmp_path / "masks", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["done"] == 30
    seen, truth = (np.asarray(Image.open(place / "03.png")) for place in (tmp_path / "masks", folder / "masks"))
    assert np.mean((seen == truth)[truth != 7]) > 0.9


def test_a_dry_run_says_what_would_become_what(run, folder, tmp_path, here):  # noqa: F811
    done = here("segment", run / "last.safetensors", folder / "pictures" / "03.png", "--out", tmp_path / "masks", "--dry-run")
    assert done.stdout.strip() == f"{folder / 'pictures' / '03.png'} -> {tmp_path / 'masks' / '03.png'}" and not any(tmp_path.iterdir())


def test_several_pictures_go_into_a_folder_whatever_it_is_called(run, folder, tmp_path, here):  # noqa: F811
    two = [folder / "pictures" / name for name in ("03.png", "04.png")]
    done = here("segment", run / "last.safetensors", *two, "--out", tmp_path / "masks.v2")
    assert done.returncode == 0 and sorted(path.name for path in (tmp_path / "masks.v2").glob("[!.]*")) == ["03.png", "04.png"]


def test_several_pictures_go_on_where_what_was_made_of_some_lies_beside_them(run, folder, tmp_path, here):  # noqa: F811
    for name in ("03.png", "04.png"):
        shutil.copy(folder / "pictures" / name, tmp_path / name)
    assert here("segment", run / "last.safetensors", tmp_path / "03.png").returncode == 0
    done = here("segment", run / "last.safetensors", *sorted(tmp_path.glob("*.png")))
    assert done.returncode == 0 and "1 file done, 1 skipped (there already" in " ".join(done.stderr.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["03-segmented.png", "03.png", "04-segmented.png", "04.png"]


def test_what_is_not_a_png_is_refused(run, folder, tmp_path, here):  # noqa: F811
    done = here("segment", run / "last.safetensors", folder / "pictures" / "03.png", "--out", tmp_path / "mask.jpg")
    assert done.returncode == 2 and "call it mask.png" in done.stderr


def test_it_is_scored_on_a_folder_with_masks_of_the_same_classes(run, folder, tmp_path, here):  # noqa: F811
    last, pictures, legend = run / "last.safetensors", folder / "pictures", folder / "legend.txt"
    done = here("eval", last, pictures)
    assert done.returncode == 2 and "give --masks with their folder and their legend" in done.stderr
    done = here("eval", last, pictures, "--masks", folder / "masks", legend, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["rows"][0]["pixel_accuracy"]["mean"] > 0.9
    (tmp_path / "other.txt").write_text(legend.read_text().replace("disc", "ball"))
    done = here("eval", last, pictures, "--masks", folder / "masks", tmp_path / "other.txt")
    assert done.returncode == 2 and "ground, ball, square apart, but the model ground, disc, square" in done.stderr


def test_known_streets_may_be_called_as_known_pictures_are(run, here):  # noqa: F811
    done = here("eval", run / "last.safetensors", "known:camvid:nothing")
    assert done.returncode == 2 and "camvid" in done.stderr and "no data set called" not in done.stderr


def test_runs_says_how_many_pixels_were_right(run, here):  # noqa: F811
    done = here("runs", run.parent)
    assert done.returncode == 0 and "% right" in done.stdout
