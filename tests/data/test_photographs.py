"""The photographs that come with scikit-image."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from sfumato.core.errors import Refusal
from sfumato.data import photographs


@pytest.mark.parametrize("name", photographs.TRAIN + photographs.HELD_OUT)
def test_a_photograph_is_large_enough_to_be_cut_and_has_one_or_three_channels(name: str):
    picture = photographs.Photograph(name)()
    assert picture.dtype == np.uint8 and min(picture.shape[:2]) >= 300 and picture.shape[2] in (1, 3)


def test_no_photograph_needs_a_download(monkeypatch: pytest.MonkeyPatch):
    shipped = {path.stem for path in Path(skimage.data.__file__).parent.iterdir()}
    assert {*photographs.TRAIN, *photographs.HELD_OUT} <= shipped


def test_held_out_photographs_are_not_trained_on_under_any_name():
    held = [item.levels() for item in photographs.held_out()]
    assert not any(item.levels().shape == other.shape and (item.levels() == other).all() for item in photographs.items() for other in held)


def test_a_photograph_is_read_in_colour_where_colour_is_asked_for():
    camera = next(item for item in photographs.items() if item.name == "camera")
    assert camera.levels(3).shape == (512, 512, 3)


def test_items_of_photographs_travel_to_other_processes_as_names():
    assert len(pickle.dumps(photographs.items())) < 2000


def test_without_scikit_image_the_refusal_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(Refusal, match="pip install"):
        photographs.Photograph("coffee")()
