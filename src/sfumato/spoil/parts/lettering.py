"""Letters: fonts that are there everywhere, and lines of text made of cached letters, which takes microseconds instead of a layout each."""

import importlib.util
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

from sfumato.core.errors import Refusal
from sfumato.spoil.parts.paint import Cover

FONTS = (  # they ship with matplotlib
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-Italic.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralBol.ttf",
)
MONO = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
WIDEST = 1.6  # no letter of these fonts is wider than this many heights of a digit
# fmt: off
WORDS = (
    "about", "above", "again", "air", "along", "always", "an", "and", "answer", "any", "apple", "bird", "book", "bridge", "by", "city",
    "clear", "cloud", "copy", "corner", "draft", "evening", "far", "film", "first", "garden", "gold", "green", "hand", "harbour", "high",
    "home", "in", "island", "its", "June", "kind", "lamp", "late", "leaf", "light", "long", "mark", "March", "May", "moon", "morning",
    "near", "new", "night", "no", "north", "note", "of", "on", "open", "original", "over", "paper", "photo", "plain", "print", "proof",
    "quiet", "river", "road", "sample", "sea", "shore", "small", "sold", "south", "star", "still", "stone", "street", "summer", "sun",
    "table", "the", "three", "time", "to", "town", "tree", "two", "under", "view", "water", "west", "white", "window", "winter", "with",
    "wood", "year",
)
# fmt: on
MEDICAL = (  # '#' is a drawn digit
    "ID ########",
    "PAT ######",
    "DOB ##.##.19##",
    "DATE ##/##/20##",
    "ACC #######",
    "CHEST PA",
    "AP SUPINE",
    "kV ##  mAs #.#",
    "SE #  IM ##/##",
    "WL ## WW ###",
    "TR ####  TE ##",
    "Z #.##  FOV ###mm",
    "R",
    "L",
)


@cache
def _folder() -> Path | None:
    found = importlib.util.find_spec("matplotlib")  # looks, and does not import
    return Path(found.submodule_search_locations[0], "mpl-data", "fonts", "ttf") if found and found.submodule_search_locations else None


@lru_cache(maxsize=512)
def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """A font at a size in px of its em; a file of the person's own if `name` is a path."""
    folder = _folder()
    path = folder / name if folder and (folder / name).exists() else Path(name)
    if path.exists():
        try:
            return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        except OSError as error:
            raise Refusal(f"{path} is no font that can be read ({error}).") from error
    if name not in FONTS:
        raise Refusal(f"There is no font file {name}. Give the path of a .ttf or .otf file, or one of: {', '.join(FONTS)}.")
    default = ImageFont.load_default(size)  # matplotlib's fonts are not where they should be
    if not isinstance(default, ImageFont.FreeTypeFont):
        raise Refusal(
            "This build of Pillow has no FreeType, so it cannot write text. Install its wheel: pip install --force-reinstall pillow."
        )
    return default


@lru_cache(maxsize=256)
def _em(name: str, height: int) -> float:
    """The size at which the digit 0 of a font is `height` px high."""
    box = _font(name, 200).getbbox("0")
    return 200 * height / (box[3] - box[1])


@dataclass(frozen=True)
class Letter:
    """One letter: what it covers, where its box stands from the pen on the baseline, and how far the pen moves.  All px."""

    cover: Cover
    left: int
    top: int
    advance: float


@lru_cache(maxsize=16384)
def letter(font: str, height: int, character: str) -> Letter:
    """A letter whose digits are `height` px high."""
    sized = _font(font, _em(font, height))
    mask, (left, top) = sized.getmask2(character, "L", anchor="ls")
    width, height = mask.size
    if not width * height:  # a space is as wide as its box
        left, top, right, bottom = (int(side) for side in sized.getbbox(character, anchor="ls"))
        return Letter(np.zeros((max(bottom - top, 1), max(right - left, 1)), np.uint8), left, top, sized.getlength(character))
    cover = np.fromiter(mask, np.uint8, width * height).reshape(height, width)
    return Letter(cover, int(left), int(top), sized.getlength(character))


def line(font: str, height: int, text: str) -> Cover:
    """A line of text, cut tight.  -> uint8 (h, w)"""
    letters = [letter(font, height, character) for character in text] or [letter(font, height, " ")]
    pens = np.cumsum([0.0] + [each.advance for each in letters[:-1]])
    lefts = [round(pen) + each.left for pen, each in zip(pens.tolist(), letters, strict=True)]
    left, top = min(lefts), min(each.top for each in letters)
    right = max(x + each.cover.shape[1] for x, each in zip(lefts, letters, strict=True))
    bottom = max(each.top + each.cover.shape[0] for each in letters)
    cover = np.zeros((bottom - top, right - left), np.uint8)
    for x, each in zip(lefts, letters, strict=True):
        rows, columns = each.cover.shape
        view = cover[each.top - top : each.top - top + rows, x - left : x - left + columns]
        np.maximum(view, each.cover, out=view)
    return cover


def block(font: str, height: int, lines: list[str]) -> Cover:
    """Lines under each other, flush left.  -> uint8 (h, w)"""
    covers = [line(font, height, text) for text in lines]
    if len(covers) == 1:
        return covers[0]
    step = round(1.5 * height)
    rows, columns = (max(cover.shape[axis] for cover in covers) for axis in range(2))
    whole = np.zeros((step * (len(covers) - 1) + rows, columns), np.uint8)
    for number, cover in enumerate(covers):
        view = whole[number * step : number * step + cover.shape[0], : cover.shape[1]]
        np.maximum(view, cover, out=view)
    return whole


def digits(rng: np.random.Generator, count: int) -> str:
    """Drawn digits, zeros in front included."""
    return str(int(rng.random() * 10**count)).zfill(count)


def words(rng: np.random.Generator, count: int) -> str:
    """Drawn words, now and then in capitals."""
    text = " ".join(WORDS[int(rng.random() * len(WORDS))] for _ in range(count))
    return text.upper() if rng.random() < 0.25 else text


def burned_in(rng: np.random.Generator, count: int) -> list[str]:
    """Lines as scanners burn them into medical pictures, with drawn digits."""
    lines = [MEDICAL[int(rng.random() * len(MEDICAL))] for _ in range(count)]
    return ["".join(digits(rng, 1) if sign == "#" else sign for sign in text) for text in lines]
