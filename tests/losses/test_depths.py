"""The loss of depth maps against closed forms and a naive loop."""

import math

import pytest
import torch

from sfumato.losses.depths import scale_invariant


@pytest.fixture
def maps():
    draw = torch.Generator().manual_seed(0)
    seen, truth = (torch.randn(3, 5, 7, generator=draw) for _ in range(2))
    known = torch.rand(3, 5, 7, generator=draw) > 0.3
    known[2] = False
    return seen, truth, known


@pytest.mark.parametrize("forgiven", [0.0, 0.5, 1.0])
def test_a_naive_loop_gives_the_same(maps, forgiven):
    total, pictures = 0.0, 0
    for seen, truth, known in zip(*maps, strict=True):
        apart = [(a - b).item() for a, b, k in zip(seen.ravel(), truth.ravel(), known.ravel(), strict=True) if k]
        if apart:
            pictures += 1
            total += sum(d * d for d in apart) / len(apart) - forgiven * (sum(apart) / len(apart)) ** 2
    assert scale_invariant(*maps, forgiven=forgiven).item() == pytest.approx(total / pictures, rel=1e-5)


@pytest.mark.parametrize(("forgiven", "share"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_a_factor_for_a_whole_picture_costs_what_is_not_forgiven(forgiven, share):
    truth = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(1))
    loss = scale_invariant(truth + math.log(3), truth, torch.ones_like(truth, dtype=torch.bool), forgiven=forgiven)
    assert loss.item() == pytest.approx(share * math.log(3) ** 2, abs=1e-5)


def test_gradients_are_those_of_finite_differences_and_what_is_unknown_has_none(maps):
    seen, truth, known = maps
    wanted = seen.clone().requires_grad_(True)
    scale_invariant(wanted, truth, known).backward()
    assert (wanted.grad[~known] == 0).all() and (wanted.grad[:2][known[:2]] != 0).all()
    step = torch.zeros_like(seen)
    place = tuple(known.nonzero()[5])
    step[place] = 1e-2
    slope = (scale_invariant(seen + step, truth, known) - scale_invariant(seen - step, truth, known)) / 2e-2
    assert wanted.grad[place].item() == pytest.approx(slope.item(), rel=1e-2)


def test_a_batch_of_which_nothing_is_known_costs_nothing(maps):
    seen, truth, known = maps
    assert scale_invariant(seen, truth, torch.zeros_like(known)).item() == 0


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_and_whole_maps_agree(maps, kind):
    seen, truth, known = maps[0].to(kind), maps[1].to(kind), maps[2]
    with torch.autocast("cpu", torch.bfloat16):
        half = scale_invariant(seen, truth, known)
    whole = scale_invariant(seen.float(), truth.float(), known)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(whole.item(), rel=1e-4)
