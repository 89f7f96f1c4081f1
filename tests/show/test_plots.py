"""Plots as bytes."""

import io
import sys

import pytest
from PIL import Image

from sfumato.show import plots

RATES = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
LOSSES = [0.5, 0.2, 0.1, 0.3, 30.0]


def test_the_same_plot_is_the_same_bytes():
    first, second = (plots.rate_finder(RATES, LOSSES, 1e-3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("losses", [LOSSES, [0.1, 0.1, 0.1, 0.2, 0.3], [0.1] * 5])
def test_the_rate_finder_draws_any_course_of_the_loss(losses: list[float]):
    assert Image.open(io.BytesIO(plots.rate_finder(RATES, losses, 1e-3))).size == (840, 480)


def test_plots_leave_matplotlibs_global_state_alone():
    before = "matplotlib.pyplot" in sys.modules
    plots.rate_finder(RATES, LOSSES, 1e-3)
    assert ("matplotlib.pyplot" in sys.modules) == before
