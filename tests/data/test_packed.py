"""Pictures decoded once into one array, and its statistics."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data import array_file, labelling, packed
from sfumato.data.items import Items, from_folder
from sfumato.data.labelled import Labelled
from sfumato.data.packed import pack, statistics
from sfumato.data.shrink import read_square, square


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def found(photograph_folder: Path) -> Labelled:
    return labelling.by_parent(from_folder(photograph_folder))


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfumato.data.reading.read.decode", lambda *_, **__: pytest.fail("it was decoded"))


def test_packed_pictures_are_the_decoded_ones(found):
    array, left_out = pack(found, side=None, channels=3)
    for index, item in enumerate(found.pictures):
        np.testing.assert_array_equal(array.pictures[index], item.levels())
    assert (array.labels.tolist(), array.classes, left_out) == (found.labels.tolist(), found.classes, [])


def test_a_second_opening_decodes_nothing(found, monkeypatch):
    first, _ = pack(found, side=32, channels=3)
    no_decoding(monkeypatch)
    again, _ = pack(found, side=32, channels=3)
    assert isinstance(again.pictures, np.memmap) and not again.pictures.flags.writeable
    np.testing.assert_array_equal(again.pictures, first.pictures)


def test_a_changed_picture_is_decoded_again_and_the_stale_file_removed(found, tmp_path):
    pack(found, side=32, channels=3, cache=tmp_path / "cache")
    Image.new("RGB", (160, 120), (7, 7, 7)).save(found.pictures[1].path)
    again, _ = pack(found, side=32, channels=3, cache=tmp_path / "cache")
    assert again.pictures[1].max() <= 8 and len(list((tmp_path / "cache" / "packed").glob("*.array"))) == 1


def test_other_sizes_and_channels_are_kept_beside_each_other(found, tmp_path):
    shapes = {pack(found, side=side, channels=channels, cache=tmp_path)[0].pictures.shape for side in (16, 32) for channels in (1, 3)}
    assert shapes == {(6, side, side, channels) for side in (16, 32) for channels in (1, 3)}
    assert len(list((tmp_path / "packed").glob("*.array"))) == 4


def test_damaged_pictures_are_named_and_left_out_each_time(found):
    victim = found.pictures[2]
    victim.path.write_bytes(victim.path.read_bytes()[:300])
    for _ in range(2):
        array, left_out = pack(found, side=32, channels=3)
        assert left_out == [victim.name]
        np.testing.assert_array_equal(array.pictures[2], read_square(found.pictures[3].path, 32))
        assert array.labels.tolist() == np.delete(found.labels, 2).tolist()


def test_a_class_of_which_nothing_can_be_read_is_named(found):
    for item in found.pictures:
        if item.name.startswith("left"):
            item.path.write_bytes(b"no picture")
    with pytest.raises(Refusal, match="The class 'left' is empty: none of its 3 pictures can be read"):
        pack(found, side=32, channels=3)


def test_unlike_sizes_without_a_side_are_refused_with_both_and_what_to_set(found):
    Image.new("RGB", (50, 40)).save(found.pictures[4].path)
    with pytest.raises(Refusal, match=r"120 x 160 px.*40 x 50 px\. Set data\.side"):
        pack(found, side=None, channels=3)


def test_nothing_is_left_behind_by_a_refusal(found, tmp_path):
    Image.new("RGB", (50, 40)).save(found.pictures[4].path)
    with pytest.raises(Refusal):
        pack(found, side=None, channels=3, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.array*")) in ([], list((tmp_path / "cache").rglob("*.lock")))


@pytest.mark.parametrize("damage", ["cut", "head", "nonsense"])
def test_a_damaged_file_is_made_anew(found, tmp_path, damage):
    first, _ = pack(found, side=16, channels=3, cache=tmp_path)
    expected = first.pictures.copy()
    [path] = (tmp_path / "packed").glob("*.array")
    data = path.read_bytes()
    path.unlink()
    path.write_bytes({"cut": data[:-40], "head": data[:5] + b"?" + data[6:], "nonsense": b"?" * 9999}[damage])
    again, _ = pack(found, side=16, channels=3, cache=tmp_path)
    np.testing.assert_array_equal(again.pictures, expected)


def test_where_no_file_can_be_made_pictures_are_kept_in_memory_and_it_is_said(found, tmp_path, capsys):
    (tmp_path / "packed").write_text("in the way")
    array, _ = pack(found, side=16, channels=3, cache=tmp_path)
    assert array.pictures.shape == (6, 16, 16, 3) and "not kept on the disk" in capsys.readouterr().err


def test_a_full_disk_only_costs_memory(found, tmp_path, sizes_limited, capsys):
    sizes_limited(5000)
    array, _ = pack(found, side=32, channels=3, cache=tmp_path)
    assert array.pictures.shape == (6, 32, 32, 3) and "not kept on the disk" in capsys.readouterr().err


def test_an_array_of_the_right_size_stays_as_it_is():
    ready = Labelled(np.zeros((3, 8, 8, 1), np.uint8), np.zeros(3, np.int64), ("cat",))
    assert pack(ready, side=8, channels=1)[0].pictures is ready.pictures


def test_an_array_is_brought_to_size_and_channels():
    grey = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 12, 1), np.uint8)
    array, _ = pack(Labelled(grey, np.zeros(3, np.int64), ("cat",)), side=4, channels=3)
    assert array.pictures.shape == (3, 4, 4, 3) and array.pictures[:, 1, 1, 2].tolist() == [0, 1, 2]


def test_more_pictures_than_are_decoded_at_once_keep_their_order(found, monkeypatch):
    monkeypatch.setattr(packed, "CHUNK", 4)
    array, _ = pack(found, side=None, channels=3)
    for index, item in enumerate(found.pictures):
        np.testing.assert_array_equal(array.pictures[index], item.levels())


def test_large_pictures_are_decoded_few_at_a_time(found, monkeypatch):
    monkeypatch.setattr(packed, "ROOM", 3 * 120 * 160 * 3)
    chunks = []
    stack = np.stack
    monkeypatch.setattr(packed.np, "stack", lambda pictures: chunks.append(len(pictures)) or stack(pictures))
    monkeypatch.setattr(packed, "cores", lambda: 2)
    pack(found, side=None, channels=3)
    assert chunks == [3, 3]


def test_no_array_of_nothing_is_kept(tmp_path):
    with pytest.raises(Refusal, match="no picture"):
        pack(Labelled(Items(()), np.zeros(0, np.int64), ("cat",)), side=8, channels=3, cache=tmp_path)


def test_notes_are_kept_with_an_array(tmp_path):
    def make(notes):
        yield np.ones((2, 3, 4, 1), np.uint8)
        notes["said"] = [1, 2]

    for _ in range(2):
        pixels, notes = array_file.keep(tmp_path / "a.array", "state", make)
        assert pixels.shape == (2, 3, 4, 1) and notes == {"said": [1, 2]}
        make = None


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_numpy_in_double_precision(rng, channels):
    array = rng.integers(0, 256, (50, 9, 7, channels), dtype=np.uint8)
    mean, spread = statistics(array)
    unit = array.reshape(-1, channels) / 255
    np.testing.assert_allclose(mean, unit.mean(0), rtol=1e-12)
    np.testing.assert_allclose(spread, unit.std(0), rtol=1e-12)


def test_statistics_counted_piece_by_piece_are_those_of_the_whole(rng, monkeypatch):
    monkeypatch.setattr(packed, "COUNTED", 200)  # three pictures at once
    array = rng.integers(0, 256, (50, 9, 7, 3), dtype=np.uint8)
    mean, spread = statistics(array)
    np.testing.assert_allclose(mean, (array / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(spread, (array / 255).std((0, 1, 2)), rtol=1e-12)


def test_what_is_one_colour_has_no_spread():
    mean, spread = statistics(np.full((4, 300, 300, 1), 51, np.uint8))
    assert (mean[0], spread[0]) == (pytest.approx(0.2, abs=1e-15), 0)


def test_the_middle_square_is_cut_out():
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, 30:70] = 200
    assert (square(picture, 40) == 200).all()


def test_shrinking_does_not_alias():
    rows = np.zeros((256, 256, 1), np.uint8)
    rows[::2] = 254  # the finest stripes there are: their mean is 127
    assert np.abs(square(rows, 64)[2:-2].astype(int) - 127).max() <= 1


def test_a_picture_that_fits_is_not_touched(portrait):
    assert square(portrait, 128) is portrait


def photograph(path: Path, width: int, height: int) -> Path:
    """Smooth and textured, without what a JPEG itself would spoil."""
    y, x = np.mgrid[:height, :width] / 40
    planes = [128 + 60 * np.sin(x + phase) * np.cos(y * 0.7) + 30 * np.sin(3 * x + 2 * y) for phase in (0, 1, 2)]
    Image.fromarray(np.stack(planes, -1).clip(0, 255).astype(np.uint8)).save(path, quality=95)
    return path


@pytest.mark.parametrize(("width", "height"), [(1200, 900), (901, 1203), (640, 640)])
def test_a_large_jpeg_decoded_coarsely_is_what_pillow_makes_of_the_whole(tmp_path, width, height):
    path = photograph(tmp_path / "large.jpg", width, height)
    with Image.open(path) as whole:
        short = min(width, height)
        box = ((width - short) / 2, (height - short) / 2, (width + short) / 2, (height + short) / 2)
        expected = np.asarray(whole.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC, box=box)).astype(int)
    difference = np.abs(read_square(path, 64).astype(int) - expected)
    assert difference.mean() < 0.8 and np.quantile(difference, 0.99) <= 4  # levels: two ways of resampling


def test_a_large_jpeg_lying_on_its_side_is_turned(tmp_path):
    path = tmp_path / "turned.jpg"
    picture = np.zeros((600, 600, 3), np.uint8)
    picture[:300] = 250  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: bright at the right
    Image.fromarray(picture).save(path, exif=exif)
    found = read_square(path, 32)
    assert found[:, :14].max() < 10 and found[:, 18:].min() > 240


def test_a_large_jpeg_is_not_decoded_whole(tmp_path, monkeypatch):
    from sfumato.data.reading import read

    seen = []
    decode = read.cv2.imdecode
    monkeypatch.setattr(read.cv2, "imdecode", lambda *words: seen.append(decode(*words).shape) or decode(*words))
    read_square(photograph(tmp_path / "large.jpg", 1200, 900), 64)
    assert seen == [(225, 300, 3)]
