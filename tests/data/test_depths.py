"""Depth maps from files, to metres and back, and those of made scenes."""

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data import depths
from sfumato.data.items import from_folder
from sfumato.data.leaves import dead_leaves
from sfumato.tasks.parts import mapped


@pytest.fixture
def steps(rng):
    return rng.integers(0, 65536, (9, 13)).astype(np.uint16)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_come_through_files_and_stores_as_they_are(steps, tmp_path, suffix):
    Image.fromarray(steps).save(tmp_path / f"a.{suffix}")
    found = depths.read_depth(tmp_path / f"a.{suffix}")
    assert found.dtype == np.uint16 and (found == steps).all()
    metres = depths.to_metres(depths.in_bytes(found), 0.001)
    assert metres.dtype == np.float32 and np.abs(metres - steps / 1000).max() < 1e-5
    assert (depths.to_steps(metres, 0.001)[steps > 0] == steps[steps > 0]).all()


def test_what_is_written_is_never_unknown_and_never_turns_over():
    metres = np.array([[0.0001, 5.0, 70.0]], np.float32)
    assert depths.to_steps(metres, 0.001).tolist() == [[1, 5000, 65535]]


def test_eight_bits_are_numbers_too_and_colours_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "grey.png")
    assert (depths.read_depth(tmp_path / "grey.png") == 7).all()
    colours = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    for name, picture in (("colours.png", colours), ("palette.png", colours.quantize(4)), ("floats.tif", Image.new("F", (4, 4)))):
        picture.save(tmp_path / name)
        with pytest.raises(Refusal, match=f"{name} is no grey picture of 8 or 16 bits"):
            depths.read_depth(tmp_path / name)


def test_pictures_find_their_maps_by_name(tmp_path, steps):
    for folder, name in (("pictures", "a.jpg"), ("maps", "a.png")):
        (tmp_path / folder).mkdir()
        pixels = np.zeros((9, 13, 3), np.uint8) if folder == "pictures" else steps
        Image.fromarray(pixels).save(tmp_path / folder / name)
    found = depths.from_folders(from_folder(tmp_path / "pictures"), from_folder(tmp_path / "maps"), 0.01)
    assert len(found) == 1 and np.abs(found.map(0) - steps / 100).max() < 1e-3
    Image.fromarray(steps[:5]).save(tmp_path / "maps" / "a.png")
    with pytest.raises(Refusal, match="a.jpg is 13 x 9 px, but its depth map is 13 x 5 px"):
        next(mapped.scenes(found))
    (tmp_path / "maps" / "a.png").rename(tmp_path / "maps" / "b.png")
    with pytest.raises(Refusal, match="have no depth map of the same name"):
        depths.from_folders(from_folder(tmp_path / "pictures"), from_folder(tmp_path / "maps"), 0.01)


def test_made_scenes_know_their_depth_and_are_made_once(monkeypatch):
    plain, made = dead_leaves.generate, []
    monkeypatch.setattr(dead_leaves, "generate", lambda *given: made.append(given) or plain(*given))
    found = depths.leaves(dead_leaves.items(3, 32, seed=77))
    for number in range(3):
        picture, metres = found.pictures[number].levels(), found.map(number)
        assert picture.shape[:2] == metres.shape and metres.min() >= 0.999 * depths.NEAREST and metres.max() <= 1.001 * depths.FARTHEST
    assert len(made) == 3 and len(np.unique(metres)) > 3
