"""Pictures grown sideways by a model that fills borders."""

import json
from dataclasses import replace

import numpy as np
import pytest
from skimage import data as photographs

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.tasks import restore
from sfumato.tasks.parts import panorama, restorer
from sfumato.tasks.restore_recipe import Restore
from sfumato.use.photograph import Photograph


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """One that has learnt for a moment to fill borders of up to 16 px."""
    run = tmp_path_factory.mktemp("runs") / "border"
    small = ["data.crop=64", "train.tune=false", "train.batch=4", "train.steps=60", "previews.count=0", "network.widths=[8,16,16]"]
    small += ["network.blocks=[1,1,1]", "network.blocks_up=[1,1]", "spoil.chain=" + json.dumps("border 8..16")]
    restore.train(recipes.read(Restore, {}, small), run)
    return restorer.load(run / "last.safetensors", device="cpu")


@pytest.mark.parametrize("times", [3, -2])
def test_strips_are_set_beside_a_picture_that_stays(model, times):
    picture = np.ascontiguousarray(photographs.rocket()[100:196, 200:320])
    grown = panorama.Panorama(model, times)(Photograph(pixels=picture)).pixels
    strip = 12 * abs(times)
    assert grown.shape == (96, 120 + strip, 3)
    kept, new = (grown[:, :120], grown[:, 120:]) if times > 0 else (grown[:, strip:], grown[:, :strip])
    assert np.array_equal(kept, picture)
    first = new[:, :12] if times > 0 else new[:, -12:]
    blank = np.full((96, 12, 3), 255, np.uint8)
    seen = np.concatenate([picture, blank] if times > 0 else [blank, picture], axis=1)  # as in training: white where nothing is
    repaired = model.restore(seen)
    assert np.array_equal(first, repaired[:, -12:] if times > 0 else repaired[:, :12]) and (first != 255).any()


def test_a_model_that_has_not_learnt_to_fill_borders_is_refused():
    with pytest.raises(Refusal, match="no step 'border'"):
        panorama.learnt({"spoil": {"chain": "noise 5"}})


def test_a_picture_with_transparency_is_refused(model):
    flat = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(Refusal, match="transparency"):
        panorama.Panorama(model, 1)(Photograph(pixels=flat, alpha=flat[..., 0]))


def test_sixteen_bits_and_a_transparency_that_hides_nothing_stay(model):
    picture = np.ascontiguousarray(photographs.rocket()[100:164, 200:264]).astype(np.uint16) * 257
    grown = panorama.Panorama(model, 1)(Photograph(pixels=picture, alpha=np.full((64, 64), 65535, np.uint16)))
    assert grown.pixels.dtype == np.uint16 and np.array_equal(grown.pixels[:, :64], picture)
    assert grown.alpha.shape == grown.pixels.shape[:2] and (grown.alpha == 65535).all()


def test_what_a_strip_cannot_be_made_with_is_refused(model):
    for changes in ({"enlarge": 2}, {"strength": 0.5}, {"keep_colour": True}):
        with pytest.raises(Refusal, match="leave --enlarge, --strength and --keep-colour out"):
            panorama.Panorama(replace(model, **changes), 1)
    one_sided = replace(model, header=replace(model.header, recipe={"spoil": {"chain": "border 8..16 side=left"}}))
    with pytest.raises(Refusal, match="grow a picture to the right, only to: left"):
        panorama.Panorama(one_sided, 1)
    panorama.Panorama(one_sided, -1)
