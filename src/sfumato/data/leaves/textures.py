"""What leaves are made of: textures that repeat without a seam, drawn once from a fixed seed and sampled under any affine map.

Stretching, turning and enlarging one tile gives many materials: noise becomes cloud, bark or brushed metal, stripes become wood or cloth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256  # px of a tile, which repeats beyond
_PITCH = SIDE + 1  # a tile and a copy of its first row and column, so that interpolation finds its neighbour
_SEED = 1985  # of the tiles alone; what a scene takes from them is drawn by the scene
Tile = NDArray[np.float32]
Drawer = Callable[[np.random.Generator], Tile]


def sample(kind: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]) -> Tile:
    """The value of tile `kind` at (u, v) px, each (H, W) -> (H, W) of mean 0 and spread 1."""
    across = u - np.floor(u * np.float32(1 / SIDE)) * np.float32(SIDE)
    down = v - np.floor(v * np.float32(1 / SIDE)) * np.float32(SIDE)
    down += kind * np.float32(_PITCH)
    return np.asarray(cv2.remap(_atlas(), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def count() -> int:
    """How many tiles there are."""
    return len(_DRAWERS)


@cache
def _atlas() -> Tile:
    """All tiles below each other, (count * (SIDE + 1), SIDE + 1)."""
    rng = np.random.default_rng(_SEED)
    tiles = [np.pad(_standard(draw(rng)), ((0, 1), (0, 1)), mode="wrap") for draw in _DRAWERS]
    return np.ascontiguousarray(np.concatenate(tiles), np.float32)


def _standard(tile: Tile) -> Tile:
    standard: Tile = np.divide(tile - tile.mean(), tile.std())
    return standard


# -- Noise -----------------------------------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, *, fall: float, squeeze: float = 1) -> Tile:
    """Gaussian noise whose amplitude falls like 1 / frequency ** fall; squeezed, it runs in fibres along x."""
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    radius = np.hypot(y, x * squeeze)
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / radius**fall
    return _standard(np.fft.irfft2(spectrum, s=(SIDE, SIDE)).astype(np.float32))


def _cloud(rng: np.random.Generator) -> Tile:
    return _noise(rng, fall=1.7)


def _stone(rng: np.random.Generator) -> Tile:
    return _noise(rng, fall=1.2)


def _sand(rng: np.random.Generator) -> Tile:
    return _noise(rng, fall=0.8)


def _fibre(rng: np.random.Generator) -> Tile:
    return _noise(rng, fall=1.3, squeeze=8)


def _fur(rng: np.random.Generator) -> Tile:
    return _noise(rng, fall=1.0, squeeze=3)


def _spots(rng: np.random.Generator) -> Tile:
    return np.tanh(3 * _noise(rng, fall=1.4))


def _veins(rng: np.random.Generator) -> Tile:
    return -np.sqrt(np.abs(_noise(rng, fall=1.5)))


# -- Things side by side ---------------------------------------------------------------------------------------------


def _cells(rng: np.random.Generator, *, seeds: int) -> tuple[Tile, NDArray[np.int32]]:
    """Distance to the nearest of some points, and which of them it is."""
    free = np.ones((SIDE, SIDE), np.uint8)
    free.flat[rng.choice(SIDE * SIDE, seeds, replace=False)] = 0
    nine = np.tile(free, (3, 3))
    distance, nearest = cv2.distanceTransformWithLabels(nine, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    points = np.zeros(nearest.max() + 1, np.int32)  # the nine copies of a point are one
    y, x = np.nonzero(nine == 0)
    points[nearest[y, x]] = (y % SIDE) * SIDE + x % SIDE
    middle = slice(SIDE, 2 * SIDE)
    return np.asarray(distance[middle, middle], np.float32), points[nearest[middle, middle]]


def _pebbles(rng: np.random.Generator) -> Tile:
    distance, owner = _cells(rng, seeds=220)
    shade = rng.normal(size=SIDE * SIDE).astype(np.float32)
    return 0.7 * shade[owner] - _standard(distance) + 0.3 * _noise(rng, fall=1.2)


def _mosaic(rng: np.random.Generator) -> Tile:
    _, owner = _cells(rng, seeds=120)
    return _soft(rng.normal(size=SIDE * SIDE).astype(np.float32)[owner])


def _blades(rng: np.random.Generator) -> Tile:
    """Short strokes over each other, as in grass and hair."""
    tile = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(2500):
        x, y = rng.uniform(0, SIDE, 2)
        angle, length = rng.normal(np.pi / 2, 0.5), rng.uniform(8, 30)
        dx, dy = np.cos(angle) * length, np.sin(angle) * length
        tone, width = float(rng.normal()), int(rng.integers(1, 4))
        for left in (x - SIDE, x):  # what leaves on one side comes in on the other
            for top in (y - SIDE, y):
                cv2.line(tile, (int(left), int(top)), (int(left + dx), int(top + dy)), tone, width)
    return _soft(tile)


def _soft(tile: Tile) -> Tile:
    """Edges as wide as a lens leaves them."""
    padded = np.pad(tile, 4, mode="wrap")
    return np.asarray(cv2.GaussianBlur(padded, (0, 0), 0.7), np.float32)[4:-4, 4:-4]


# -- What people make ------------------------------------------------------------------------------------------------


def _grid(period: int) -> tuple[Tile, Tile]:
    y, x = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32), indexing="ij")
    return y * np.float32(2 * np.pi / period), x * np.float32(2 * np.pi / period)


def _waves(_: np.random.Generator) -> Tile:
    return np.sin(_grid(16)[0])


def _bars(rng: np.random.Generator) -> Tile:
    """Bands of unlike widths and tones, as of planks, cloth or books."""
    edges = np.sort(rng.choice(SIDE, 28, replace=False))
    tones = rng.normal(size=29)
    tones[-1] = tones[0]
    rows = tones[np.searchsorted(edges, np.arange(SIDE), side="right")]
    return _soft(np.repeat(rows[:, None], SIDE, axis=1).astype(np.float32))


def _stripes(_: np.random.Generator) -> Tile:
    return _standard(np.tanh(4 * np.sin(_grid(16)[0])))


def _checks(_: np.random.Generator) -> Tile:
    y, x = _grid(32)
    return _standard(np.tanh(6 * np.sin(y) * np.sin(x)))


def _bricks(rng: np.random.Generator) -> Tile:
    """Rows of stones with light joints, every other row shifted by half."""
    high, wide = 32, 64
    y, x = np.indices((SIDE, SIDE))
    row = y // high
    x = (x + row % 2 * wide // 2) % SIDE
    joint = (y % high < 4) | (x % wide < 4)
    tones = rng.normal(0, 0.35, (SIDE // high, SIDE // wide))
    return _soft(np.where(joint, 2.0, tones[row, x // wide]).astype(np.float32))


def _writing(rng: np.random.Generator) -> Tile:
    """Lines of words."""
    tile = np.zeros((SIDE, SIDE), np.uint8)
    letters = "aabcdeeefghiiklmnnooprrssttuvwyzABEHMNRST0123456789"
    for line in range(SIDE // 16):
        at = int(rng.integers(0, 12))
        while at < SIDE - 60:
            word = "".join(rng.choice(list(letters), int(rng.integers(2, 8))))
            cv2.putText(tile, word, (at, line * 16 + 12), cv2.FONT_HERSHEY_COMPLEX_SMALL, 0.6, 1, 1, cv2.LINE_8)
            at += cv2.getTextSize(word, cv2.FONT_HERSHEY_COMPLEX_SMALL, 0.6, 1)[0][0] + 7
    return _soft(tile.astype(np.float32))


_DRAWERS: tuple[Drawer, ...] = (
    _cloud, _stone, _sand, _fibre, _fur, _spots, _veins, _pebbles, _mosaic, _blades,
    _waves, _bars, _stripes, _checks, _bricks, _writing,
)  # fmt: skip
CLOUD, STONE, FUR = 0, 1, 4
NATURAL = 10  # so many tiles, the first ones, look grown; the others look made
