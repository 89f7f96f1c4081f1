"""Pictures mixed with partners: shares, targets and boxes, against theory and scipy."""

import numpy as np
import pytest
import torch
from scipy import stats

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.augment.mix import CutMix, Mixup, beta
from sfumato.data.augment.transform import table

MIXES = {"mixup": Mixup(0.4), "even mixup": Mixup(1.0), "cutmix": CutMix(), "cutmix of few": CutMix(0.2)}


def draws(mix, count: int) -> torch.Tensor:
    return table(Seed(3), "mix", 0, range(count), mix.draws)


def pairs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """White pictures of class 1, whose partners are black and of class 3."""
    return torch.cat([torch.ones(count, 3, 20, 30), torch.zeros(count, 3, 20, 30)]), torch.tensor([1] * count + [3] * count)


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_targets_sum_to_one_and_say_how_much_of_each_is_to_be_seen(mix):
    pictures, labels = pairs(300)
    made, targets = mix.fold(pictures, labels, 5, draws(mix, 300))
    assert made.shape == (300, 3, 20, 30) and targets.shape == (300, 5) and targets.dtype == torch.float32
    torch.testing.assert_close(targets.sum(1), torch.ones(300))
    torch.testing.assert_close(targets[:, 1], made.mean(dim=(1, 2, 3)), rtol=0, atol=1e-5)
    assert (targets[:, [0, 2, 4]] == 0).all() and targets[:, 1].unique().numel() > 100


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_partners_of_one_class_leave_it_whole(mix):
    pictures, _ = pairs(20)
    _, targets = mix.fold(pictures, torch.full((40,), 2), 4, draws(mix, 20))
    torch.testing.assert_close(targets[:, 2], torch.ones(20))


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_a_pair_is_mixed_the_same_alone_and_in_any_batch(mix):
    pictures = torch.rand(26, 3, 11, 13, generator=torch.Generator().manual_seed(1))
    labels, u = torch.arange(26) % 7, draws(mix, 13)
    together, targets = mix.fold(pictures, labels, 7, u)
    for number in range(13):
        alone, target = mix.fold(pictures[number::13], labels[number::13], 7, u[number : number + 1])
        assert torch.equal(alone[0], together[number]) and torch.equal(target[0], targets[number])


def test_the_box_of_cutmix_is_one_rectangle_of_the_partners_share():
    pictures, labels = pairs(500)
    mix = CutMix()
    made, targets = mix.fold(pictures, labels, 5, draws(mix, 500))
    box = made[:, 0] == 0
    assert torch.equal(box, box.any(2)[:, :, None] & box.any(1)[:, None, :])
    torch.testing.assert_close(box.float().mean(dim=(1, 2)), targets[:, 3], rtol=0, atol=1e-6)


def test_a_box_in_the_middle_has_the_share_that_was_drawn():
    u = torch.stack([torch.linspace(0, 0.99, 100), torch.full((100,), 0.5), torch.full((100,), 0.5)], dim=1)
    top, left, bottom, right = CutMix().boxes(u, 1000, 1000).double().unbind(1)
    torch.testing.assert_close((bottom - top) * (right - left) / 1e6, 1 - u[:, 0].double(), rtol=0, atol=0.002)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.5, 2.0, 8.0, 50.0])
def test_shares_follow_the_beta_distribution(alpha):
    u = torch.cat([torch.logspace(-6, -1, 200, dtype=torch.float64), torch.linspace(0.001, 0.999, 999, dtype=torch.float64)])
    made = beta(u, alpha)
    # Where the distribution function is steep a share is well defined, where it is flat its height is: each must agree with one of them.
    off = abs(made.numpy() - stats.beta.ppf(u.numpy(), alpha, alpha))
    off_height = abs(stats.beta.cdf(made.numpy(), alpha, alpha) - u.numpy())
    assert np.minimum(off, off_height).max() < 1e-5


def test_an_even_share_is_the_draw_itself():
    u = torch.rand(100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(beta(u, 1.0), u)


def test_halves_that_do_not_match_are_refused():
    pictures, labels = pairs(4)
    with pytest.raises(Refusal, match="8 pictures, 8 labels and a table of"):
        Mixup().fold(pictures, labels, 5, torch.zeros(8, 1))
    with pytest.raises(Refusal, match="alpha of cutmix is 0"):
        CutMix(0)
