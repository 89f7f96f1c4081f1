"""From a file to uint8 pixels: orientation, palettes, transparency, CMYK and 16 bits brought to the one contract.

A file is read once, as bytes, and decoded from memory; what its header promises is checked before anything is decoded.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, narrow

MOST_MEGAPIXELS = 400.0  # a header that promises more is refused before decoding
ORIENTATION = 0x0112  # EXIF tag
_SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_WEIGHTS = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def read_levels(path: Path, channels: Literal[1, 3] = 3, *, most_megapixels: float = MOST_MEGAPIXELS) -> Levels:
    """Decode a picture upright: uint8 (H, W, channels).  Colours under full transparency are as the file has them.

    Refuses, by name and reason, what is missing, empty, truncated, no picture, or larger than `most_megapixels`.
    """
    return to_channels(decode(bytes_of(path), path, most_megapixels=most_megapixels), channels)


def read_size(path: Path) -> tuple[int, int]:
    """(width, height) upright, from the header alone."""
    try:
        with opened(Path(path), path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except OSError as error:
        raise _unreadable(path, error) from error
    return (height, width) if turned else (width, height)


def bytes_of(path: Path) -> bytes:
    """The whole file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}.") from error


def decode(raw: bytes, path: Path, *, most_megapixels: float = MOST_MEGAPIXELS) -> Levels:
    """Bytes -> upright uint8 (H, W, 1 or 3).  `path` is for the words of a refusal."""
    if not raw:
        raise Refusal(f"{path} is empty.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata, which pixels do not need
        try:
            with opened(raw, path, most_megapixels) as picture:
                if is_sixteen(picture):
                    return narrow(read_sixteen(raw, path))
                return _eight_bit(picture)
        except Refusal:
            raise
        except (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, MemoryError) as error:
            raise _unreadable(path, error) from error


def to_channels(picture: Levels, channels: int) -> Levels:
    """uint8 (H, W, 1 or 3) -> (H, W, channels): grey repeated, or luma by BT.601."""
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.uint8, copy=False)


def read_sixteen(raw: bytes, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """16-bit PNG or TIFF -> upright uint16 (H, W, 1 or 3), by OpenCV: Pillow keeps eight bits of colour pictures."""
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if pixels is None:
        raise _unreadable(path, OSError("its 16-bit pixels cannot be decoded"))
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * 257
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]
    return np.ascontiguousarray(pixels.astype(np.uint16, copy=False))


def opened(source: bytes | Path, path: Path, most_megapixels: float = MOST_MEGAPIXELS) -> Image.Image:
    """Header only: what it promises is checked here, before anything is decoded."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit, below, says what to do
    try:
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except UnidentifiedImageError as error:
        raise Refusal(f"{path} is no picture that can be read, whatever its name says.") from error
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise _unreadable(path, error) from error
    megapixels = picture.size[0] * picture.size[1] / 1e6
    if megapixels > most_megapixels:
        raise Refusal(f"{path} promises {picture.size[0]} x {picture.size[1]} pixels, more than the limit of {most_megapixels:g} megapixels.")
    return picture


def is_sixteen(picture: Image.Image) -> bool:
    """Whether the header promises more than eight bits a channel."""
    if picture.mode in _SIXTEEN:
        return True
    if picture.format == "PNG" and picture.tile:
        rawmode = picture.tile[0][3]
        return isinstance(rawmode, str) and rawmode.endswith(";16B")
    bits = picture.tag_v2.get(258, (8,)) if picture.format == "TIFF" else (8,)  # type: ignore[attr-defined]
    return max(bits if isinstance(bits, tuple) else (bits,)) == 16


def _eight_bit(picture: Image.Image) -> Levels:
    if picture.getexif().get(ORIENTATION, 1) != 1:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("1", "L", "LA", "La"):
        picture = picture.convert("L")
    elif picture.mode != "RGB":
        picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _unreadable(path: Path, error: BaseException) -> Refusal:
    return Refusal(f"{path} is damaged or incomplete: {str(error).rstrip('.') or type(error).__name__}.")
