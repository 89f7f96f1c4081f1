"""Pictures inside the page: as they are where they are small, else re-encoded, so that the page stays one file one can mail."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from sfumato.core.levels import Unit, to_unit
from sfumato.metrics.pictures import psnr_rgb

AS_IT_IS = 400_000  # bytes of a PNG that goes in unchanged; a larger one becomes a JPEG
JPEG = 92  # quality
THUMB = 144  # px, the larger side of a small one


def whole(path: Path) -> str:
    """A preview as a data address."""
    data = path.read_bytes()
    if len(data) <= AS_IT_IS:
        return _address(data, "png")
    with Image.open(path) as picture:
        return _jpeg(picture)


def thumb(path: Path) -> str:
    """A small one as a data address."""
    with Image.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
        return _jpeg(small)


def size(path: Path) -> tuple[int, int]:
    """(width, height), from the header."""
    with Image.open(path) as picture:
        return picture.size


def psnr(path: Path, truth: Path) -> float | None:
    """PSNR of what is shown against what it should be; None where the two have unlike sizes (a network that enlarges)."""
    one, other = _unit(path), _unit(truth)
    return psnr_rgb(one, other) if one.shape == other.shape else None


def _unit(path: Path) -> Unit:
    with Image.open(path) as picture:
        levels = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    return to_unit(levels if levels.ndim == 3 else levels[..., None])


def _jpeg(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.convert("RGB").save(data, "JPEG", quality=JPEG, subsampling=0)
    return _address(data.getvalue(), "jpeg")


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
