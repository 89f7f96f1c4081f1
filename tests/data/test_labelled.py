"""Pictures and what they show: lists, labelers, and sentences where they do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data import labelling
from sfumato.data.items import Item, Items
from sfumato.data.labelled import Labelled, check_pair


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path_factory.mktemp("cache")))


def array(*labels: int, classes: tuple[str, ...] = ("cat", "dog", "owl")) -> Labelled:
    """Pictures of one level each: their number."""
    pixels = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
    return Labelled(pixels, np.array(labels, np.int64), classes)


def named(*names: str) -> Items:
    return Items(tuple(Item(name) for name in names))


def drawn(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (number, 40, 80)).save(path)
    return root


def test_a_subset_keeps_each_picture_with_its_label():
    found = array(0, 1, 2, 1).subset([3, 0])
    assert [(int(picture[0, 0, 0]), label) for picture, label in (found[0], found[1])] == [(3, 1), (0, 0)]


def test_a_slice_of_an_array_is_a_view():
    whole = array(0, 1, 2, 1)
    assert np.shares_memory(whole.subset(slice(1, 3)).pictures, whole.pictures)


def test_only_some_classes_are_numbered_anew_in_the_order_given():
    found = array(0, 1, 2, 1, -1).only(["owl", "dog"])
    assert (found.classes, found.labels.tolist(), found.pictures[:, 0, 0, 0].tolist()) == (("owl", "dog"), [1, 0, 1], [1, 2, 3])


def test_a_class_that_is_not_there_gets_the_nearest_name():
    with pytest.raises(Refusal, match="Did you mean 'dog'"):
        array(0).only(["dg"])


def test_counts_leave_out_what_nobody_knows():
    assert array(0, 1, 1, -1).counts().tolist() == [1, 2, 0]


def test_a_balanced_draw_has_as_many_of_each_and_follows_from_the_seed():
    whole = array(*[0, 1, 2] * 10)
    one, again, other = (whole.balanced(4, Seed(seed)).pictures[:, 0, 0, 0].tolist() for seed in (1, 1, 2))
    assert whole.balanced(4, Seed(1)).counts().tolist() == [4, 4, 4] and one == again != other and one == sorted(set(one))


def test_a_balanced_draw_is_refused_by_the_name_of_the_class_that_has_fewer():
    with pytest.raises(Refusal, match="2 pictures of each class were asked for, but 'owl' has 1"):
        array(0, 0, 1, 1, 2).balanced(2, Seed(1))


@pytest.mark.parametrize("kind", ["array", "files"])
def test_a_picture_stays_on_its_side_of_a_split_when_others_go(kind):
    if kind == "files":
        whole = Labelled(named(*(f"{number}.jpg" for number in range(200))), np.zeros(200, np.int64), ("cat",))
    else:
        whole = array(*[0] * 200)
    half = whole.subset(np.arange(0, 200, 2))

    def held(found: Labelled) -> set[str]:
        _, out = found.split(0.3)
        return {out.name(index) if kind == "files" else str(out.pictures[index, 0, 0, 0]) for index in range(len(out))}

    kept = {half.name(index) if kind == "files" else str(half.pictures[index, 0, 0, 0]) for index in range(100)}
    assert held(half) == held(whole) & kept and 30 < len(held(whole)) < 90


def test_both_sides_of_a_split_together_are_the_whole():
    train, held = array(*[0, 1] * 20).split(0.25)
    assert sorted([*train.pictures[:, 0, 0, 0], *held.pictures[:, 0, 0, 0]]) == list(range(40))


def test_lists_of_other_classes_are_not_put_together():
    with pytest.raises(Refusal, match="'owl' and 'elk'"):
        array(0).concatenate(array(0, classes=("cat", "dog", "elk")))


def test_lists_of_the_same_classes_are_put_together():
    assert array(0, 1).concatenate(array(2)).labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("labels", [np.array([3]), np.array([-2]), np.array([0, 1]), np.array([0], np.int32)])
def test_labels_that_fit_no_class_or_no_picture_are_refused(labels):
    with pytest.raises(Refusal, match="Labels"):
        Labelled(np.zeros((1, 2, 2, 3), np.uint8), labels, ("cat", "dog", "owl"))


def test_a_description_names_number_classes_sizes_and_balance():
    words = array(0, 0, 0, 1, -1).describe()
    assert words.splitlines()[:3] == [
        "5 pictures of 3 classes, 4 x 6, colour",
        "without a label: 1",
        "largest class: cat (3); smallest: owl (0)",
    ]


def test_a_description_of_equal_classes_says_so():
    assert array(0, 1, 2, 2, 1, 0).describe().splitlines()[1:] == ["each class has 2"]


def test_a_sheet_shows_as_many_pictures_as_were_asked_for():
    blank = Labelled(np.zeros((9, 200, 200, 1), np.uint8), np.zeros(9, np.int64), ("cat",))
    shown = blank.show(4, columns=2)
    assert (shown < 5).all(axis=2).sum() == 4 * 200 * 200  # black pictures on white paper; the ink of letters is grey


def test_a_class_seen_only_in_validation_is_named():
    with pytest.raises(Refusal, match="The class 'elk' is seen only in validation"):
        check_pair(array(0, 1, 2), array(0, classes=("cat", "dog", "owl", "elk")))


def test_a_class_without_a_picture_to_train_on_is_named():
    with pytest.raises(Refusal, match="The class 'owl' is without a picture to train on"):
        check_pair(array(0, 1), array(0, 2))


def test_classes_in_another_order_do_not_fit():
    with pytest.raises(Refusal, match="'cat' and 'dog' \\(both number 0\\)"):
        check_pair(array(0, 1, 2), array(0, classes=("dog", "cat", "owl")))


def test_a_pair_that_fits_is_let_through():
    check_pair(array(0, 1, 2), array(0, 1, -1))


def test_folders_name_classes_in_natural_order():
    found = labelling.by_parent(named("kind10/a.jpg", "kind2/b.jpg", "kind10/c.jpg"))
    assert (found.classes, found.labels.tolist()) == (("kind2", "kind10"), [1, 0, 1])


def test_the_folder_above_the_folder_names_the_class():
    assert labelling.by_grandparent(named("n01/images/a.jpg", "n02/images/b.jpg")).classes == ("n01", "n02")


def test_a_picture_in_no_folder_has_no_class():
    with pytest.raises(Refusal, match=r"'b\.jpg' lies in no folder"):
        labelling.by_parent(named("cat/a.jpg", "b.jpg"))


def test_a_pattern_takes_the_class_from_the_files_name():
    assert labelling.by_pattern(named("x/great_pyrenees_12.jpg", "y/pug_3.jpg"), r"(.+)_[0-9]+[.]jpg").classes == ("great_pyrenees", "pug")


def test_a_name_that_does_not_match_the_pattern_is_refused():
    with pytest.raises(Refusal, match=r"'pug\.jpg' does not match"):
        labelling.by_pattern(named("pug.jpg"), r"(.+)_[0-9]+[.]jpg")


def test_a_function_of_the_name_gives_the_class():
    assert labelling.by_name(named("a1.jpg", "b1.jpg", "a2.jpg"), lambda name: name[0]).labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize("called", ["cats/1.jpg", "cats/1", "1.jpg", "1"])
def test_a_table_may_call_pictures_by_whole_or_short_names(called, tmp_path):
    (tmp_path / "labels.csv").write_text(f"file,kind,more\n{called},cat,x\n2.jpg,dog,y\n")
    found = labelling.by_csv(named("cats/1.jpg", "2.jpg"), tmp_path / "labels.csv", name="file", label="kind")
    assert [found.classes[label] for label in found.labels] == ["cat", "dog"]


def test_a_column_that_is_not_there_gets_the_nearest_one(tmp_path):
    (tmp_path / "labels.csv").write_text("file,kind\n1.jpg,cat\n")
    with pytest.raises(Refusal, match="Did you mean 'kind'"):
        labelling.by_csv(named("1.jpg"), tmp_path / "labels.csv", name="file", label="kin")


def test_labels_that_match_no_picture_are_counted_and_refused(tmp_path):
    (tmp_path / "list.txt").write_text("1.jpg\tcat\n2.jpg\tdog\n3.jpg\tdog\n")
    with pytest.raises(Refusal, match=r"2 label\(s\) match no picture, in .*list.txt, such as '2.jpg'"):
        labelling.by_list(named("1.jpg"), tmp_path / "list.txt")


def test_pictures_without_a_label_are_counted_and_refused_or_dropped(tmp_path, capsys):
    (tmp_path / "list.txt").write_text("1.jpg\tcat\n")
    items = named("1.jpg", "2.jpg", "3.jpg")
    with pytest.raises(Refusal, match=r"2 picture\(s\) have no label in .*list.txt, such as '2.jpg'"):
        labelling.by_list(items, tmp_path / "list.txt")
    assert len(labelling.by_list(items, tmp_path / "list.txt", unmatched="drop")) == 1
    assert "2 picture(s) have no label" in capsys.readouterr().err


def test_a_list_that_says_two_things_of_one_picture_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("1.jpg\tcat\n1.jpg\tdog\n")
    with pytest.raises(Refusal, match="two things of '1.jpg': 'cat' and 'dog'"):
        labelling.by_list(named("1.jpg"), tmp_path / "list.txt")


def test_a_short_name_that_two_pictures_have_is_refused():
    with pytest.raises(Refusal, match="Several pictures are called '1.jpg'"):
        labelling.by_dict(named("a/1.jpg", "b/1.jpg"), {"1.jpg": "cat"})


def test_validation_with_a_class_that_training_has_not_is_refused():
    with pytest.raises(Refusal, match="'elk/1.jpg' is said to show it"):
        labelling.by_parent(named("elk/1.jpg"), ("cat", "dog"))


def test_a_class_whose_folder_holds_no_picture_is_named(tmp_path):
    drawn(tmp_path / "set", "cat/1.png", "dog/1.png")
    (tmp_path / "set" / "owl").mkdir()
    (tmp_path / "set" / "owl" / "notes.txt").write_text("none yet")
    with pytest.raises(Refusal, match="The class 'owl' is empty"):
        labelling.of_classes(tmp_path / "set")


def test_pictures_beside_the_class_folders_are_refused(tmp_path):
    with pytest.raises(Refusal, match="1 picture.s. lie in"):
        labelling.of_classes(drawn(tmp_path / "set", "cat/1.png", "stray.png"))


def test_classes_of_one_name_are_told_apart_by_their_ids():
    assert labelling.distinct(["crane", "cat", "crane"], ["n1", "n2", "n3"]) == ("crane (n1)", "cat", "crane (n3)")
