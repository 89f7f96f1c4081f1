"""Masks: numbers, palettes and colours become labels by a legend; what does not fit is refused by name."""

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import VOID
from sfumato.data import masks
from sfumato.data.items import from_folder
from sfumato.data.masks import Kind, Legend
from sfumato.tasks.parts import mapped

LEGEND = "0\tsky\t128,128,128\n4\troad\t128,64,128\n9\tunlabelled\t0,0,0\n"
VALUES = np.array([[0, 4, 9], [4, 4, 0]], np.uint8)
LABELS = [[0, 1, VOID], [1, 1, 0]]


@pytest.fixture
def legend(tmp_path):
    (tmp_path / "classes.txt").write_text(LEGEND)
    return masks.legend(tmp_path / "classes.txt", void=("unlabelled",))


def test_a_legend_of_a_windows_editor_is_read_and_void_is_known_in_any_case(tmp_path):
    (tmp_path / "classes.txt").write_text(LEGEND.replace("unlabelled", "Unlabelled"), encoding="utf-8-sig")
    found = masks.legend(tmp_path / "classes.txt", void=("unlabelled",))
    assert found.names == ("sky", "road") and [kind.number for kind in found.void] == [9]


def test_a_legend_numbers_its_classes_in_its_order(legend):
    assert legend.names == ("sky", "road") and [kind.name for kind in legend.void] == ["unlabelled"]
    assert legend.classes[1] == Kind(4, "road", (128, 64, 128))


def save(path, kind):
    colours = {0: (128, 128, 128), 4: (128, 64, 128), 9: (0, 0, 0)}
    if kind == "grey":
        Image.fromarray(VALUES).save(path)
    elif kind == "palette":
        picture = Image.fromarray(VALUES).convert("P")
        picture.putdata(VALUES.ravel().tolist())
        picture.putpalette([255 - (value // 3) % 256 for value in range(768)])  # colours say nothing: the numbers do
        picture.save(path)
    elif kind == "sixteen":
        Image.fromarray(VALUES.astype(np.uint16)).save(path)
    else:
        Image.fromarray(np.array([[colours[value] for value in row] for row in VALUES.tolist()], np.uint8)).save(path)


@pytest.mark.parametrize("kind", ["grey", "palette", "sixteen", "colours"])
def test_every_way_to_store_a_mask_gives_the_same_labels(kind, legend, tmp_path):
    save(tmp_path / "mask.png", kind)
    found = masks.read_mask(tmp_path / "mask.png", legend)
    assert found.dtype == np.uint8 and found.tolist() == LABELS


def test_colours_that_a_program_put_into_a_palette_in_its_own_order_are_meant(legend, tmp_path):
    save(tmp_path / "colours.png", "colours")
    picture = Image.fromarray(np.array([[1, 0, 2], [0, 0, 1]], np.uint8)).convert("P")
    picture.putpalette([128, 64, 128, 128, 128, 128, 0, 0, 0])
    picture.putdata([1, 0, 2, 0, 0, 1])
    picture.save(tmp_path / "mask.png")
    assert np.array_equal(Image.open(tmp_path / "mask.png").convert("RGB"), Image.open(tmp_path / "colours.png"))
    assert masks.read_mask(tmp_path / "mask.png", legend).tolist() == LABELS


def test_where_a_palette_begins_with_black_numbers_are_meant_though_what_is_no_class_is_black(legend, tmp_path):
    picture = Image.fromarray(np.zeros((2, 3), np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0])
    picture.putdata([0] * 6)
    picture.save(tmp_path / "mask.png")
    assert masks.read_mask(tmp_path / "mask.png", legend).tolist() == [[0, 0, 0]] * 2


def test_a_jpeg_is_no_mask(legend, tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "mask.jpg")
    with pytest.raises(Refusal, match=r"mask\.jpg is a JPEG.*PNG or TIFF"):
        masks.read_mask(tmp_path / "mask.jpg", legend)


def test_a_large_mask_of_few_regions_is_no_bomb(legend, tmp_path):
    values = np.zeros((4000, 6000), np.uint8)
    values[1000:2000, 1500:4000] = 4
    Image.fromarray(values).save(tmp_path / "mask.png")
    assert (tmp_path / "mask.png").stat().st_size < values.size / 200
    assert np.bincount(masks.read_mask(tmp_path / "mask.png", legend).ravel()).tolist() == [21_500_000, 2_500_000]


def test_what_is_no_class_may_look_alike_and_classes_may_not(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("0\tsky\t1,2,3\n1\tego\t0,0,0\n2\tborder\t0,0,0\n")
    assert len(masks.legend(path, void=("ego", "border")).void) == 2
    with pytest.raises(Refusal, match=r"colour \(0, 0, 0\) twice"):
        masks.legend(path, void=("ego",))


def test_a_bitmap_holds_nothing_and_one(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "mask.png")
    assert masks.read_mask(tmp_path / "mask.png", Legend((Kind(0, "ground"), Kind(1, "figure")))).tolist() == [[1, 0]]


@pytest.mark.parametrize(("kind", "said"), [("grey", "the value 9 "), ("colours", r"the value \[0, 0, 0\]")])
def test_a_value_that_the_legend_does_not_know_is_named(kind, said, tmp_path):
    save(tmp_path / "mask.png", kind)
    known = Legend((Kind(0, "sky", (128, 128, 128)), Kind(4, "road", (128, 64, 128))))
    with pytest.raises(Refusal, match=f"{said}.*1 pixels"):
        masks.read_mask(tmp_path / "mask.png", known)


def test_a_mask_in_colours_needs_a_legend_with_colours(tmp_path):
    save(tmp_path / "mask.png", "colours")
    with pytest.raises(Refusal, match="third column"):
        masks.read_mask(tmp_path / "mask.png", Legend((Kind(0, "sky"),)))


@pytest.mark.parametrize(
    ("text", "said"), [("sky\t0", "number, name"), ("0\tsky\n0\troad", "number 0 twice"), ("0\tsky\t1,2", "number, name"), ("", "0")]
)
def test_a_legend_that_is_none_is_refused(text, said, tmp_path):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(Refusal, match=said):
        masks.legend(tmp_path / "classes.txt")


def scenes(folder, names=("a", "b", "c"), size=(6, 4)):
    for name in names:
        for kind, sub in (("RGB", "pictures"), ("L", "masks")):
            path = folder / sub / f"{name}.{'jpg' if kind == 'RGB' else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new(kind, size).save(path)
    return from_folder(folder / "pictures"), from_folder(folder / "masks")


def test_pictures_find_their_masks_by_name(tmp_path, legend):
    found = masks.from_folders(*scenes(tmp_path), legend)
    assert [item.name for item in found.maps] == ["a.png", "b.png", "c.png"] and (found.map(0) == 0).all()


def test_a_picture_without_a_mask_is_named(tmp_path, legend):
    pictures, found = scenes(tmp_path)
    with pytest.raises(Refusal, match=r"1 of 3 pictures.*'b.jpg'"):
        masks.from_folders(pictures, found.filter(lambda item: item.name != "b.png"), legend)


def test_a_mask_of_another_size_is_named(tmp_path, legend):
    found = masks.from_folders(*scenes(tmp_path), legend)
    Image.new("L", (4, 6)).save(tmp_path / "masks" / "b.png")
    with pytest.raises(Refusal, match="b.jpg is 6 x 4 px, but its mask is 4 x 6"):
        list(mapped.scenes(found))


def test_both_sides_of_a_split_have_somebody_and_stay_when_others_come(tmp_path, legend):
    few = masks.from_folders(*scenes(tmp_path), legend)
    train, held = few.split(0.3)
    assert {len(train), len(held)} <= {1, 2} and len(train) + len(held) == 3
    more = masks.from_folders(*scenes(tmp_path, ("a", "b", "c", "d", "e", "f", "g", "h")), legend)
    assert len(more.split(0.3)[1]) >= 1
