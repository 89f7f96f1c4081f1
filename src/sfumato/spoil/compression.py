"""What real encoders leave of a picture: it is written and read again, in memory, by libjpeg and libwebp."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sfumato.core.errors import Refusal, check_range
from sfumato.core.levels import Levels
from sfumato.spoil.parts.paint import with_channels
from sfumato.spoil.parts.ranges import Range, draw, note, pick

Subsampling = Literal["444", "422", "420"]
_FACTORS = {
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


@dataclass(frozen=True, kw_only=True)
class Jpeg:
    """Compress as JPEG.

    quality : 1..100 as in libjpeg, drawn once a picture as a whole number.
    subsampling : of the colours, one of those given, drawn once a picture: 420 (as most programs write), 422, 444 (none).
    shift : px by which the blocks begin above and left of the picture, 0..15, two whole numbers drawn once a picture: what is left of a
        file that was cut after it was written.
    """

    quality: Range = (10, 70)
    subsampling: tuple[Subsampling, ...] = ("420",)
    shift: Range = (0, 0)

    def __post_init__(self) -> None:
        check_range("The quality of jpeg", self.quality, within=(1, 100))
        check_range("The shift of jpeg", self.shift, within=(0, 15))

    @property
    def reach(self) -> int:
        """px: a block of 8, or of 16 where colours are halved and smoothed on reading."""
        return 7 if set(self.subsampling) == {"444"} else 16

    def context(self, low: int, high: int) -> tuple[int, int]:
        """Whole blocks, of a picture that starts with one; where colours are smoothed, a halved pixel more; a block more if they shift."""
        block, smooth = (8, 0) if set(self.subsampling) == {"444"} else (16, 2)
        around = smooth + (block if self.shift[1] else 0)
        return (low - around) // block * block, -(-(high + around) // block) * block

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        quality, subsampling = round(draw(rng, self.quality)), pick(rng, self.subsampling, "subsampling")
        note(rng, "quality", quality)
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[subsampling]]
        if not self.shift[1]:
            return _through(picture, ".jpg", options)
        down, right = (round(draw(rng, self.shift, name)) for name in ("down", "right"))
        larger = np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="symmetric")
        return np.ascontiguousarray(_through(larger, ".jpg", options)[down:, right:])


@dataclass(frozen=True, kw_only=True)
class Webp:
    """Compress as lossy WebP.

    Its blocks are guessed from their neighbours, so what it leaves may hang on pixels far off; the reach counts one block.

    quality : 1..100 as in libwebp, drawn once a picture as a whole number.
    """

    quality: Range = (10, 70)

    def __post_init__(self) -> None:
        check_range("The quality of webp", self.quality, within=(1, 100))

    @property
    def reach(self) -> int:
        """px: a block."""
        return 16

    def __call__(self, picture: Levels, rng: np.random.Generator) -> Levels:
        """uint8 (H, W, C) -> the same shape."""
        quality = round(draw(rng, self.quality))
        note(rng, "quality", quality)
        return _through(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def _through(picture: Levels, suffix: str, options: list[int]) -> Levels:
    grey = picture.shape[2] == 1
    try:
        written, data = cv2.imencode(suffix, picture if grey else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    except cv2.error:
        written = False
    if not written:
        height, width = picture.shape[:2]
        raise Refusal(f"{suffix[1:].upper()} cannot hold a picture of {width} x {height} px: WebP ends at 16383 px a side, JPEG at 65500.")
    read = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    if read is None:
        raise RuntimeError(f"What was written as {suffix} could not be read again.")
    return with_channels(np.asarray(read if grey else cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8))
