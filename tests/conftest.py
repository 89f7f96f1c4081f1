"""Pictures and generators the tests share: real, small, and free to use."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

from sfumato.core.levels import Levels


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def portrait() -> Levels:
    """uint8 (128, 128, 3): a face and a flag."""
    return np.ascontiguousarray(pictures.astronaut()[20:276:2, 130:386:2])


@pytest.fixture
def photograph_folder(tmp_path: Path) -> Path:
    """Six small photographs in two folders, JPEG and PNG."""
    folder = tmp_path / "photographs"
    for number, name in enumerate(["coffee", "rocket", "astronaut"]):
        picture = cv2.resize(getattr(pictures, name)(), (160, 120), interpolation=cv2.INTER_AREA)
        for side, kind in (("left", "jpg"), ("right", "png")):
            path = folder / side / f"{name}{number}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture[:, ::-1] if side == "left" else picture).save(path)
    return folder


class SizesLimited:
    """From the call on, until the test's own code ends, no file of this process may grow beyond so many bytes: a disk that is full."""

    def __init__(self) -> None:
        self.resource = pytest.importorskip("resource", reason="there are no such limits on Windows")
        self.before = self.resource.getrlimit(self.resource.RLIMIT_FSIZE)

    def __call__(self, most: int) -> None:
        self.resource.setrlimit(self.resource.RLIMIT_FSIZE, (most, self.before[1]))

    def lift(self) -> None:
        self.resource.setrlimit(self.resource.RLIMIT_FSIZE, self.before)


@pytest.fixture
def sizes_limited() -> Iterator[Callable[[int], None]]:
    """See `SizesLimited`."""
    limit = SizesLimited()
    yield limit
    limit.lift()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A limit is lifted before pytest reports, for its report may go to a file that is longer than the limit already."""
    try:
        return (yield)
    finally:
        if isinstance(limit := pyfuncitem.funcargs.get("sizes_limited"), SizesLimited):
            limit.lift()
