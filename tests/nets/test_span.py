"""Convolutions that are wide while they learn: the same function and gradients as what they are, and one 3 x 3 in a file."""

import pytest
import torch
import torch.nn.functional as F

from sfumato.nets import catalogue
from sfumato.nets.arguments import Span
from sfumato.nets.span import Wide
from tests.nets.classifiers import wake

SMALL = Span(width=8, blocks=3, enlarges=2)


def test_a_wide_convolution_is_its_parts_one_after_the_other(rng):
    torch.manual_seed(1)
    wide, x = Wide(3, 5, 2).double(), torch.from_numpy(rng.random((2, 3, 9, 7)))
    inside = wide.look(wide.enter(F.pad(x, (1, 1, 1, 1))))  # the border is padded before the first: with zeros, and its bias on them
    wanted = wide.leave(inside) + wide.beside(x)
    assert torch.allclose(wide(x), wanted, atol=1e-12)
    grads = [torch.autograd.grad(made.square().sum(), list(wide.parameters())) for made in (wide(x), wanted)]
    assert all(torch.allclose(one, other, rtol=1e-9) for one, other in zip(*grads, strict=True))


def test_the_working_form_gives_the_same_picture_and_has_a_tenth_of_the_numbers(rng):
    network = wake(catalogue.build(SMALL))
    state, spec = catalogue.working(network, SMALL)
    plain = catalogue.build(spec)
    plain.load_state_dict(state)
    x = torch.from_numpy(rng.random((1, 3, 10, 12), dtype="float32"))
    assert torch.allclose(network(x), plain(x), atol=1e-5)
    counts = [sum(tensor.numel() for tensor in one.values()) for one in (network.state_dict(), state)]
    assert counts[1] < counts[0] / 4 and spec.folded and catalogue.working(plain, spec)[1] is spec


@pytest.mark.parametrize("enlarges", [1, 2, 3])
def test_it_starts_as_the_picture_enlarged(enlarges, rng):
    network = catalogue.build(Span(width=8, blocks=2, enlarges=enlarges))
    x = torch.from_numpy(rng.random((1, 3, 5, 6), dtype="float32"))
    assert torch.equal(network(x), x.repeat_interleave(enlarges, 2).repeat_interleave(enlarges, 3))


def test_with_its_usual_width_it_has_less_than_a_quarter_of_a_million_numbers():
    spec = Span(enlarges=4, folded=True)
    assert 150_000 < sum(tensor.numel() for tensor in catalogue.outline(spec).state_dict().values()) < 250_000
