"""Lists of pictures that can be indexed, filtered, split and shown at every step."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data import items
from sfumato.data.items import Item, Items, twins


@dataclass(frozen=True)
class Plain:
    """Makes a grey picture."""

    level: int

    def __call__(self):
        return np.full((6, 9, 1), self.level, np.uint8)


@pytest.fixture
def found(photograph_folder, monkeypatch, tmp_path) -> Items:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "cache"))
    return items.from_folder(photograph_folder)


def test_names_are_relative_with_forward_slashes(found):
    assert found[0].name == "left/astronaut2.jpg"


def test_an_index_gives_an_item_and_a_slice_gives_items(found):
    assert isinstance(found[1], Item) and isinstance(found[1:3], Items)
    assert [item.name for item in found[1:3]] == [found[1].name, found[2].name]


def test_filter_keeps_the_order(found):
    kept = found.filter(lambda item: item.name.endswith("png"))
    assert [item.name for item in kept] == [f"right/{name}.png" for name in ("astronaut2", "coffee0", "rocket1")]


def test_split_gives_the_rest_and_what_is_held_out(found):
    rest, held = found.split(lambda item: "rocket" in item.name)
    assert {item.name for item in held} == {"left/rocket1.jpg", "right/rocket1.png"} and len(rest) == 4


def test_concatenating_keeps_both(found):
    assert found[:2].concatenate(found[2:]) == found


def test_levels_are_the_files_pixels(found):
    item = next(item for item in found if item.name == "right/coffee0.png")
    np.testing.assert_array_equal(item.levels(), np.asarray(Image.open(item.path)))


def test_the_size_comes_without_decoding(found, monkeypatch):
    monkeypatch.setattr("sfumato.data.reading.read.decode", lambda *_, **__: pytest.fail("it was decoded"))
    assert found[0].size() == (120, 160)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_item_may_be_made_instead_of_read(channels):
    item = Item("grey", make=Plain(70))
    assert item.levels(channels).shape == (6, 9, channels) and item.size() == (6, 9) and (item.levels(channels) == 70).all()


def test_no_two_pictures_share_a_twin(tmp_path):
    pictures = Items(tuple(Item("001.jpg", tmp_path / folder / "001.jpg") for folder in "ab"))
    with pytest.raises(Refusal, match=r"Two pictures would share the mask of the name '001': .*a.001.jpg and .*b.001.jpg"):
        twins(pictures, Items((Item("001.png", tmp_path / "001.png"),)), one="picture", other="mask")
    twice, mask = pictures[:1].concatenate(pictures[:1]), Items((Item("001.png", tmp_path / "001.png"),))
    assert twins(twice, mask, one="picture", other="mask") == [mask[0], mask[0]]


def test_files_that_belong_to_no_picture_are_counted(tmp_path, capsys):
    one, two = (Items(tuple(Item(name, tmp_path / name) for name in names)) for names in (("1.png",), ("1.jpg", "2.jpg", "3.jpg")))
    assert twins(one, two, one="picture", other="mask") == [two[0]]
    assert "2 of 3 masks have no picture of the same name" in " ".join(capsys.readouterr().err.split())


def test_an_item_of_nothing_is_refused():
    with pytest.raises(Refusal, match="'empty'"):
        Item("empty").levels()


def test_items_travel_to_other_processes(found):
    whole = found.concatenate(Items((Item("grey", make=Plain(3)),)))
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_a_sheet_shows_the_first_few(found):
    sheet = found.show(count=4, columns=2)
    assert sheet.shape[0] > 2 * 120 and sheet.shape[1] > 2 * 160
