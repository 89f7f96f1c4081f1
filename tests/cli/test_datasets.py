"""`sfumato data` as a person types it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sfumato.core.errors import PARTLY, REFUSED
from sfumato.data.known.catalogue import SETS

TypeIn = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SFUMATO_UNPACKED", raising=False)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """A small set in the shape of flowers-64."""
    folder = tmp_path / "data" / "flowers-64"
    for kind in ("daisy", "tulip"):
        for number in range(20):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), (number, 90, 160)).save(folder / kind / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", ["data", "data list", "data get", "data check", "data show"])
def test_every_verb_has_help_that_shows_how_it_is_typed(name: str, type_in: TypeIn) -> None:
    code, out, _ = type_in(*name.split(), "--help")
    assert code == 0 and "Usage:" in out and (name == "data" or f"  sfumato {name}" in out.split("Examples:")[1])


@pytest.mark.parametrize("words", [["data", "--help"], ["data", "show", "--help"], ["data", "list"]])
def test_help_and_the_list_import_neither_torch_nor_opencv(words: list[str]) -> None:
    found = "print({'torch', 'cv2'} & set(sys.modules), file=sys.stderr)"
    look = f"import sys; from sfumato.cli import main\ntry: main.app({words!r})\nfinally: {found}"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60)
    assert ended.stderr.splitlines()[-1] == "set()"


def test_the_list_names_every_set_and_where_it_lies(type_in: TypeIn, flowers: Path) -> None:
    code, out, _ = type_in("data", "list")
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert code == 0 and set(lines) == set(SETS) and str(flowers) in lines["flowers-64"] and "not here" in lines["imagenet"]


def test_the_list_for_programs_has_licences(type_in: TypeIn) -> None:
    _, out, _ = type_in("data", "list", "--json")
    assert {one["name"]: one["licence"] for one in json.loads(out)}["fashion-mnist"] == "MIT"


def test_a_set_is_counted_by_class_and_shown(type_in: TypeIn, flowers: Path, tmp_path: Path) -> None:
    code, out, _ = type_in("data", "show", "flowers-64", "--out", tmp_path / "sheet.png", "--count", "6")
    counts = {line.split()[0]: int(line.split()[1]) for line in out.splitlines()[-2:]}
    kept = sum(counts.values())
    assert code == 0 and set(counts) == {"daisy", "tulip"} and 20 < kept < 40
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 6 * 160
    code, _, err = type_in("data", "show", "flowers-64", "--out", tmp_path / "sheet.png")
    assert code == REFUSED and "sheet.png exists already" in " ".join(err.split())
    assert type_in("data", "show", "flowers-64", "--out", tmp_path / "sheet.png", "--overwrite")[0] == 0


def test_a_damaged_picture_spoils_no_sheet(type_in: TypeIn, flowers: Path, tmp_path: Path) -> None:
    (flowers / "tulip" / "19.png").write_bytes(b"no picture")
    code, _, err = type_in("data", "show", flowers, "--out", tmp_path / "sheet.png", "--count", "40")
    assert code == 0 and (tmp_path / "sheet.png").is_file() and "It is left out of the sheet" in " ".join(err.split())


def test_counts_for_programs(type_in: TypeIn, flowers: Path) -> None:
    _, out, _ = type_in("data", "show", str(flowers), "--json")
    assert json.loads(out)["counts"] == {"daisy": 20, "tulip": 20}


def test_a_whole_folder_is_checked(type_in: TypeIn, flowers: Path) -> None:
    code, out, _ = type_in("data", "check", flowers)
    assert code == 0 and "40 pictures of 2 classes, 64 x 64" in out and "damaged: 0" in out


def test_damaged_pictures_are_named_and_end_with_status_3(type_in: TypeIn, flowers: Path) -> None:
    (flowers / "tulip" / "7.png").write_bytes(b"no picture")
    code, out, err = type_in("data", "check", flowers, "--json")
    [part] = json.loads(out)["parts"]
    assert code == PARTLY and "tulip/7.png" in part["damaged"][0] and "1 picture(s)" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "mnst"], "Did you mean 'mnist'"),
        (["show", "mnist"], "sfumato data get mnist"),
        (["check", "mnist"], "sfumato data get mnist"),
        (["show", "mnist", "--part", "tain"], "Did you mean 'train'"),
        (["get", "imagenet"], "Kaggle"),
        (["get", "mnst"], "Did you mean 'mnist'"),
    ],
)
def test_a_wrong_request_gets_one_sentence_and_status_2(type_in: TypeIn, words: list[str], said: str) -> None:
    code, _, err = type_in("-q", "data", *words)
    assert code == REFUSED and said in err and err.count("\n") == 1
