"""Contact sheets: pictures in rows and columns with titles, readable at small sizes; and how pictures for people are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sfumato.core import files
from sfumato.core.levels import TOP, Levels

GAP = 6  # px between cells
TEXT = 13  # px, height of the letters
LINE = TEXT + GAP  # px that a line of text takes
SMALL = 160  # px; smaller pictures are enlarged by whole numbers until they reach it
INK, PAPER = (40, 40, 40), (TOP, TOP, TOP)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rows = Sequence[Sequence[Levels | None]]


def sheet(rows: Rows, *, columns: Sequence[str] = (), labels: Sequence[str] = (), scale: int | None = None) -> Levels:
    """Rows of uint8 (H, W, 1 or 3) pictures on one white sheet.  uint8 (H', W', 3)

    columns : titles above; labels : words above each row; scale : enlargement by whole numbers, None makes small ones larger.
    A cell may be empty (None); rows may be of unlike lengths.
    """
    pictures = [picture for row in rows for picture in row if picture is not None]
    factor = scale or max(1, -(-SMALL // max((max(picture.shape[:2]) for picture in pictures), default=SMALL)))
    font = ImageFont.load_default(TEXT)
    titled = [round(font.getlength(title)) + GAP for title in columns]
    wide = [max(pair) for pair in zip_longest(_largest(zip_longest(*rows), 1, factor), titled, fillvalue=0)]
    tall = _largest(rows, 0, factor)
    lefts = list(accumulate((width + GAP for width in wide), initial=GAP))
    head, line = (LINE if columns else 0), (LINE if labels else 0)
    tops = list(accumulate((line + height + GAP for height in tall), initial=GAP + head))

    canvas = Image.new("RGB", (lefts[-1], tops[-1]), PAPER)
    draw = ImageDraw.Draw(canvas)
    for left, title in zip(lefts, columns):
        draw.text((left, GAP - 2), title, INK, font)
    for top, label in zip(tops, labels[: len(tall)]):
        draw.text((GAP, top - 2), _fitting(label, canvas.width - 2 * GAP, font), INK, font)
    for top, row in zip(tops, rows):
        for left, picture in zip(lefts, row):
            if picture is not None:
                canvas.paste(_enlarged(picture, factor), (left, top + line))
    return np.array(canvas)


def gallery(pictures: Sequence[Levels], captions: Sequence[str], *, across: int = 6) -> Levels:
    """Pictures one after the other in rows of `across`, each with its own words below.  uint8 (H, W, 1 or 3) each -> (H', W', 3)

    Words that are wider than their picture go on in a second line, after a comma where there is one.
    """
    cells: list[Levels | None] = [_captioned(picture, caption) for picture, caption in zip(pictures, captions, strict=True)]
    return sheet([cells[first : first + across] for first in range(0, len(cells), across)], scale=1)


def _captioned(picture: Levels, caption: str) -> Levels:
    font = ImageFont.load_default(TEXT)
    shown = _enlarged(picture, max(1, -(-SMALL // max(picture.shape[:2]))))
    width = max(SMALL, shown.width)
    canvas = Image.new("RGB", (width, shown.height + 2 * LINE), PAPER)
    canvas.paste(shown, ((width - shown.width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(_in_two(caption, width, font)):
        draw.text((0, shown.height + 1 + number * (LINE - 1)), _fitting(line, width, font), INK, font)
    return np.array(canvas)


def _in_two(text: str, width: int, font: Font) -> list[str]:
    first, comma, rest = text.partition(", ")
    return [first + ",", rest] if comma and font.getlength(text) > width else [text]


def _largest(lists: Rows | zip_longest[tuple[Levels | None, ...]], axis: int, factor: int) -> list[int]:
    """The longest side along an axis in each list of cells, on the sheet."""
    return [max((cell.shape[axis] * factor for cell in cells if cell is not None), default=0) for cells in lists]


def _enlarged(picture: Levels, factor: int) -> Image.Image:
    """Every pixel becomes a square: nothing is smoothed that should be seen."""
    colour = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    return Image.fromarray(colour.repeat(factor, axis=0).repeat(factor, axis=1))


def _fitting(text: str, width: int, font: Font) -> str:
    """As much of a text as there is room for."""
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + "…"
    return text


def save_png(path: Path, picture: NDArray[Any]) -> None:
    """A PNG, at once or not at all: uint8 (H, W, 1 or 3), or uint8 or uint16 (H, W)."""
    with files.replacing(path) as aside:
        Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture).save(aside, format="PNG")
