"""What holds for every step of augmentation, and for chains of them."""

import numpy as np
import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.core.levels import batch_to_unit
from sfumato.core.seed import Seed
from sfumato.data.augment import catalogue
from sfumato.data.augment.catalogue import parse
from sfumato.data.augment.transform import Chain, table, whole

DATA = {"mean": (0.5, 0.4, 0.3), "spread": (0.2, 0.2, 0.1)}
ALL = {
    **{name: name for name in catalogue.STEPS},
    "pad-crop mirrored": "pad-crop 5 reflect",
    "affine mirrored": "affine 40 0.3 0.2 0.1 reflect",
    "erase always": "erase 1 0.1..0.3 3",
    "copy always": "copy 1 0.1..0.3 3",
    "trivial bilinear": "trivial bilinear",
    "randaugment strong": "randaugment 3 0.9",
    "all": "pad-crop 4 | flip | affine | lighting | erase 0.5 | copy 0.5 | trivial | resized-crop 0.3..1",
}


@pytest.fixture(scope="module")
def batch(portrait) -> torch.Tensor:
    """float32 (40, 3, 33, 40): pieces of a portrait, at a size that no vector of the processor divides."""
    pieces = [portrait[top : top + 66 : 2, left : left + 80 : 2] for top in range(0, 60, 12) for left in range(0, 48, 6)]
    return batch_to_unit(torch.from_numpy(np.stack(pieces)))


def draws(chain: Chain, items) -> torch.Tensor:
    return table(Seed(5), "augment", 2, items, chain.draws)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_picture_becomes_the_same_alone_and_in_any_batch(text, batch):
    chain = parse(text, **DATA)
    together = chain(batch, draws(chain, range(40)))
    alone = [chain(batch[item : item + 1], draws(chain, [item]))[0] for item in range(40)]
    backward = chain(batch.flip(0), draws(chain, range(39, -1, -1))).flip(0)
    assert torch.equal(together, torch.stack(alone)) and torch.equal(together, backward)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_what_was_given_stays_and_what_comes_is_a_picture(text, batch):
    chain = parse(text, **DATA)
    kept, u = batch.clone(), draws(chain, range(40))
    rows = u.clone()
    made = chain(batch, u)
    assert torch.equal(batch, kept) and torch.equal(u, rows)
    assert made.shape == batch.shape and made.dtype == torch.float32 and made.min() >= 0 and made.max() <= 1
    assert not torch.equal(made, batch)


@pytest.mark.parametrize("text", ["pad-crop 3 | affine", "trivial", "erase 1", "lighting"])
def test_pictures_of_a_batch_are_drawn_each_by_itself_or_all_alike(text, batch):
    alike = batch[:1].expand(40, -1, -1, -1)
    chain = parse(text, **DATA)
    each, same = (Chain(chain.transforms, same=same)(alike, draws(chain, range(40))) for same in (False, True))
    assert len(each.flatten(1).unique(dim=0)) > 10
    assert (same == same[0]).all() and torch.equal(same[0], each[0])


@pytest.mark.parametrize("text", [name for name in catalogue.STEPS if name != "erase"])
def test_grey_pictures_are_augmented_too(text, batch):
    chain = parse(text, **DATA)
    assert chain(batch[:, :1], draws(chain, range(40))).shape == (40, 1, 33, 40)


@pytest.mark.parametrize("text", ["pad-crop 0", "flip 0", "affine 0 0 0 0", "lighting 0 0", "erase 0", "copy 0", "resized-crop 1 1", "off"])
def test_a_step_of_no_strength_changes_nothing(text):
    batch = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    chain = parse(text, **DATA)
    torch.testing.assert_close(chain(batch, draws(chain, range(8))), batch, rtol=0, atol=2e-6)


def test_the_table_gives_an_item_its_row_in_any_batch_and_never_a_one():
    some, others = table(Seed(5), "augment", 2, [7, 3], 4), table(Seed(5), "augment", 2, [3, 9, 7], 4)
    assert torch.equal(some, others[[2, 0]]) and some.dtype == torch.float32
    many = table(Seed(5), "augment", 0, range(200_000), 40)
    assert many.max() < 1 and many.min() >= 0 and whole(torch.tensor([many.max(), 1.0]), 7).tolist() == [6, 6]


def test_a_table_of_another_size_is_refused(batch):
    with pytest.raises(Refusal, match="40 pictures and 1 draws"):
        parse("flip", **DATA)(batch, torch.zeros(40, 2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pad-corp 3", "Did you mean 'pad-crop'"),
        ("pad-crop 3.5", "must be a whole number"),
        ("pad-crop three", "does not take the word 'three'.* zero, reflect"),
        ("pad-crop 3 reflect zero", "does not take the word 'zero'"),
        ("pad-crop reflect 3", "numbers come first"),
        ("pad-crop -1", "cannot be negative"),
        ("flip 1.5", "within 0..1"),
        ("flip 0.5 0.5", "got 2 numbers, which is too many"),
        ("flip 0.1..0.5", "one number, not a range"),
        ("erase 0.3 0.5..0.1", "from low to high"),
        ("erase 0.3x", "no number"),
        ("erase 0.3 0.1 0", "must be 1..100"),
        ("lighting 0.1 1", "within 0..0.95"),
        ("randaugment 2 7", "within 0..1"),
        ("resized-crop 0..1", "within 0.001..1"),
        ("flip | | lighting", "a step of augmentation is missing"),
        ("trivial zero", "nearest, bilinear"),
        ("flip " + "9" * 5000, "no number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(text, words):
    with pytest.raises(Refusal, match=f"(?i){words}") as refused:
        parse(text, **DATA)
    assert len(str(refused.value)) < 300 and str(refused.value)[-1] in ".?"


def test_what_is_left_out_of_a_step_has_its_default():
    assert parse("erase", **DATA).transforms == parse("erase 0.5 0.02..0.2 1", **DATA).transforms


def test_every_step_is_told_apart_by_its_arguments():
    for name, entry in catalogue.STEPS.items():
        step = parse(name, **DATA).transforms[0]
        named = {argument for argument, _ in entry.numbers} | {entry.word[0]} - {""} | ({"mean", "spread"} if entry.statistics else set())
        assert named == set(vars(step)) and entry.says


def test_erase_refuses_pictures_of_other_channels(batch):
    chain = parse("erase", **DATA)
    with pytest.raises(Refusal, match="3 channels, but the pictures have 1"):
        chain(batch[:, :1], draws(chain, range(40)))


def test_the_table_of_steps_needs_no_torch():
    import subprocess
    import sys

    code = "import sys, sfumato.data.augment.catalogue; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "False\n"
