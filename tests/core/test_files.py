"""Files are whole or not there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.core import files
from sfumato.core.errors import Unwritable

Limit = Callable[[int], None]


def test_a_file_for_which_there_is_no_room_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path, sizes_limited: Limit) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear")
    sizes_limited(1000)
    with pytest.raises(Unwritable, match="letter.txt could not be written: File too large"):
        files.write_bytes(path, bytes(100_000))
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"letter.txt": "dear"}


def test_a_file_below_a_regular_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(Unwritable, match="letter.txt/run/recipe.toml could not be written"):
        files.write_text(tmp_path / "letter.txt" / "run" / "recipe.toml", "")


def test_what_cannot_be_appended_whole_is_not_appended_at_all(tmp_path: Path, sizes_limited: Limit) -> None:
    path = tmp_path / "lines"
    files.append(path, b"one\n")
    sizes_limited(10)
    with pytest.raises(Unwritable, match="lines could not be written"):
        files.append(path, b"two\nthree\n")
    assert path.read_bytes() == b"one\n"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
def test_a_disk_that_is_full_is_told_from_one_that_is_forbidden(tmp_path: Path) -> None:
    found = []
    for path in (Path("/dev/full"), tmp_path):
        with pytest.raises(Unwritable) as refusal:
            files.append(path, b"x")
        found.append(refusal.value.full)
    assert found == [True, False]
