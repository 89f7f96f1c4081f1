"""Finding pictures below a folder."""

import os
import sys
import time
from pathlib import Path

import pytest

from sfumato.core import progress
from sfumato.core.errors import Refusal
from sfumato.data.reading import find
from sfumato.data.reading.find import find_pictures
from tests.data.shut import too_deep


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path_factory.mktemp("cache")))


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def names_in(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_pictures(folder, **options)]


def settle(folder: Path) -> None:
    """As if nothing had been changed in it for a minute."""
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        os.utime(path, (time.time() - 60, time.time() - 60))


def test_pictures_are_found_at_any_depth_by_their_suffix_in_either_case(tmp_path):
    folder = folder_of(tmp_path, "a.jpg", "b/c/d.PNG", "b/notes.txt", "b/e.Tiff")
    assert names_in(folder) == ["a.jpg", "b/c/d.PNG", "b/e.Tiff"]


def test_numbers_in_names_are_ordered_by_value(tmp_path):
    folder = folder_of(tmp_path, "p10.jpg", "p9.jpg", "p1.jpg", "p2/x.jpg")
    assert names_in(folder) == ["p1.jpg", "p2/x.jpg", "p9.jpg", "p10.jpg"]


def test_names_that_differ_only_in_case_have_an_order(tmp_path):
    folder = folder_of(tmp_path, "b.jpg", "B.jpg", "a.jpg")
    if len(list(folder.iterdir())) == 3:  # not on a disk that takes them for one
        assert names_in(folder) == ["a.jpg", "B.jpg", "b.jpg"]


@pytest.mark.parametrize("name", ["été.jpg", "照片/猫 1.png", "with space .webp", "x" * 196 + ".jpg", "semi;colon&.bmp"])
def test_foreign_and_long_names_are_found(tmp_path, name):
    assert names_in(folder_of(tmp_path, name)) == [name]


def test_hidden_files_and_folders_are_left_out(tmp_path):
    assert names_in(folder_of(tmp_path, "a.jpg", ".b.jpg", ".thumbnails/c.jpg")) == ["a.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_that_run_in_circles_end_and_nothing_is_found_twice(tmp_path):
    folder = folder_of(tmp_path, "a/one.jpg", "b/two.jpg")
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "b" / "aside").symlink_to(folder / "a", target_is_directory=True)
    assert sorted(path.name for path in find_pictures(folder)) == ["one.jpg", "two.jpg"]


def test_a_kept_list_is_used_again(tmp_path, monkeypatch):
    folder = folder_of(tmp_path, "a.jpg", "b/c.jpg")
    settle(folder)
    first = find_pictures(folder)
    monkeypatch.setattr(find, "_walked", lambda *_: pytest.fail("the folder was walked again"))
    assert find_pictures(folder) == first


def test_a_new_file_deep_below_is_found_though_a_list_is_kept(tmp_path):
    folder = folder_of(tmp_path, "a.jpg", "b/c.jpg")
    settle(folder)
    find_pictures(folder)
    folder_of(folder, "b/d.jpg")
    assert names_in(folder) == ["a.jpg", "b/c.jpg", "b/d.jpg"]


def test_no_list_of_a_folder_that_was_just_changed_is_kept(tmp_path):
    folder = folder_of(tmp_path, "a.jpg")
    find_pictures(folder)
    stamp = folder.stat().st_mtime_ns
    folder_of(folder, "b.jpg")
    os.utime(folder, ns=(stamp, stamp))  # two changes within one tick of the disk's clock
    assert names_in(folder) == ["a.jpg", "b.jpg"]


def test_a_damaged_list_is_made_anew(tmp_path):
    folder = folder_of(tmp_path, "a.jpg")
    settle(folder)
    find_pictures(folder)
    [kept] = (find.cache_folder() / "lists").iterdir()
    kept.write_text('{"names": 3}')
    assert names_in(folder) == ["a.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_do_no_harm(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
    except OSError:
        pytest.skip("this disk refuses such names")
    settle(tmp_path)
    assert len(find_pictures(tmp_path)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="paths may be of other lengths there")
def test_a_folder_that_cannot_be_looked_into_is_told_of_each_time(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_quiet", False)
    folder = folder_of(tmp_path / "photos", "a.jpg")
    deep = too_deep(folder)
    for path in deep.parents:
        if path.is_relative_to(folder):
            os.utime(path, (time.time() - 60, time.time() - 60))  # as if settled: a list would be kept
    for _ in range(2):
        assert names_in(folder) == ["a.jpg"]
        said = f"1 folder(s) could not be looked into and are left out, such as {deep} (File name too long)."
        assert said in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="paths may be of other lengths there")
def test_a_refusal_names_a_folder_that_cannot_be_looked_into(tmp_path):
    deep = too_deep(tmp_path)
    with pytest.raises(Refusal, match=f"{deep} cannot be looked into: File name too long"):
        find_pictures(tmp_path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "it is empty"),
        (("notes.txt", "more.doc"), "2 other entries, such as 'more.doc'"),
    ],
)
def test_a_folder_without_pictures_is_refused_and_what_it_holds_is_said(tmp_path, names, said):
    with pytest.raises(Refusal, match=said):
        find_pictures(folder_of(tmp_path, *names))


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(Refusal, match="nowhere does not exist"):
        find_pictures(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(Refusal, match="is a file, not a folder"):
        find_pictures(folder_of(tmp_path, "a.jpg") / "a.jpg")
