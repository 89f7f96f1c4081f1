"""The folder of benchmarks is a folder of scripts: they import each other by name."""

from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, from which modules can be imported."""
    monkeypatch.syspath_prepend(str(BENCH))
    return BENCH
