"""Which pictures are held out."""

from pathlib import Path

import pytest

from sfumato.core.errors import Refusal
from sfumato.data import split
from sfumato.data.items import Item, Items


def series(*names: str) -> Items:
    return Items(tuple(Item(name, Path("/somewhere") / name) for name in names))


MANY = series(*(f"{folder}/{number}.jpg" for folder in "abc" for number in range(400)))


def names(items: Items) -> list[str]:
    return [item.name for item in items]


def test_the_share_held_out_by_hash_is_the_one_asked_for():
    held = len(split.by_hash(MANY, 0.2)[1])
    deviation = (1200 * 0.2 * 0.8) ** 0.5
    assert abs(held - 240) < 4 * deviation


def test_both_sides_together_are_all_and_keep_their_order():
    train, held = split.by_hash(MANY, 0.3)
    assert sorted([*names(train), *names(held)]) == sorted(names(MANY))
    assert names(train) == [name for name in names(MANY) if name in set(names(train))]


def test_a_picture_stays_on_its_side_when_others_come():
    before, after = split.by_hash(MANY[:500], 0.2)[1], split.by_hash(MANY, 0.2)[1]
    assert names(before) == [name for name in names(after) if name in set(names(MANY[:500]))]


def test_a_larger_share_holds_out_the_same_pictures_and_more():
    assert set(names(split.by_hash(MANY, 0.1)[1])) < set(names(split.by_hash(MANY, 0.2)[1]))


def test_the_place_of_a_name_is_that_of_its_sha256():
    assert split.place("abc") == 0xBA7816BF8F01CFEA / 2**64  # FIPS 180-2, appendix B.1


@pytest.mark.parametrize("valid", [0.001, 0.999])
def test_of_two_pictures_one_is_held_out_whatever_the_share(valid):
    assert [len(side) for side in split.by_hash(series("a.jpg", "b.jpg"), valid)] == [1, 1]


def test_a_single_picture_is_trained_on_rather_than_held_out():
    assert [len(side) for side in split.by_hash(series("a.jpg"), 0.1)] == [1, 0]


def test_a_share_of_nothing_holds_out_nothing():
    assert len(split.by_hash(MANY, 0)[1]) == 0


def test_a_folder_of_that_name_is_held_out_at_any_depth():
    train, held = split.by_folder(series("train/a.jpg", "x/valid/b.jpg", "valid/c.jpg", "valid.jpg"))
    assert (names(train), names(held)) == (["train/a.jpg", "valid.jpg"], ["x/valid/b.jpg", "valid/c.jpg"])


def test_a_folder_that_is_missing_is_refused():
    with pytest.raises(Refusal, match="'test'"):
        split.by_folder(series("a.jpg"), "test")


def test_a_list_names_what_is_held_out():
    train, held = split.by_list(series("a.jpg", "x/b.jpg", "c.jpg"), ["./x/b.jpg", "c.jpg"])
    assert (names(train), names(held)) == (["a.jpg"], ["x/b.jpg", "c.jpg"])


def test_a_name_of_the_list_that_is_not_there_is_refused():
    with pytest.raises(Refusal, match="1 name.*'d.jpg'"):
        split.by_list(series("a.jpg", "b.jpg"), ["a.jpg", "d.jpg"])


def test_none_holds_out_nothing():
    assert [len(side) for side in split.none(MANY)] == [1200, 0]
