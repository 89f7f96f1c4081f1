"""Levels of a file: what a made picture would be once it is written."""

import torch

from sfumato.core.levels import as_written


def test_a_critic_sees_what_a_file_would_hold():
    made = torch.tensor([-0.3, 0.0, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 0.3333, 1.0, 1.7])
    seen = as_written(made)
    assert torch.allclose(seen * 255, (made.clamp(0, 1) * 255).round(), atol=1e-4)


def test_gradients_pass_as_if_nothing_were_rounded_and_stop_outside_of_what_a_file_holds():
    made = torch.tensor([-0.3, 0.2, 0.7, 1.7], requires_grad=True)
    as_written(made).sum().backward()
    assert made.grad.tolist() == [0, 1, 1, 0]
