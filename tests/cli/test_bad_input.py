"""Bad input to the command line: one clear sentence and status 2; one bad file among good ones: the rest done, status 3."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core import recipe
from sfumato.nets import load
from sfumato.tasks import restore
from sfumato.tasks.restore_recipe import Restore

TypeIn = Callable[..., tuple[int, str, str]]
TINY = [
    "network.kind=residual",
    "network.width=8",
    "network.blocks=1",
    "data.crop=32",
    "train.batch=2",
    "train.steps=2",
    "train.tune=false",
]
CHANGES = [word for change in TINY for word in ("--set", change)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An untrained restorer, which returns what it gets."""
    path = tmp_path / "model.safetensors"
    task = restore.build(recipe.read(Restore, {}, [*TINY, "data.folders=['builtin:photographs']"]))
    task.save(path, task.network, {}, 0)
    return path


def empty(folder: Path) -> None:
    folder.mkdir()


def one_picture(folder: Path) -> None:
    folder.mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "only.png")


def smaller_than_the_crop(folder: Path) -> None:
    folder.mkdir()
    for number in range(8):
        Image.fromarray(np.full((20, 20, 3), number, np.uint8)).save(folder / f"{number}.png")


def text_files_named_png(folder: Path) -> None:
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_text("not a picture")


@pytest.mark.parametrize("make", [empty, one_picture, smaller_than_the_crop, text_files_named_png])
def test_a_training_refuses_a_folder_it_cannot_learn_from(make: Callable[[Path], None], tmp_path: Path, type_in: TypeIn) -> None:
    make(tmp_path / "pictures")
    code, _, err = type_in("train", "restore", tmp_path / "pictures", *CHANGES, "--out", tmp_path / "run", "-q")
    assert (code, err.startswith("sfumato: "), err.count("sfumato: "), "pictures" in err) == (2, True, 1, True), err


@pytest.mark.parametrize("make", [empty, text_files_named_png])
def test_repairing_refuses_a_folder_without_pictures(make: Callable[[Path], None], model: Path, tmp_path: Path, type_in: TypeIn) -> None:
    make(tmp_path / "pictures")
    assert type_in("restore", tmp_path / "pictures", "--model", model, "--out", tmp_path / "out")[0] == 2


def test_a_model_of_another_task_is_refused_by_name(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    kept = load.read(model)
    load.write(model, kept.network.state_dict(), dataclasses.replace(kept.header, task="classify"))
    code, _, err = type_in("restore", photograph_folder, "--model", model, "--out", tmp_path / "out")
    assert (code, "'classify'" in err, "'restore'" in err) == (2, True, True)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 4096])
def test_what_is_no_model_is_refused_by_name(content: bytes, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    code, _, err = type_in("restore", photograph_folder, "--model", path, "--out", tmp_path / "out")
    assert (code, "model.safetensors" in err) == (2, True)


def test_one_bad_file_stops_nothing_and_gives_status_3(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    (photograph_folder / "broken.png").write_text("not a picture")
    code, out, _ = type_in("restore", photograph_folder, "--model", model, "--out", tmp_path / "out", "--json")
    said = json.loads(out)
    assert (code, said["done"], [Path(one["file"]).name for one in said["failed"]]) == (3, 6, ["broken.png"])


def test_one_bad_file_is_named_to_people(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    (photograph_folder / "broken.png").write_text("not a picture")
    _, _, err = type_in("restore", photograph_folder, "--model", model, "--out", tmp_path / "out")
    assert "broken.png" in err and "6 files done" in err


def test_repairing_again_does_nothing_again(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    words = ("restore", photograph_folder, "--model", model, "--out", tmp_path / "out", "--json")
    type_in(*words)
    code, out, _ = type_in(*words)
    assert (code, json.loads(out)["done"], json.loads(out)["skipped"]) == (0, 0, 6)


def test_a_single_picture_never_replaces_a_file_unasked(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    picture, taken = next(photograph_folder.rglob("*.png")), tmp_path / "taken.png"
    taken.write_text("mine")
    code, _, err = type_in("restore", picture, "--model", model, "--out", taken)
    assert (code, "taken.png" in err, taken.read_text()) == (2, True, "mine")


def test_without_out_a_picture_is_repaired_beside_itself(model: Path, photograph_folder: Path, type_in: TypeIn) -> None:
    picture = next(photograph_folder.rglob("*.png"))
    type_in("restore", picture, "--model", model)
    assert picture.with_name(f"{picture.stem}-restored.png").is_file()


def test_several_inputs_of_one_name_are_not_laid_upon_each_other(
    model: Path, tmp_path: Path, photograph_folder: Path, type_in: TypeIn
) -> None:
    shutil.copytree(photograph_folder, tmp_path / "other" / "photographs")
    code, _, err = type_in("restore", photograph_folder, tmp_path / "other" / "photographs", "--model", model, "--out", tmp_path / "out")
    assert (code, "'photographs'" in err) == (2, True)


def test_a_run_is_never_overwritten(photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("mine")
    code, _, err = type_in("train", "restore", photograph_folder, *CHANGES, "--out", tmp_path / "run", "-q")
    assert (code, "not empty" in err) == (2, True)


def test_quiet_says_only_what_was_asked_for(model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn) -> None:
    assert type_in("restore", photograph_folder, "--model", model, "--out", tmp_path / "out", "-q") == (0, "", "")


def with_recipe(model: Path, **spoil: object) -> Path:
    """The same model, whose maker says that its pictures were spoilt in this way."""
    kept = load.read(model)
    load.write(model, kept.network.state_dict(), dataclasses.replace(kept.header, recipe={"spoil": spoil}))
    return model


def test_a_file_with_steps_that_a_model_names_is_not_run_unasked(
    model: Path, photograph_folder: Path, tmp_path: Path, type_in: TypeIn
) -> None:
    steps = tmp_path / "steps.py"
    steps.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nSTEPS = {{}}")
    code, _, err = type_in("eval", with_recipe(model, chain="jpeg 30", steps_file=str(steps)), photograph_folder)
    assert (code, "steps.py" in err, "--steps-file" in err, (tmp_path / "ran").exists()) == (2, True, True, False)


@pytest.mark.parametrize("spoil", [{}, {"chain": 3}, {"chain": ["jpeg"]}, {"chain": "jpeg 1e300"}])
def test_a_model_that_does_not_say_how_its_pictures_were_spoilt_is_refused(
    spoil: dict[str, object], model: Path, photograph_folder: Path, type_in: TypeIn
) -> None:
    assert type_in("eval", with_recipe(model, **spoil), photograph_folder)[0] == 2


def test_what_a_model_says_of_itself_moves_no_cursor(model: Path, type_in: TypeIn) -> None:
    kept = load.read(model)
    load.write(model, kept.network.state_dict(), dataclasses.replace(kept.header, licence="free\x1b[2J\nscores: 99"))
    code, out, _ = type_in("models", model)
    assert (code, "\x1b" in out, "\nscores" in out, "free" in out) == (0, False, False, True)
