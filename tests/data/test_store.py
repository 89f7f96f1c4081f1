"""Decoded pictures that are kept: in memory or in a file, for this process and others."""

import multiprocessing
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data import arena, items, store
from sfumato.data.items import Item, Items
from sfumato.data.store import open_store

KINDS = ("ram", "disk", "none")


@dataclass(frozen=True)
class Logged:
    """Makes a picture and writes down that it did."""

    log: Path
    level: int

    def __call__(self):
        with self.log.open("a") as file:
            file.write(f"{self.level}\n")
        return np.full((8 + self.level, 10, 3), self.level, np.uint8)


@pytest.fixture
def made(tmp_path) -> Items:
    return Items(tuple(Item(f"made{level}", make=Logged(tmp_path / "log", level)) for level in range(6)))


@pytest.fixture
def found(photograph_folder, monkeypatch, tmp_path) -> Items:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))
    return items.from_folder(photograph_folder)


@pytest.fixture
def log(tmp_path) -> Callable[[], list[str]]:
    """What was made since it was last asked."""

    def read() -> list[str]:
        path = tmp_path / "log"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return read


def look(kept: store.Store, answers) -> None:
    answers.put([int(kept[index][0, 0, 0]) for index in range(len(kept))])


def elsewhere(kept: store.Store, context: str) -> list[int]:
    """What another process sees."""
    away = multiprocessing.get_context(context)
    answers = away.Queue()
    process = away.Process(target=look, args=(kept, answers))
    process.start()
    seen = answers.get(timeout=60)
    process.join()
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_picture_is_the_decoded_one(found, tmp_path, kind):
    kept = open_store(found, cache=kind, folder=tmp_path / "stores")
    for _ in range(2):
        for index, item in enumerate(found):
            np.testing.assert_array_equal(kept[index], item.levels())


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_a_kept_picture_is_handed_out_without_a_copy(found, tmp_path, kind):
    kept = open_store(found, cache=kind, folder=tmp_path / "stores")
    _ = kept[0]
    assert np.shares_memory(kept[0], kept[0])


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_can_write_to_a_kept_picture(found, tmp_path, kind):
    kept = open_store(found, cache=kind, folder=tmp_path / "stores")
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            kept[0][0, 0, 0] = 1


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_every_picture_is_decoded_once(made, log, tmp_path, kind):
    kept = open_store(made, cache=kind, folder=tmp_path / "stores")
    log()
    for _ in range(3):
        assert [int(kept[index][0, 0, 0]) for index in range(6)] == list(range(6))
    assert sorted(log()) == list("012345")


def test_pictures_decoded_ahead_are_decoded_once_even_where_nothing_is_kept(found, tmp_path, monkeypatch):
    kept = open_store(found, cache="none", folder=tmp_path)
    kept.fill([0, 1, 2])
    monkeypatch.setattr("sfumato.data.reading.read.decode", lambda *_, **__: pytest.fail("it was decoded again"))
    assert [kept[index].shape for index in range(3)] == [(120, 160, 3)] * 3


def test_what_is_drawn_is_not_drawn_ahead(made, log, tmp_path):
    """A scene and its depth are one drawing, which is made for both where they are asked for one after the other."""
    kept = open_store(made, cache="ram", folder=tmp_path / "stores")
    log()
    kept.fill([0, 1, 2])
    assert log() == []


def test_a_picture_that_cannot_be_decoded_ahead_is_refused_when_it_is_asked_for(found, tmp_path):
    found[1].path.write_bytes(b"no picture")
    kept = open_store(found, cache="ram", folder=tmp_path)
    kept.fill([0, 1])
    with pytest.raises(Refusal):
        _ = kept[1]


def test_opening_a_store_decodes_nothing(found, tmp_path, monkeypatch):
    monkeypatch.setattr("sfumato.data.reading.read.decode", lambda *_, **__: pytest.fail("it was decoded"))
    for kind in (*KINDS, "auto"):
        kept = open_store(found, cache=kind, folder=tmp_path / kind)
        assert len(kept) == 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_processes_share_what_one_of_them_decoded(made, log, tmp_path):
    kept = open_store(made, cache="ram", folder=tmp_path)
    log()
    for _ in range(2):
        assert elsewhere(kept, "fork") == list(range(6))
    assert [int(kept[index][0, 0, 0]) for index in range(6)] == list(range(6))
    assert sorted(log()) == list("012345")


@pytest.mark.parametrize("kind", KINDS)
def test_a_spawned_process_sees_the_same_pictures(made, tmp_path, kind):
    assert elsewhere(open_store(made, cache=kind, folder=tmp_path / "stores"), "spawn") == list(range(6))


def test_a_file_is_shared_by_all_processes_and_later_runs(made, log, tmp_path):
    elsewhere(open_store(made, cache="disk", folder=tmp_path / "stores"), "spawn")
    later = open_store(made, cache="disk", folder=tmp_path / "stores")
    log()
    assert [int(later[index][0, 0, 0]) for index in range(6)] == list(range(6)) and log() == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_pixels_travel_to_another_process(found, tmp_path, kind):
    kept = open_store(found, cache=kind, folder=tmp_path / "stores")
    for index in range(len(kept)):
        _ = kept[index]
    assert len(pickle.dumps(kept)) < 3000


def test_many_processes_at_once_fill_one_file_rightly(made, tmp_path):
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    answers = context.Queue()
    kept = open_store(made, cache="disk", folder=tmp_path / "stores")
    processes = [context.Process(target=look, args=(kept, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=60) for _ in processes] == [list(range(6))] * 4
    for process in processes:
        process.join()


def test_a_changed_picture_is_decoded_again_and_the_stale_file_removed(found, tmp_path):
    folder = tmp_path / "stores"
    _ = open_store(found, cache="disk", folder=folder)[1]
    Image.new("RGB", (30, 20), (1, 2, 3)).save(found[1].path, quality=100)
    os.utime(found[1].path, (time.time() + 5, time.time() + 5))
    assert open_store(found, cache="disk", folder=folder)[1].shape == (20, 30, 3)
    assert len(list(folder.glob("*.pictures"))) == 1


def file_of(kept: store.Store) -> Path:
    [path] = kept.folder.glob("*.pictures")
    return path


def test_a_damaged_entry_is_decoded_again(found, tmp_path):
    kept = open_store(found, cache="disk", folder=tmp_path / "stores")
    for index in range(len(kept)):
        _ = kept[index]
    with file_of(kept).open("rb+") as file:
        file.seek(arena.head_bytes(len(kept)) + 1000)
        file.write(b"a power cut")
    again = open_store(found, cache="disk", folder=tmp_path / "stores")
    for index, item in enumerate(found):
        np.testing.assert_array_equal(again[index], item.levels())


@pytest.mark.parametrize("damage", ["cut", "version", "nonsense"])
def test_a_damaged_file_is_made_anew(found, tmp_path, damage):
    kept = open_store(found, cache="disk", folder=tmp_path / "stores")
    _ = kept[0]
    path = file_of(kept)
    path.write_bytes({"cut": path.read_bytes()[:50], "version": b"\x09" + path.read_bytes()[1:], "nonsense": b"?" * 9999}[damage])
    again = open_store(found, cache="disk", folder=tmp_path / "stores")
    np.testing.assert_array_equal(again[0], found[0].levels())


@pytest.mark.parametrize("room_of", [lambda: arena.in_memory(6, 700), lambda: arena.Own(700)], ids=["shared", "own"])
def test_what_does_not_fit_is_not_kept(made, room_of):
    room = room_of()
    for index in range(6):
        room.put(index, made[index].levels())
    assert [room.get(index) is not None for index in range(6)] == [True, True, False, False, False, False]


def test_a_file_that_nobody_may_write_to_is_still_read(found, tmp_path, monkeypatch):
    kept = open_store(found, cache="disk", folder=tmp_path / "stores")
    kept.fill(range(len(found)))
    lock = Path(f"{file_of(kept)}.lock")
    lock.unlink()
    lock.mkdir()  # in the way, as a read-only disk is
    again = open_store(found, cache="disk", folder=tmp_path / "stores")
    monkeypatch.setattr("sfumato.data.reading.read.decode", lambda *_, **__: pytest.fail("it was decoded again"))
    assert [again[index].shape for index in range(len(found))] == [(120, 160, 3)] * 6


def test_where_no_file_can_be_made_pictures_are_decoded_again_and_it_is_said(found, tmp_path, capsys):
    (tmp_path / "stores").write_text("in the way")
    kept = open_store(found, cache="disk", folder=tmp_path / "stores")
    np.testing.assert_array_equal(kept[0], found[0].levels())
    assert "stores cannot be made" in capsys.readouterr().err


def test_a_files_table_is_written_and_no_hole(tmp_path):
    room = arena.in_file(tmp_path / "large.pictures", 5000, 1 << 20)
    assert isinstance(room, arena.Arena) and (tmp_path / "large.pictures").stat().st_blocks * 512 >= arena.head_bytes(5000)


def test_a_full_disk_only_costs_time(found, tmp_path, monkeypatch):
    kept = open_store(found, cache="disk", folder=tmp_path / "stores")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept._room, "write", full)
    np.testing.assert_array_equal(kept[0], found[0].levels())


def test_the_estimate_is_what_the_pictures_take(found):
    assert store.estimate(found) == 6 * 120 * 160 * 3


@pytest.mark.parametrize(("needed", "memory", "disk", "kind"), [(10, 100, 0, "ram"), (50, 100, 200, "disk"), (50, 100, 60, "none")])
def test_auto_takes_memory_then_disk_then_nothing(monkeypatch, tmp_path, needed, memory, disk, kind):
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: memory)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: type("Usage", (), {"free": disk}))
    assert store.choose(needed, tmp_path) == kind


def test_a_file_that_went_bad_is_named_when_it_is_read(found, tmp_path):
    kept = open_store(found, cache="ram", folder=tmp_path)
    found[0].path.write_bytes(b"")
    with pytest.raises(Refusal, match=f"{found[0].path.name} is empty"):
        _ = kept[0]
