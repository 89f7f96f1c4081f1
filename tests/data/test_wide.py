"""Profiles in floats: against the book, back without a trace, and none that is odd falls over."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import nn

from sfumato.core.levels import TOP, TOP16, Unit
from sfumato.data.reading import wide
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use.photograph import Photograph
from tests.data import icc

P3 = icc.profile("Display P3")
GREEN = (0.0, 1.0, 0.05)  # of P3 alone


def curv(*values):
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


CURVES = {
    "gamma": curv(round(2.2 * 256)),
    "none": curv(),
    "table": curv(*(round(TOP16 * (step / 255) ** 1.8) for step in range(256))),
    "a table that is flat near black": curv(*(round(TOP16 * (step / 1023) ** 2.2) for step in range(1024))),
    "a formula of five": b"para\0\0\0\0\0\x03\0\0" + icc.fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    "a formula of seven": b"para\0\0\0\0\0\x04\0\0" + icc.fixed(2.0, 0.9, 0.05, 0.2, 0.1, 0.02, 0.0196),
    "a formula of one": b"para\0\0\0\0\0\0\0\0" + icc.fixed(1.8),
}


@pytest.fixture
def own(rng):
    return rng.uniform(0, 1, (20, 30, 3))


def test_colours_are_those_of_the_book(own):
    seen = TOP * wide.of(P3).to_srgb(own)
    inside = (seen >= 0) & (seen <= TOP)
    assert np.abs(seen - icc.converted(TOP * own, "Display P3", "sRGB"))[inside.all(2)].max() < 0.05
    assert wide.of(P3).to_srgb(np.array(GREEN)[None, None]).min() < -0.1


@pytest.mark.parametrize("curve", CURVES)
def test_every_kind_of_curve_is_littlecms_and_leads_back(curve, own):
    profile = icc.profile("Display P3", CURVES[curve])
    levels = np.round(TOP * own).astype(np.uint8)
    way = ImageCms.buildTransform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGB", "RGB", 1)
    theirs = np.asarray(ImageCms.applyTransform(Image.fromarray(levels), way)).astype(float)
    ours = TOP * wide.of(profile).to_srgb(levels / TOP)
    inside = ((ours > 0) & (ours < TOP)).all(2)
    assert inside.mean() > 0.3 and np.abs(ours - theirs)[inside].max() < 1.5
    back = np.abs(wide.of(profile).from_srgb(wide.of(profile).to_srgb(own)) - own)
    assert back[own > 0.02].max() < 1e-9 and back.max() < 0.01


@pytest.mark.parametrize(
    "profile",
    [
        icc.profile("sRGB"),
        icc.scanner(),
        b"",
        P3.replace(b"RGB ", b"GRAY"),
        P3.replace(b"rTRC", b"none"),
        icc.profile("Display P3", curv(*[7] * 9)),
        icc.profile("Display P3", curv(0)),
        icc.profile("Display P3", curv(0, 9, 8, TOP16)),
        icc.profile("Display P3", b"para\0\0\0\0\0\x01\0\0" + icc.fixed(2.2, 1.0, -0.1)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_what_is_no_such_profile_or_means_srgb_is_none(profile):
    assert wide.of(profile) is None


def test_a_profile_that_is_cut_anywhere_or_has_odd_bytes_falls_over_nothing(rng):
    for length in range(len(P3)):
        wide.of(P3[:length])
    for number in range(400):
        odd = bytearray(icc.profile("Display P3", [icc.PARA, *CURVES.values()][number % (1 + len(CURVES))]))
        for place in rng.integers(16, len(odd), 4):
            odd[place] = rng.integers(0, 256)
        found = wide.of(bytes(odd))
        assert found is None or np.isfinite(found.from_srgb(found.to_srgb(np.full((1, 1, 3), 0.5)))).all()


class Halved(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, picture):
        self.seen.append(picture)
        return picture / 2


def restorer(network):
    task = restore.build(catalogue.read("restore", ['data.folders=["builtin:photographs"]']))
    return Restorer(task.header({}, data={}, card={}), network, torch.device("cpu"))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_network_that_changes_nothing_changes_nothing_whatever_the_colours(kind, rng):
    top = np.iinfo(kind).max
    for profile, low, high in (
        (P3, 0, 1),
        (P3, 0.45, 0.65),
        (icc.profile("Display P3", CURVES["a table that is flat near black"]), 0.45, 0.65),
    ):
        pixels = (low * top + rng.integers(0, int((high - low) * top) + 1, (60, 80, 3))).astype(kind)
        pixels[0, 0] = (1, top, top)  # what sRGB lacks: of that little is let by
        photo = Photograph(pixels=pixels, profile=profile, space="own")
        assert (wide.fitting(profile, pixels) is None) is (low == 0)
        assert np.array_equal(restorer(nn.Identity()).restore(photo).pixels, pixels)


def test_a_network_sees_srgb_and_what_it_makes_goes_back(own):
    """Of 16 bits; where sRGB has the colours, by the book."""
    pixels = np.round(TOP16 * (0.3 + 0.4 * own)).astype(np.uint16)
    network = Halved()
    made = restorer(network).restore(Photograph(pixels=pixels, profile=P3, space="own")).pixels
    [seen] = (one[0].permute(1, 2, 0).numpy() for one in network.seen)
    assert seen.min() >= 0 and seen.max() <= 1
    expected = icc.converted(icc.converted(pixels / 257, "Display P3", "sRGB") / 2, "sRGB", "Display P3")
    assert np.abs(made / 257 - expected).max() < 0.1
    plain = restorer(Halved()).restore(Photograph(pixels=pixels, profile=None, space="own")).pixels
    assert np.abs(made.astype(int) - plain).max() > 257  # in other numbers it would be something else


def test_a_picture_of_many_colours_that_srgb_lacks_is_shown_as_it_is(rng):
    """What a network does not see would go past it, with the damage in it."""
    pixels = rng.integers(0, TOP16 + 1, (40, 50, 3)).astype(np.uint16)
    plain, own = (restorer(Halved()).restore(Photograph(pixels=pixels, profile=profile, space="own")).pixels for profile in (None, P3))
    assert np.array_equal(own, plain)


def test_grey_stored_as_colours_is_seen_in_its_own_tone_and_stays_grey(own):
    linear = icc.profile("Display P3", CURVES["none"])
    grey = np.repeat(np.round(TOP16 * (0.1 + 0.6 * own[..., :1])), 3, axis=2).astype(np.uint16)
    made = restorer(Halved()).restore(Photograph(pixels=grey, profile=linear, space="own")).pixels
    wanted = wide.of(linear).from_srgb(wide.of(linear).to_srgb(grey / TOP16) / 2)
    assert (made == made[..., :1]).all() and np.abs(made / TOP16 - wanted).max() < 1e-3


def test_grey_and_pictures_without_such_a_profile_stay_as_they_were(own):
    grey = np.round(TOP16 * own[..., :1]).astype(np.uint16)
    network = Halved()
    photo = Photograph(pixels=grey, profile=P3, space="own")
    assert np.array_equal(restorer(network).restore(photo).pixels, restorer(Halved()).restore(replace(photo, profile=None)).pixels)


def test_colours_that_a_network_gives_are_those_of_srgb(own):
    """Of an old print that was scanned in 16 bits with a profile of its own, which says nothing of them."""
    one = restorer(Halved())
    contract = replace(one.contract, colours=True, greys=True)
    giver = replace(one, header=replace(one.header, contract=contract))
    made = giver.restore(Photograph(pixels=np.round(TOP16 * own).astype(np.uint16), profile=P3, space="own"))
    assert (made.profile, made.space) == (None, "sRGB") and made.pixels.shape == own.shape


def test_what_a_network_enlarges_keeps_colours_that_srgb_lacks():
    patch: Unit = np.full((4, 4, 3), GREEN, np.float32)
    made = wide.of(P3).kept(patch, lambda inside: inside.repeat(2, 0).repeat(2, 1), 2)
    assert made.shape == (8, 8, 3) and np.abs(made - GREEN).max() < 1e-3
