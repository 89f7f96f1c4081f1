"""Contact sheets: pictures in rows and columns with titles, readable at small sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sfumato.core.levels import TOP, Levels

GAP = 6  # px between cells
TEXT = 13  # px, height of the letters
SMALL = 160  # px; smaller pictures are enlarged by whole numbers until they reach it
INK, PAPER = (40, 40, 40), (TOP, TOP, TOP)


def sheet(
    rows: Sequence[Sequence[Levels | None]], *, columns: Sequence[str] = (), labels: Sequence[str] = (), scale: int | None = None
) -> Levels:
    """Rows of uint8 (H, W, 1 or 3) pictures on one white sheet.  uint8 (H', W', 3)

    columns : titles above; labels : words above each row; scale : enlargement by whole numbers, None makes small ones larger.
    A cell may be empty (None); rows may be of unlike lengths.
    """
    pictures = [picture for row in rows for picture in row if picture is not None]
    if not pictures:
        return np.full((1, 1, 3), TOP, np.uint8)
    largest = max(max(picture.shape[:2]) for picture in pictures)
    factor = scale or max(1, -(-SMALL // largest))
    wide = [max((row[i].shape[1] * factor for row in rows if i < len(row) and row[i] is not None), default=0) for i in range(max(map(len, rows)))]  # type: ignore[union-attr]
    tall = [max((picture.shape[0] * factor for picture in row if picture is not None), default=0) for row in rows]
    line = TEXT + GAP if labels else 0
    top = GAP + (TEXT + GAP if columns else 0)
    canvas = Image.new("RGB", (GAP + sum(w + GAP for w in wide), top + sum(t + GAP + line for t in tall)), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(TEXT)
    lefts = np.cumsum([GAP, *(w + GAP for w in wide)])
    for index, title in enumerate(columns[: len(wide)]):
        draw.text((int(lefts[index]), GAP - 2), _fitting(title, wide[index], font), INK, font)
    for number, row in enumerate(rows):
        if labels:
            draw.text((GAP, top - 2), _fitting(labels[number], canvas.width - 2 * GAP, font), INK, font)
            top += line
        for index, picture in enumerate(row):
            if picture is not None:
                canvas.paste(_enlarged(picture, factor), (int(lefts[index]), top))
        top += tall[number] + GAP
    return np.asarray(canvas)


def _enlarged(picture: Levels, factor: int) -> Image.Image:
    """Every pixel becomes a square: nothing is smoothed that should be seen."""
    flat = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    return Image.fromarray(flat.repeat(factor, axis=0).repeat(factor, axis=1))


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of a text as there is room for."""
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + "…"
    return text
