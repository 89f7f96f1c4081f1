"""Steps of augmentation against Pillow, torch's own interpolation, and theory."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.nn import functional

from sfumato.core.levels import TOP, batch_to_levels, batch_to_unit
from sfumato.core.seed import Seed
from sfumato.data.augment import light, patches, trivial
from sfumato.data.augment.catalogue import parse
from sfumato.data.augment.geometry import Affine, Flip, PadCrop, RandomResizedCrop
from sfumato.data.augment.light import Lighting
from sfumato.data.augment.moving import joined, sample
from sfumato.data.augment.patches import Copy, Erase
from sfumato.data.augment.transform import Chain, table
from sfumato.data.augment.trivial import NARROW, WIDE, TrivialAugment

FACTORS = torch.tensor([0.01, 0.3, 0.67, 1.0, 1.2, 1.5, 1.99, 0.5])


@pytest.fixture(scope="module")
def levels(portrait) -> torch.Tensor:
    """uint8 (8, 48, 40, 3): six pieces of a portrait, one of two tones, one of a single tone."""
    pieces = np.stack([portrait[top : top + 48, left : left + 40] for top in (0, 40, 80) for left in (5, 70)])
    tones = np.full((2, 48, 40, 3), 90, np.uint8)
    tones[0, :, 7:] = 91
    return torch.from_numpy(np.concatenate([pieces, tones]))


def draws(step, count: int = 8) -> torch.Tensor:
    return table(Seed(11), "augment", 0, range(count), step.draws)


def farthest(made: torch.Tensor, pillow: list[Image.Image]) -> float:
    """The largest difference, in levels."""
    wanted = torch.from_numpy(np.stack([np.asarray(picture) for picture in pillow])).reshape(made.permute(0, 2, 3, 1).shape)
    return float((made.permute(0, 2, 3, 1) * TOP - wanted).abs().max())


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (light.brightness, ImageEnhance.Brightness),
        (light.contrast, ImageEnhance.Contrast),
        (light.colour, ImageEnhance.Color),
        (light.sharpness, ImageEnhance.Sharpness),
    ],
    ids=["brightness", "contrast", "colour", "sharpness"],
)
def test_an_enhancement_is_pillows_to_within_a_level(ours, theirs, channels, levels):
    given = levels[..., :channels]
    pillow = [theirs(Image.fromarray(one.squeeze(-1).numpy())).enhance(float(factor)) for one, factor in zip(given, FACTORS, strict=True)]
    enhanced = ours(batch_to_unit(given), FACTORS)
    assert farthest(enhanced, pillow) <= 1.001  # Pillow cuts fractions off


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterizing_is_pillows(bits, levels):
    made = light.posterize(batch_to_unit(levels), torch.full((8,), float(bits)))
    assert farthest(made, [ImageOps.posterize(Image.fromarray(one.numpy()), bits) for one in levels]) < 1e-4


@pytest.mark.parametrize("strength", range(31))
def test_solarizing_is_pillows_at_every_strength(strength, levels):
    threshold = float(torch.linspace(TOP, 0, 31)[strength])  # torchvision's
    made = light.solarize(batch_to_unit(levels), torch.full((8,), 1 - strength / 30))
    assert farthest(made, [ImageOps.solarize(Image.fromarray(one.numpy()), threshold) for one in levels]) < 1e-4


def test_autocontrast_is_pillows_to_within_a_level(levels):
    made = light.autocontrast(batch_to_unit(levels))
    assert farthest(made, [ImageOps.autocontrast(Image.fromarray(one.numpy())) for one in levels]) <= 1.001  # Pillow cuts the fraction off


def test_equalizing_is_pillows(levels):
    made = light.equalize(batch_to_unit(levels))
    assert farthest(made, [ImageOps.equalize(Image.fromarray(one.numpy())) for one in levels]) < 1e-4


@pytest.mark.parametrize("space", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", trivial.GEOMETRIC)
def test_pixels_move_as_torchvision_has_pillow_move_them(name, space, levels):
    signed = np.array([-1, -0.7, -0.3, -0.05, 0, 0.2, 0.5, 1])
    which = np.full(8, trivial.GEOMETRIC.index(name))
    made = sample(batch_to_unit(levels), trivial.maps(which, signed, space, 48, 40), "nearest", "zero")
    pillow = []
    for one, strength in zip(levels, signed.tolist(), strict=True):
        shift = [int(strength * (space.shift or side * 150 / 331)) for side in (40, 48)]
        maps = {  # as torchvision makes them for Pillow
            "shear-x": (1, strength * space.shear, 0, 0, 1, 0),
            "shear-y": (1, 0, 0, strength * space.shear, 1, 0),
            "shift-x": (1, 0, -shift[0], 0, 1, 0),
            "shift-y": (1, 0, 0, 0, 1, -shift[1]),
        }
        picture = Image.fromarray(one.numpy())
        turned = picture.rotate(strength * space.rotate) if name == "rotate" else None
        pillow.append(turned or picture.transform((40, 48), Image.Transform.AFFINE, maps[name], Image.Resampling.NEAREST))
    same = (batch_to_levels(made) == torch.from_numpy(np.stack([np.asarray(one) for one in pillow]))).all(-1)
    assert same.float().mean() > 0.998  # a point between two pixels may be rounded either way


def test_trivial_augment_draws_all_operations_equally_often_and_all_strengths():
    batch = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).expand(2800, -1, -1, -1)
    made = TrivialAugment()(batch, draws(TrivialAugment(), 2800))
    untouched = (made == batch).flatten(1).all(1).sum().item()
    # identity, and of the other operations those of strength 0: 1 of 31 for nine, posterize at 8 bits for 3 of 31, solarize at white
    share = (1 + 9 / 31) / 14
    spread = (2800 * share * (1 - share)) ** 0.5
    assert untouched == pytest.approx(2800 * share, abs=4 * spread + 2800 * 4 / 31 / 14)


def test_padding_and_cropping_moves_whole_pixels(levels):
    batch, step = batch_to_unit(levels), PadCrop(5)
    u = draws(step)
    for one, made, (down, right) in zip(batch, step(batch, u), (u * 11).long().tolist(), strict=True):
        assert torch.equal(made, functional.pad(one, (5, 5, 5, 5))[:, down : down + 48, right : right + 40])


def test_every_shift_of_a_padded_crop_is_as_likely_as_any_other():
    dot = torch.zeros(1, 1, 9, 9)
    dot[..., 4, 4] = 1
    made = PadCrop(2)(dot.expand(5000, -1, -1, -1), draws(PadCrop(2), 5000))
    counts = made.sum(0)[0, 2:7, 2:7]
    assert counts.sum() == 5000 and ((counts - 200) ** 2 / 200).sum() < 51.2  # chi squared, 24 degrees, one in a thousand


def test_a_mirrored_rim_is_torchs_own(levels):
    batch, step = batch_to_unit(levels), PadCrop(6, "reflect")
    padded = functional.pad(batch, (6, 6, 6, 6), mode="reflect")
    assert torch.equal(step(batch, torch.zeros(8, 2)), padded[:, :, :48, :40])


def test_half_of_the_pictures_are_mirrored(levels):
    batch = batch_to_unit(levels)[:1].expand(2000, -1, -1, -1)
    made = Flip()(batch, draws(Flip(), 2000))
    mirrored, kept = ((made == picture).flatten(1).all(1) for picture in (batch.flip(-1), batch))
    assert (mirrored ^ kept).all() and mirrored.float().mean() == pytest.approx(0.5, abs=4 * 0.5 / 2000**0.5)


def test_an_affine_map_is_pillows_away_from_the_rim(levels):
    batch, step = batch_to_unit(levels), Affine(30, 0.3, 0.3, 0.1)
    u = draws(step)
    made, maps = step(batch, u), step.maps(u, 48, 40).flatten(1).tolist()
    pillow = [
        Image.fromarray(one.numpy()).transform((40, 48), Image.Transform.AFFINE, each, Image.Resampling.BILINEAR)
        for one, each in zip(levels, maps, strict=True)
    ]
    inner = sample(torch.ones_like(batch[:, :1]), step.maps(u, 48, 40), "bilinear", "zero") > 0.999  # at the rim ours fades to black
    wanted = torch.from_numpy(np.stack([np.asarray(one) for one in pillow])).permute(0, 3, 1, 2)
    assert inner.float().mean() > 0.5
    assert ((made * TOP - wanted).abs() * inner).max() <= 1.01


def test_moves_that_follow_each_other_are_made_one_and_nothing_else_changes():
    batch = functional.pad(torch.rand(8, 3, 32, 24, generator=torch.Generator().manual_seed(0)), (12, 12, 12, 12))  # nothing gets lost
    steps = (PadCrop(3), Flip(), Affine(20, 0.1, 0.1, 0.05))
    u = draws(Chain(steps))
    one_by_one = steps[2](steps[1](steps[0](batch, u[:, :2]), u[:, 2:3]), u[:, 3:])
    torch.testing.assert_close(Chain(steps)(batch, u), one_by_one, rtol=0, atol=1e-4)


def test_whole_pixels_that_are_moved_twice_come_through_as_they_are(levels):
    batch, steps = batch_to_unit(levels), (PadCrop(9), Flip())
    u = draws(Chain(steps))
    assert torch.equal(Chain(steps)(batch, u), steps[1](steps[0](batch, u[:, :2]), u[:, 2:]))


def test_joined_maps_are_their_product():
    maps = [torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    square = [torch.cat([each, torch.tensor([[[0.0, 0, 1]]]).expand(5, -1, -1).double()], dim=1) for each in maps]
    torch.testing.assert_close(joined(maps), (square[0] @ square[1] @ square[2])[:, :2])


def test_affine_draws_stay_within_what_was_asked():
    maps = Affine(rotate=20, zoom=0.2, shear=0, shift=0.1)
    found = maps.maps(draws(maps, 4000), 100, 50)
    scale, angle = torch.linalg.det(found[:, :, :2]).sqrt(), torch.rad2deg(torch.atan2(found[:, 1, 0], found[:, 0, 0]))
    assert 0.8 <= scale.min() < 0.801 and 1.249 < scale.max() <= 1.25 + 1e-9 and (scale > 1).float().mean() == pytest.approx(0.5, abs=0.032)
    assert -20 <= angle.min() < -19.9 and 19.9 < angle.max() <= 20
    middle = (found @ torch.tensor([25, 50, 1], dtype=torch.float64) - torch.tensor([25, 50])) / scale[:, None]
    assert middle[:, 0].abs().max() <= 5 * 2**0.5 + 10 and middle.norm(dim=1).max() == pytest.approx((5**2 + 10**2) ** 0.5, rel=0.05)


def test_a_resized_crop_is_the_piece_cut_out_and_interpolated_by_torch(levels):
    batch, step = batch_to_unit(levels), RandomResizedCrop()
    u = draws(step)
    for one, made, (top, left, tall, wide) in zip(batch, step(batch, u), step.boxes(u, 48, 40).tolist(), strict=True):
        piece = one[None, :, top : top + tall, left : left + wide]
        wanted = functional.interpolate(piece, size=(48, 40), mode="bilinear", align_corners=False)[0]
        torch.testing.assert_close(made, wanted, rtol=0, atol=1e-4)


def test_pieces_have_the_area_and_the_ratio_asked_for():
    step = RandomResizedCrop((0.1, 0.5), (0.75, 1.25))
    top, left, tall, wide = step.boxes(draws(step, 4000), 1000, 1000).double().unbind(1)
    area, ratio = tall * wide / 1e6, wide / tall
    assert area.min() >= 0.099 and area.max() <= 0.501 and area.mean() == pytest.approx(0.3, abs=0.01)
    assert ratio.min() >= 0.745 and ratio.max() <= 1.255
    assert (top + tall).max() <= 1000 and (left + wide).max() <= 1000 and top.min() >= 0 and left.min() >= 0


def test_lighting_is_the_line_it_drew(levels):
    step, batch = Lighting(0.3, 0.5), batch_to_unit(levels)
    gain, offset = step.line(draws(step))
    wanted = [(one.double() * a + b).clamp(0, 1) for one, a, b in zip(batch, gain, offset, strict=True)]
    torch.testing.assert_close(step(batch, draws(step)).double(), torch.stack(wanted), rtol=0, atol=1e-6)
    many, shifts = step.line(draws(step, 4000))
    assert many.min() >= 0.5 and many.max() <= 2 and (shifts - (1 - many) / 2).abs().max() <= 0.3


def test_noise_has_the_mean_and_the_spread_asked_for():
    names = patches.mixed(torch.arange(400)).repeat_interleave(100)
    noise = patches.normals(names, torch.arange(100).repeat(400), 6).double()
    count = noise.shape[0]
    assert (noise.mean(0).abs() < 3 / count**0.5).all() and ((noise.std(0) - 1).abs() < 3 / (2 * count) ** 0.5).all()
    assert (torch.corrcoef(noise.T).triu(1).abs() < 3.5 / count**0.5).all()
    rows = noise[:, 0].view(400, 100)
    for shifted in ((rows[:, 1:] * rows[:, :-1]), (rows[1:] * rows[:-1])):  # neither neighbours nor pictures know of each other
        assert shifted.mean().abs() < 3.5 / shifted.numel() ** 0.5


def test_erased_rectangles_are_filled_with_the_noise_of_the_data():
    mean, spread = (0.5, 0.4, 0.6), (0.1, 0.05, 0.08)  # far enough from 0 and 1 that clamping does nothing
    step = Erase(chance=1, share=(0.3, 0.3), mean=mean, spread=spread)
    made = step(torch.full((64, 3, 40, 40), 2.0), draws(step, 64))  # no noise is as bright as 2
    struck = made[:, 0] < 1.5
    assert torch.equal(struck, made[:, 2] < 1.5) and struck.float().mean() == pytest.approx(0.3, abs=0.01)
    for channel in range(3):
        noise = made[:, channel][struck].double()
        assert abs(noise.mean() - mean[channel]) < 3 * spread[channel] / len(noise) ** 0.5
        assert abs(noise.std() - spread[channel]) < 3 * spread[channel] / (2 * len(noise)) ** 0.5


def test_a_rectangle_is_one_rectangle_and_strikes_as_often_as_asked():
    step = Erase(chance=0.3, share=(0.02, 0.4), mean=(0.5,), spread=(0.1,))
    struck = step(torch.full((2000, 1, 20, 28), 2.0), draws(step, 2000))[:, 0] < 1.5
    hit = struck.flatten(1).any(1)
    assert hit.float().mean() == pytest.approx(0.3, abs=4 * (0.21 / 2000) ** 0.5)
    rows, columns = struck.any(2), struck.any(1)
    assert torch.equal(struck, rows[:, :, None] & columns[:, None, :])  # no gaps
    share = struck[hit].flatten(1).float().mean(1)
    assert share.max() <= 0.45 and share.mean() == pytest.approx(0.21, abs=0.02)
    assert struck.float().mean(0).amin() > 0  # every pixel is reached


def test_several_rectangles_are_struck_at_most_as_many_as_asked():
    step = Erase(chance=1, share=(0.01, 0.01), count=4, mean=(0.5,), spread=(0.1,))
    share = (step(torch.full((500, 1, 50, 50), 2.0), draws(step, 500)) < 1.5).flatten(1).float().mean(1)
    assert share.max() <= 0.045 and share.mean() == pytest.approx(0.025, abs=0.002)


def test_copied_rectangles_are_parts_of_the_same_picture():
    step = Copy(chance=1, share=(0.1, 0.3))
    place = torch.arange(30 * 34).view(1, 1, 30, 34).float() / 2000
    own = place + torch.arange(50).view(-1, 1, 1, 1) * 0.0001
    made = step(own, draws(step, 50))
    for picture, copied in zip(own[:, 0], made[:, 0], strict=True):
        changed = (copied != picture).nonzero()
        assert torch.isin(copied, picture).all()
        if len(changed):  # all of them come from one place
            moves = (copied[tuple(changed.T)] - picture[tuple(changed.T)]) * 2000
            assert moves.max() - moves.min() < 0.01
    assert (made != own).flatten(1).any(1).float().mean() > 0.9


@pytest.mark.gpu
@pytest.mark.parametrize(
    "text", ["pad-crop 3 | flip | affine | lighting | erase 0.5 | copy", "pad-crop 5 reflect", "trivial", "resized-crop"]
)
def test_a_gpu_augments_as_the_processor_does(text, levels):
    chain, batch = parse(text, mean=(0.5, 0.4, 0.6), spread=(0.1, 0.2, 0.3)), batch_to_unit(levels).repeat(8, 1, 1, 1)
    u = draws(chain, 64)
    made = chain(batch.to("cuda"), u.to("cuda")).cpu()
    assert ((made - chain(batch, u)).abs() < 1e-3).float().mean() > 0.999  # a point between two pixels may be rounded either way
