"""The verb depth, as it is typed."""

import json

import numpy as np
from PIL import Image

from tests.tasks.test_depth import folder, run, scene  # noqa: F401  # fixtures


def test_depths_are_drawn_for_files_and_folders(run, folder, tmp_path, here, rng):  # noqa: F811
    Image.fromarray(scene(rng)[0]).save(tmp_path / "one.jpg", quality=95)
    done = here("depth", run / "last.safetensors", tmp_path / "one.jpg")
    assert done.returncode == 0 and Image.open(tmp_path / "one-depth.png").size == (48, 40)
    done = here("depth", run / "last.safetensors", folder / "pictures", "--draw", "map", "--out", tmp_path / "maps", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["done"] == 30
    seen, truth = (np.asarray(Image.open(place / "03.png")).astype(float) for place in (tmp_path / "maps", folder / "maps"))
    known = truth > 0
    assert np.median(np.abs(seen[known] / truth[known] - 1)) < 0.15


def test_a_model_is_scored_beside_known_depths(run, folder, here):  # noqa: F811
    done = here("eval", run / "last.safetensors", folder / "pictures", "--depths", folder / "maps")
    assert done.returncode == 0 and "delta1" in done.stdout and "constant" in done.stdout
    done = here("eval", run / "last.safetensors", folder / "pictures")
    assert done.returncode == 2 and "--depths" in done.stderr
