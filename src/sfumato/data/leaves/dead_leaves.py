"""Scenes of leaves that hide each other: pictures without end whose edges, textures and spectra are like a photograph's.

Discs with radii from a power law, laid over each other, share many statistics of natural pictures (Lee, Mumford, Huang 2001;
Gousseau, Roueff 2007), and networks trained on them repair photographs (Achddou, Gousseau, Ladjal 2021).  Here leaves come
in several shapes and in a few materials a scene, each at home in its own part of it; they are shaded, throw shadows and
lie in or out of focus.  Nothing is taken from any picture, so nobody's licence goes with what is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, to_levels
from sfumato.core.seed import Seed
from sfumato.data.items import Item, Items
from sfumato.data.leaves import shapes, textures
from sfumato.data.leaves.textures import CLOUD, FUR, NATURAL, STONE

Field = NDArray[np.float32]
Numbers = NDArray[np.float64]
FINER = 2  # a scene is painted so many times larger and then shrunk: edges come out smooth
SHIFT = 4  # bits below the pixel for corners of outlines
SMALLEST, LARGEST = 8, 4096  # px, sides of a scene
BLACK, SHOULDER, WHITE = 0.05, 0.75, 1.03  # tones: below it is black, above it they bend, by so much white is missed
_ORANGE_BLUE = np.array([0.75, 0.10, -0.85])  # the two ways in which natural colours leave grey, the first far more often:
_GREEN_PINK = np.array([0.41, -0.82, 0.41])  # daylight and its shade, and what grows (Ruderman, Cronin, Chiao 1998)


@dataclass(frozen=True)
class Scene:
    """A picture and what it is made of.

    picture : uint8 (H, W, 3).  labels : int32 (H, W), which leaf a pixel shows; 0 is the ground, and a higher one lies further in front.
    depth : float32 (H, W) in 0..1, the order of the leaves: 0 the foremost, 1 the ground.
    """

    picture: Levels
    labels: NDArray[np.int32]
    depth: Field


def generate(rng: np.random.Generator, side: int | tuple[int, int]) -> Scene:
    """One scene of `side` px, or of (height, width) px.  Refuses sides outside 8..4096 px."""
    height, width = (side, side) if isinstance(side, int) else side
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        raise Refusal(f"A scene of {width} x {height} px was asked for, but sides must be within {SMALLEST}..{LARGEST} px.")
    leaves = _scatter(rng, height, width)
    labels = _paint(leaves, height, width)
    depth = np.linspace(1, 0, len(leaves.x), dtype=np.float32)[labels]
    picture = _field(cv2.resize(_light(rng, leaves, labels, depth), (width, height), interpolation=cv2.INTER_AREA))
    small = slice(FINER // 2, None, FINER)
    near = np.ascontiguousarray(depth[small, small])
    return Scene(to_levels(_focus(rng, picture, near)), np.ascontiguousarray(labels[small, small]), near)


def _field(array: object) -> Field:
    return np.asarray(array, np.float32)  # OpenCV's types say only that it is an array of numbers


# -- Where leaves lie ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Leaves:
    """All leaves of a scene from back to front, the first being the ground.  Lengths in px of the finer canvas."""

    x: Numbers
    y: Numbers
    radius: Numbers
    outlines: list[NDArray[np.float32]]
    look: Field  # (N, numbers of a leaf's look), see _LOOK


def _scatter(rng: np.random.Generator, height: int, width: int) -> _Leaves:
    """Places and sizes of a Poisson process of leaves, of which those are drawn that can touch the picture."""
    smallest, largest = np.exp(rng.uniform(np.log(0.8), np.log(6))), np.exp(rng.uniform(np.log(40), np.log(200)))
    radii = np.geomspace(smallest, largest, 200)
    share = radii ** (1 - rng.uniform(2.3, 3.2))  # of a density in radius, over steps in its logarithm
    share /= share.sum()
    cover = rng.uniform(1.0, 3.0)  # how often a point is covered on average
    density = cover / (np.pi * (share * radii**2).sum())  # leaves a px
    touching = share * (height + 2 * radii) * (width + 2 * radii)
    count = max(1, int(rng.poisson(density * touching.sum())))
    radius = radii[np.searchsorted(np.cumsum(touching) / touching.sum(), rng.random(count))]
    x = rng.uniform(-radius, width + radius)
    y = rng.uniform(-radius, height + radius)
    ground = 0.5 * max(height, width)
    x, y, radius = (np.concatenate([[first], rest]) for first, rest in ((width / 2, x), (height / 2, y), (ground, radius)))
    look, kinds, turns = _looks(rng, x / width, y / height, radius)
    outlines = shapes.outlines(rng, kinds, radius * FINER, turns)
    return _Leaves(x * FINER, y * FINER, radius * FINER, outlines, look)


def _paint(leaves: _Leaves, height: int, width: int) -> NDArray[np.int32]:
    """Which leaf each pixel of the finer canvas shows."""
    labels = np.zeros((height * FINER, width * FINER), np.int32)
    centres = np.stack([leaves.x, leaves.y], axis=-1).astype(np.float32)
    for index in range(1, len(centres)):
        corners = np.rint((leaves.outlines[index] + (centres[index] - 0.5)) * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(labels, [corners], (index,), lineType=cv2.LINE_8, shift=SHIFT)
    return labels


# -- What leaves look like -------------------------------------------------------------------------------------------

_LOOK = (
    "red",
    "green",
    "blue",
    "slope_x",
    "slope_y",
    "round",
    "tile",
    "uu",
    "uv",
    "vu",
    "vv",
    "u0",
    "v0",
    "deep_r",
    "deep_g",
    "deep_b",
    "grain",
)


def _looks(rng: np.random.Generator, x: Numbers, y: Numbers, radius: Numbers) -> tuple[Field, NDArray[np.int64], Numbers]:
    """Numbers of each leaf's look, kind of shape and angle: those of a material, and a little of its own."""
    count, materials = len(x), int(rng.integers(3, 9))
    made = _material(rng, x, y, materials)
    colours = _colours(rng, materials)
    own = rng.normal(0, 1, (count, 3)) * rng.gamma(1.5, 0.12, materials)[made, None]
    base = colours[made] + own @ np.stack([np.ones(3), 0.3 * _ORANGE_BLUE, 0.15 * _GREEN_PINK])

    angles = rng.uniform(0, np.pi, materials) * (rng.random(materials) < 0.5)  # half the materials stand upright or lie
    turns = angles[made] + rng.integers(0, 2, count) * (np.pi / 2) + rng.normal(0, 1, count) * rng.gamma(1, 0.3, materials)[made]
    liking = rng.dirichlet(np.array([0.9, 0.6, 0.8, 0.5, 0.25, 0.3]), materials)
    kinds = (np.cumsum(liking, axis=1)[made] < rng.random((count, 1))).sum(axis=1).clip(0, len(shapes.KINDS) - 1)

    shading = rng.normal(0, 0.12, (count, 3)) / np.stack([radius, radius, radius**2], axis=-1) / FINER ** np.array([1, 1, 2])
    shading[:, 2] = -np.abs(shading[:, 2])  # bodies are bright where they bulge
    look = np.concatenate([base, shading, _textures(rng, made, materials, turns)], axis=1)
    return look.astype(np.float32), kinds, turns


def _material(rng: np.random.Generator, x: Numbers, y: Numbers, materials: int) -> NDArray[np.int64]:
    """Which material each leaf is of: each is at home on one side of the scene, and at one depth."""
    place = np.stack([x - 0.5, y - 0.5, np.linspace(-0.5, 0.5, len(x)), np.ones(len(x))], axis=-1)
    liking = place @ rng.normal(0, [[4], [4], [3], [1]], (4, materials))
    best: NDArray[np.int64] = np.argmax(liking + rng.gumbel(0, rng.uniform(0.2, 1.5), liking.shape), axis=1)
    return best


def _colours(rng: np.random.Generator, count: int) -> Numbers:
    """Logarithms of encoded red, green and blue: (count, 3).  Chroma has long tails, and a scene has a cast of its own."""
    light = np.log(rng.uniform(0.2, 0.55)) + rng.normal(0, rng.uniform(0.3, 0.65), count)
    vivid = rng.gamma(2, 0.09)
    orange = rng.laplace(0, vivid, count) + rng.normal(0.04, 0.1)
    green = rng.laplace(0, 0.4 * vivid, count) + rng.normal(0, 0.03)
    chroma: Numbers = orange[:, None] * _ORANGE_BLUE + green[:, None] * _GREEN_PINK
    colours: Numbers = light[:, None] + chroma
    return colours


def _textures(rng: np.random.Generator, made: NDArray[np.int64], materials: int, turns: Numbers) -> Numbers:
    """Tile, affine map into it, and depth of the texture in each colour and of its fine grain: (N, 11)."""
    count = len(made)
    grown = rng.random(materials) < 0.75
    tiles = np.where(grown, rng.integers(0, NATURAL, materials), rng.integers(NATURAL, textures.count(), materials))
    scale = np.exp(rng.uniform(np.log(0.25), np.log(2), materials))[made] * np.exp(rng.normal(0, 0.25, count))  # tile px a px
    stretch = np.exp(rng.normal(0, 0.35, materials))[made]
    angle = turns + (rng.random(materials) * np.pi)[made]
    cosine, sine = np.cos(angle) * scale / FINER * 2, np.sin(angle) * scale / FINER * 2
    affine = np.stack([cosine * stretch, sine * stretch, -sine / stretch, cosine / stretch], axis=-1)
    offset = rng.uniform(0, textures.SIDE, (count, 2))
    strength = np.minimum(rng.gamma(1.0, 0.15, materials), 0.55)[made] * rng.uniform(0.5, 1.3, count)  # many are nearly smooth
    hue = 1 + rng.normal(0, 0.25, (materials, 1)) * _ORANGE_BLUE + rng.normal(0, 0.1, (materials, 1)) * _GREEN_PINK
    grain = rng.gamma(0.8, 0.08, materials)[made] * rng.uniform(0.3, 1.5, count)
    return np.concatenate([tiles[made, None], affine, offset, strength[:, None] * hue[made], grain[:, None]], axis=1)


# -- Light -----------------------------------------------------------------------------------------------------------


def _light(rng: np.random.Generator, leaves: _Leaves, labels: NDArray[np.int32], depth: Field) -> Field:
    """The finer canvas in colour: float32 (H, W, 3), encoded, 0..1.  Everything is added in logarithms, as light multiplies."""
    look = {name: np.ascontiguousarray(column) for name, column in zip(_LOOK, leaves.look.T, strict=True)}
    height, width = labels.shape
    x = np.arange(width, dtype=np.float32) - leaves.x.astype(np.float32)[labels]
    y = np.arange(height, dtype=np.float32)[:, None] - leaves.y.astype(np.float32)[labels]
    u = look["uu"][labels] * x + look["uv"][labels] * y + look["u0"][labels]
    v = look["vu"][labels] * x + look["vv"][labels] * y + look["v0"][labels]
    texture = textures.sample(look["tile"][labels], u, v)
    shade = look["slope_x"][labels] * x + look["slope_y"][labels] * y + look["round"][labels] * (x * x + y * y)
    shade += _daylight(rng, height, width) - _shadow(rng, depth) + look["grain"][labels] * _grain(rng, u, v)
    picture = np.empty((height, width, 3), np.float32)
    for channel, (base, deep) in enumerate((("red", "deep_r"), ("green", "deep_g"), ("blue", "deep_b"))):
        picture[..., channel] = shade + look[base][labels] + look[deep][labels] * texture
    cv2.exp(picture, picture)
    bright = picture > SHOULDER  # as on film, highlights bend towards white instead of breaking off
    picture[bright] = 1 - (1 - SHOULDER) ** 2 / (picture[bright] + (1 - 2 * SHOULDER))
    picture = np.clip((picture - BLACK) * (WHITE / (1 - BLACK)), 0, 1)
    sharpness = rng.uniform(0.3, 0.8)  # px of the finer canvas: no lens is perfect
    return _field(cv2.GaussianBlur(picture, (0, 0), sharpness))


def _grain(rng: np.random.Generator, u: Field, v: Field) -> Field:
    """Detail within the detail, at the size of pixels, along the fibres of what it lies on."""
    finer = np.float32(np.exp(rng.uniform(0, 1.2)))
    return textures.sample(np.full(u.shape, rng.integers(STONE, FUR + 1), np.float32), u * finer, v * finer)


def _daylight(rng: np.random.Generator, height: int, width: int) -> Field:
    """Light that changes slowly over the scene."""
    scale = np.exp(rng.uniform(np.log(0.03), np.log(0.3))) / FINER
    left, top = rng.uniform(0, textures.SIDE, 2)
    across = np.broadcast_to(np.float32(left) + np.arange(width, dtype=np.float32) * np.float32(scale), (height, width))
    down = np.broadcast_to((np.float32(top) + np.arange(height, dtype=np.float32) * np.float32(scale))[:, None], (height, width))
    return textures.sample(np.full((height, width), CLOUD, np.float32), across, down) * np.float32(rng.gamma(2, 0.06))


def _shadow(rng: np.random.Generator, depth: Field) -> Field:
    """Darkness beside leaves that stand in front: soft, on the side away from the light."""
    strength, reach = rng.gamma(1.5, 0.25), float(np.exp(rng.uniform(np.log(2), np.log(12)))) * FINER
    size = int(reach) | 1
    angle = rng.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, reach / 2 * np.cos(angle)], [0, 1, reach / 2 * np.sin(angle)]])
    moved = cv2.warpAffine(depth, move, (depth.shape[1], depth.shape[0]), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
    around = _field(cv2.blur(cv2.blur(moved, (size, size)), (size, size)))
    shadow: Field = np.maximum(depth - around, 0) * np.float32(strength)
    return shadow


def _focus(rng: np.random.Generator, picture: Field, depth: Field) -> Field:
    """What lies before or behind the plane of focus is blurred, in one scene of three."""
    if rng.random() < 0.67:
        return picture
    far, aperture = rng.random(), rng.gamma(1.5, 1.2)  # px of blur over the whole depth
    wanted = _field(cv2.GaussianBlur(np.abs(depth - np.float32(far)) * np.float32(aperture), (0, 0), 1.5))
    for sigma, before in ((0.8, 0.0), (1.8, 0.8), (4.0, 1.8)):
        if wanted.max() > before:
            share = np.clip((wanted - before) / (sigma - before), 0, 1)[..., None]
            picture = picture + share * (_field(cv2.GaussianBlur(picture, (0, 0), sigma)) - picture)
    return picture


# -- As items --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MadeScene:
    """Makes one picture of a series: a value, so that it can be handed to a worker."""

    seed: int
    index: int
    side: int

    def __call__(self) -> Levels:
        """uint8 (side, side, 3), the same on every call."""
        return scene(self).picture


@lru_cache(maxsize=2)
def scene(made: MadeScene) -> Scene:
    """All of a series' scene; who asks for its picture and then for its depth has it made once.  Never written to."""
    found = generate(Seed(made.seed).at("dead-leaves", 0, made.index), made.side)
    for part in (found.picture, found.labels, found.depth):
        part.flags.writeable = False
    return found


def items(count: int, side: int, seed: int) -> Items:
    """A series of scenes, each made when it is looked at; the first ones are the same however many are asked for."""
    return Items(tuple(Item(f"leaves-{index:05d}", make=MadeScene(seed, index, side)) for index in range(count)))
