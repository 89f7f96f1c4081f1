"""Plots as bytes."""

import io
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sfumato.show import plots

STEPS = list(range(100))
LOSSES = [float(loss) for loss in np.exp(-np.arange(100) / 30)]


def test_curves_are_an_svg_by_default():
    assert ElementTree.fromstring(plots.curves({"loss": (STEPS, LOSSES)}, x="step", y="loss")).tag.endswith("svg")


def test_curves_can_be_a_png():
    assert Image.open(io.BytesIO(plots.curves({"loss": (STEPS, LOSSES)}, x="step", y="loss", kind="png"))).format == "PNG"


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_plot_is_the_same_bytes(kind: plots.Format):
    series = {"train": (STEPS, LOSSES), "valid": (STEPS[::10], LOSSES[::10])}
    first, second = (plots.curves(series, x="step", y="loss", scale="log", smooth=True, kind=kind) for _ in range(2))
    assert first == second


def test_a_plot_without_points_is_drawn_all_the_same():
    assert plots.curves({"loss": ([], [])}, x="step", y="loss")


def test_a_running_mean_of_a_constant_is_that_constant_from_the_start():
    assert plots.running_mean([3.0] * 5) == pytest.approx([3.0] * 5)


def test_a_running_mean_follows_its_definition():
    """The second of two values weighs 1 to 0.9 against the first."""
    assert plots.running_mean([0.0, 1.0])[1] == pytest.approx(1 / 1.9)


@pytest.mark.parametrize("losses", [[0.5, 0.2, 0.1, 0.3, 30.0], [0.1, 0.1, 0.1, 0.2, 0.3], [0.1] * 5])
def test_the_rate_finder_draws_any_course_of_the_loss(losses: list[float]):
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert Image.open(io.BytesIO(plots.rate_finder(rates, losses, 1e-3))).size == (840, 480)


def test_plots_leave_matplotlibs_global_state_alone():
    before = "matplotlib.pyplot" in sys.modules
    plots.curves({"loss": (STEPS, LOSSES)}, x="step", y="loss")
    assert ("matplotlib.pyplot" in sys.modules) == before
