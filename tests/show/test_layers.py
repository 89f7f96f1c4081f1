"""Pictures of what happened inside a network."""

import io

import numpy as np
import pytest
from PIL import Image

from sfumato.show import layers, plots


def drawn(records: int, count: int, fill: float | None = None) -> bytes:
    rng = np.random.default_rng(1)
    numbers = [rng.random((records, count, *more)).astype(np.float32) for more in ((), (), (), (40,))]
    if fill is not None:
        numbers = [np.full_like(one, fill) for one in numbers]
    means, spreads, dead, counts = numbers
    steps = [20 * record for record in range(records)]
    names = [f"stages.{index}.blocks.0.activation" for index in range(count)]
    return layers.activations(names, steps, means=means, spreads=spreads, dead=dead, counts=counts, reach=10.0)


@pytest.mark.parametrize(("records", "count"), [(1, 1), (2, 3), (300, 16)])
def test_any_number_of_records_and_layers_is_a_page_wide(records: int, count: int):
    assert Image.open(io.BytesIO(drawn(records, count))).size[0] == 1320


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_a_network_that_broke_is_drawn_all_the_same(fill: float):
    assert drawn(5, 4, fill).startswith(b"\x89PNG")


@pytest.mark.parametrize("norms", [np.zeros((3, 2)), np.full((3, 2), np.nan), np.array([[1e-9, 1.0], [0.0, 10.0], [np.nan, 1.0]])])
def test_gradients_of_any_size_are_drawn(norms: np.ndarray):
    assert layers.gradients(["first", "second"], [0, 10, 20], norms.astype(np.float32)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "losses",
    [
        np.outer([3.0, 1.0, 2.0], [3.0, 1.0, 2.0]),
        np.full((3, 3), 0.5),
        np.array([[np.inf, np.nan, 1], [1, 0.5, 1], [1, 2, -1]]),
    ],
    ids=["bowl", "flat", "broken"],
)
def test_any_loss_surface_is_drawn(losses: np.ndarray):
    assert plots.surface([-1.0, 0.0, 1.0], losses).startswith(b"\x89PNG")
