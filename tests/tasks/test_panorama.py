"""Pictures grown sideways by a model that fills borders."""

import json
from dataclasses import replace

import numpy as np
import pytest
from skimage import data as photographs

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.tasks import catalogue
from sfumato.tasks.parts import panorama, restorer
from sfumato.tasks.restore_recipe import Restore
from sfumato.use.photograph import Photograph


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """One that has learnt for a moment to fill borders of up to 16 px."""
    run = tmp_path_factory.mktemp("runs") / "border"
    small = ["data.crop=64", "train.tune=false", "train.batch=4", "train.steps=60", "previews.count=0", "network.widths=[8,16,16]"]
    small += ["network.blocks=[1,1,1]", "network.blocks_up=[1,1]", "spoil.chain=" + json.dumps("border 8..16")]
    catalogue.train(recipes.read(Restore, {}, small), run)
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
    wanted = repaired[:, -12:] if times > 0 else repaired[:, :12]
    assert np.abs(first.astype(int) - wanted).max() <= 1 and (first != 255).any()


@pytest.mark.parametrize(("times", "again"), [(1, 1), (-1, 1), (1, 2)])
def test_what_decides_nothing_over_a_strip_is_not_looked_at(model, times, again, monkeypatch):
    """A strip is the same but for rounding, which each repair does, as if two heights of the picture were."""
    widths, repaired = [], restorer.Restorer.restore
    monkeypatch.setattr(restorer.Restorer, "restore", lambda self, photo: (widths.append(photo.pixels.shape[1]), repaired(self, photo))[1])
    picture = np.ascontiguousarray(photographs.rocket()[100:260, 100:461])
    grower = panorama.Panorama(replace(model, times=again), times)
    narrow = grower.grown(picture)
    monkeypatch.setattr(panorama.Panorama, "_first", lambda self, height, width: max(0, width - panorama.SEEN * height))
    wide = grower.grown(picture)
    assert np.abs(narrow.astype(int) - wide).max() <= again
    assert widths[1] == 2 * 160 + 12 and widths[0] < again * model.contract.reach + 8 + 12 < widths[1]


def test_a_model_that_has_not_learnt_to_fill_borders_is_refused():
    with pytest.raises(Refusal, match="no step 'border'"):
        panorama.learnt({"spoil": {"chain": "noise 5"}})
    with pytest.raises(Refusal, match="learnt from real pairs, and says nothing of growing a border. Name one"):
        panorama.learnt({"spoil": {"chain": "border 8..16"}, "data": {"inputs": "scans"}})


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
    coloured = replace(model.header, contract=replace(model.contract, colours=True))
    with pytest.raises(Refusal, match="gives colour to grey pictures, and would to the strips alone"):
        panorama.Panorama(replace(model, header=coloured), 1)
    one_sided = replace(model, header=replace(model.header, recipe={"spoil": {"chain": "border 8..16 side=left"}}))
    with pytest.raises(Refusal, match="grow a picture to the right, only to: left"):
        panorama.Panorama(one_sided, 1)
    panorama.Panorama(one_sided, -1)
