"""The benchmarks run: each explains itself, and what both sides of a comparison are handed is what the page says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
PEERS = {"fastai_restore.py"}  # imports fastai at once
MODULES = {"results.py"}
SCRIPTS = sorted(path.name for path in BENCH.glob("*.py") if path.name not in PEERS | MODULES)


@pytest.fixture
def reference(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import reference

    return reference


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_explains_itself(script):
    done = subprocess.run([sys.executable, BENCH / script, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_the_demo_pictures_differ_from_the_good_ones_most_inside_the_text(reference, portrait):
    pair = reference.spoil("demo", "portrait", portrait.repeat(2, axis=0).repeat(2, axis=1))
    error = np.abs(pair.spoilt.astype(int) - pair.good).mean(-1)
    assert pair.mask.any() and error[pair.mask].mean() > 3 * error[~pair.mask].mean()


def test_a_reference_picture_follows_from_its_name_alone(reference, portrait):
    one, other = (reference.spoil("bsds", "portrait", portrait) for _ in range(2))
    assert np.array_equal(one.spoilt, other.spoilt) and not np.array_equal(
        one.spoilt, reference.spoil("bsds", "another", portrait).spoilt
    )


def test_gains_of_the_good_picture_itself_are_those_to_perfection(reference, portrait):
    pair = reference.spoil("set5", "portrait", portrait)
    found = reference.gains([pair], lambda pair: pair.good)
    assert found["ssim"][0] > 0 and found["all"][0] > 50
