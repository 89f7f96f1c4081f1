"""From a file to pixels: orientation, palettes, transparency, CMYK, profiles and 16 bits brought to the one contract.

A file is read once, as bytes, and decoded from memory; what its header promises is checked before anything is decoded.  There is one
decoder, so the same file gives the same pixels in training and in use: Pillow; OpenCV for 16 bits, of which Pillow drops half (`ppm` for
those of PPM), and for plain JPEG, which it decodes to equal pixels in less time (a fifth to a half) but, when the file is cut short,
without a word.
"""

from __future__ import annotations

import io
import re
import stat
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sfumato.core.errors import Refusal, Undecodable
from sfumato.core.levels import Levels, narrow
from sfumato.data.reading import png, ppm, profiles, sixteen

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

MOST_MEGAPIXELS = 400.0  # a header that promises more is refused before decoding
# Beyond so many pixels a file must hold a byte for every hundred of them, or it is a bomb: a photograph takes ten bytes and more.  Masks
# and scans of text, in a palette or in black and white, are honest with less.
ALWAYS_MEGAPIXELS, PIXELS_A_BYTE, FLAT_A_BYTE = 8.0, 100, 1000
MOST_SCANS = 100  # of a progressive JPEG, each of which goes over the whole picture; programs write about ten
LARGE = 64 << 20  # bytes; of a larger file the header is looked at before the rest is read, and it may hold 16 bytes a pixel beyond
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow knows more, some of which run other programs
HEIC = (b"heic", b"heix", b"heim", b"heis", b"mif1")  # brands of ISO/IEC 23008-12 that phones write, read by the extra `heic`
ORIENTATION = 0x0112  # tag of EXIF and TIFF
_BITS, _WIDTH, _HEIGHT = 258, 256, 257  # tags of TIFF


@dataclass(frozen=True)
class Decoded:
    """What a file holds, upright, as it is encoded there.

    pixels : uint8 or uint16 (H, W, 1 or 3).  alpha : the same type, (H, W), or None.  profile : ICC of `pixels`, or None.
    opened : the file as Pillow sees it, for metadata.  colour_chunks : of a PNG, what says by numbers how its colours are meant.
    """

    pixels: Pixels
    alpha: Pixels | None
    profile: bytes | None
    opened: Image.Image
    colour_chunks: png.Chunks = ()


def read_levels(
    path: Path, channels: Literal[1, 3] | None = 3, *, most_megapixels: float = MOST_MEGAPIXELS, least: int | None = None
) -> Levels:
    """Decode a picture upright, in sRGB: uint8 (H, W, channels).  What is transparent takes the colour of what is visible beside it.

    channels : None: as it is stored.
    least : a JPEG may come out 2, 4 or 8 times smaller (each pixel a mean of a square), while its short side keeps so many px.
    Refuses, by name and reason, what is missing, empty, truncated, no picture, or larger than `most_megapixels`.
    """
    return levels_of(decode(bytes_of(path), path, most_megapixels=most_megapixels, least=least), channels)


def levels_of(found: Decoded, channels: Literal[1, 3] | None = 3) -> Levels:
    """What was decoded, as `read_levels` gives it."""
    pixels = found.pixels if found.alpha is None else bleed(found.pixels, found.alpha)
    levels = _in_srgb(pixels, found.profile)
    return levels if channels is None else to_channels(levels, channels)


def read_values(path: Path) -> tuple[Pixels, Levels | None]:
    """What a file stores, for masks and depth maps, and the colours of its palette, uint8 (K, 3), where it has one.

    (H, W) of a grey or palette one, the numbers themselves; (H, W, 3) of one in colours.  Nothing is turned, converted or blended: a mask
    is no photograph, and may hold few colours over many pixels.  Refuses what `read_levels` does, and JPEG.
    """
    raw = bytes_of(path)
    if not raw:
        raise Undecodable(f"{path} is empty.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(io.BytesIO(raw), path, len(raw), MOST_MEGAPIXELS, flat=True)
        if picture.format in ("JPEG", "MPO"):
            raise Refusal(f"{path} is a JPEG, in which numbers are mixed at every edge: give masks and depth maps as PNG or TIFF.")
        try:
            if picture.mode == "1":
                return np.asarray(picture).astype(np.uint8), None
            values = np.asarray(picture if picture.mode[:4] in ("L", "P", "I;16") else picture.convert("RGB"))
            return values, np.array(picture.getpalette(), np.uint8).reshape(-1, 3) if picture.mode == "P" else None
        except Exception as error:  # what Pillow raises for damaged files has no common type
            raise _undecodable(path, error) from error


def read_size(path: Path) -> tuple[int, int]:
    """(width, height) upright, from the header alone."""
    path = Path(path)
    length = _length(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = _open(file, path, length, MOST_MEGAPIXELS)
            turned = orientation(picture) in (5, 6, 7, 8)
            # of a TIFF, some versions of Pillow give the size upright already, and others do not
            width, height = _tiff_size(picture) if picture.format == "TIFF" else picture.size
    except Refusal:
        raise
    except Exception as error:
        raise _undecodable(path, error) from error
    return (height, width) if turned else (width, height)


def bytes_of(path: Path) -> bytes:
    """The whole file; refused when it is none (a pipe, a device), or holds far more than its picture needs."""
    path = Path(path)
    length = _length(path)
    if length > LARGE:
        width, height = read_size(path)
        if length > LARGE + 16 * width * height:
            raise Undecodable(f"{path} holds {length >> 20} MB, far more than its {width} x {height} pixels need.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _length(path: Path) -> int:
    """Bytes of a file."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise Undecodable(f"{path} is not a file that can be read: it is a folder, a pipe or a device.")
    return status.st_size


def _unreadable(path: Path, error: OSError) -> Undecodable:
    return Undecodable(f"{path} cannot be read: {error.strerror or error}.")


def decode(raw: bytes, path: Path, *, most_megapixels: float = MOST_MEGAPIXELS, least: int | None = None) -> Decoded:
    """A file's bytes, decoded.  `path` is for the words of a refusal; `least` as `read_levels` has it."""
    if not raw:
        raise Undecodable(f"{path} is empty.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata, which pixels do not need
        picture = _open(io.BytesIO(raw), path, len(raw), most_megapixels)
        if picture.info.get("progressive") and scans(raw) > MOST_SCANS:
            raise Undecodable(f"{path} goes over its picture more than {MOST_SCANS} times, which is a bomb, not a photograph.")
        try:
            found = _sixteen_bit(raw, picture) if _is_sixteen(picture) else _eight_bit(raw, picture, least)
        except Exception as error:  # what Pillow raises for damaged files has no common type
            raise _undecodable(path, error) from error
    return replace(found, colour_chunks=png.colour_chunks(raw)) if picture.format == "PNG" else found


def _in_srgb(pixels: Pixels, profile: bytes | None) -> Levels:
    levels = narrow(pixels.astype(np.uint16, copy=False)) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)
    return profiles.to_srgb(levels, profile)


def to_channels(picture: NDArray[Any], channels: int) -> NDArray[Any]:
    """(H, W, 1 or 3) of uint8, uint16 or float32 -> (H, W, channels): grey repeated, or luma by BT.601."""
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]


def is_grey(picture: NDArray[Any]) -> bool:
    """Whether the three channels of a picture (H, W, 3) are one."""
    first, second, third = (picture[..., channel] for channel in range(3))
    return bool(np.array_equal(first, second) and np.array_equal(second, third))


def bleed(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Give what is fully transparent the colour of the nearest visible pixel, so that no hidden colour shines through after repair.

    (H, W, C) and (H, W) -> (H, W, C).  A picture of which nothing is visible becomes black.
    """
    hidden = alpha == 0
    if not hidden.any():
        return pixels
    if hidden.all():
        return np.zeros_like(pixels)
    _, nearest = cv2.distanceTransformWithLabels(hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(nearest.max()) + 1, pixels.shape[2]), pixels.dtype)
    colours[nearest[~hidden]] = pixels[~hidden]
    return np.where(hidden[..., None], colours[nearest], pixels)


def _open(file: Any, path: Path, length: int, most_megapixels: float, *, flat: bool = False) -> Image.Image:
    """The header alone, and whether what it promises is within the limits.  flat : it may hold a few large regions, as scans of text do."""
    if Image.MAX_IMAGE_PIXELS is not None:  # Pillow refuses twice its own limit, which must not be below ours; it is never lowered
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, int(most_megapixels * 5e5))
    try:
        picture = Image.open(file, formats=_formats(file, path))
        width, height = picture.size
    except Refusal:
        raise
    except UnidentifiedImageError as error:
        raise Undecodable(f"{path} is no picture that can be read, whatever its name says.") from error
    except Image.DecompressionBombError as error:
        raise Undecodable(f"{path} promises more pixels than the limit of {most_megapixels:g} megapixels.") from error
    except Exception as error:
        raise _undecodable(path, error) from error
    if width * height > most_megapixels * 1e6:
        raise Undecodable(f"{path} promises {width} x {height} pixels, more than the limit of {most_megapixels:g} megapixels.")
    if width * height > ALWAYS_MEGAPIXELS * 1e6 + (FLAT_A_BYTE if flat or picture.mode in ("1", "P") else PIXELS_A_BYTE) * length:
        raise Undecodable(
            f"{path} promises {width} x {height} pixels in {length} bytes: a bomb, or one colour all over. "
            "If it is honest, save it without compression (.bmp, .tif)."
        )
    return picture


def _formats(file: Any, path: Path) -> tuple[str, ...]:
    """What the file may be, by its first bytes where they ask for a library of their own."""
    head = file.read(12)
    file.seek(0)
    if head[4:8] != b"ftyp" or head[8:] not in HEIC:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise Undecodable(f"{path} is a HEIC picture, as phones take them, which needs: pip install 'sfumato[heic]'") from error
    register_heif_opener(thumbnails=False)
    return ("HEIF",)


_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd9])")  # of JPEG, before what has a length; the rest is data or stands alone


def scans(raw: bytes) -> int:
    """How many times a JPEG goes over its picture; counted no further than the limit."""
    count, at = 0, 2
    while count <= MOST_SCANS and (found := _MARKER.search(raw, at)) is not None:
        count += found[1] == b"\xda"
        at = found.end() + max(2, int.from_bytes(raw[found.end() : found.end() + 2], "big"))
    return count


def _tiff_size(picture: Any) -> tuple[int, int]:
    return int(picture.tag_v2[_WIDTH]), int(picture.tag_v2[_HEIGHT])


def _is_sixteen(picture: Any) -> bool:
    """Whether the header promises 16 bits a channel.  Pillow's mode does not say it: 16-bit colour opens as "RGB"."""
    if picture.mode.startswith("I;16"):
        return True
    if picture.format == "TIFF":
        return picture.mode != "CMYK" and _has_sixteen(picture)
    return ppm.is_deep(picture) or (picture.format == "PNG" and _raw_mode(picture).endswith(";16B"))


def has_deep_inks(picture: Any) -> bool:
    """Whether a file holds four inks of 16 bits: they are read as 8, for colours are made of inks in 8."""
    return picture.format == "TIFF" and picture.mode == "CMYK" and _has_sixteen(picture)


def _has_sixteen(tiff: Any) -> bool:
    return 16 in tuple(tiff.tag_v2.get(_BITS, ()))


def _raw_mode(picture: Any) -> str:
    """How a PNG's pixels lie in the file; empty once they are decoded."""
    return str(picture.tile[0][3]) if picture.tile else ""


def _sixteen_bit(raw: bytes, picture: Image.Image) -> Decoded:
    if picture.format == "PPM":
        return Decoded(ppm.pixels(raw, picture), None, None, picture)
    is_png = picture.format == "PNG"
    grey = is_png and _raw_mode(picture).startswith(("LA", "I"))  # of which OpenCV makes three equal channels beside transparency
    clear = picture.info.get("transparency") if is_png else None  # now, for behind the pixels may stand text of that name
    picture.load()  # for Pillow says when a file is cut short; OpenCV does not
    stored: Any = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise ValueError("its 16-bit pixels are stored in a way that is not known here")
    if picture.format != "TIFF":  # OpenCV turns a TIFF, and with this flag nothing else
        stored = turned(stored, orientation(picture))
    colours = stored[..., None] if stored.ndim == 2 else stored[..., :3][..., ::-1]
    colours = colours[..., :1] if grey else colours
    alpha = stored[..., 3] if stored.ndim == 3 and stored.shape[2] == 4 else None
    if isinstance(clear, int | tuple):  # of which OpenCV makes transparency where there are colours, and none where all is grey
        alpha = sixteen.seen_through(colours, clear)
    if picture.format == "TIFF":
        colours, alpha = sixteen.as_meant(colours, alpha, picture)
    return Decoded(np.ascontiguousarray(colours), alpha, _profile(picture), picture)


# What OpenCV calls a JPEG of which each side comes out so many times smaller: libjpeg then makes fewer pixels of each block.
_REDUCED = {
    ("L", 1): cv2.IMREAD_GRAYSCALE,
    ("L", 2): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    ("L", 4): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    ("L", 8): cv2.IMREAD_REDUCED_GRAYSCALE_8,
    ("RGB", 1): cv2.IMREAD_COLOR,
    ("RGB", 2): cv2.IMREAD_REDUCED_COLOR_2,
    ("RGB", 4): cv2.IMREAD_REDUCED_COLOR_4,
    ("RGB", 8): cv2.IMREAD_REDUCED_COLOR_8,
}


def _plain_jpeg(raw: bytes, picture: Image.Image, least: int | None) -> Levels | None:
    """Grey or YCbCr, and whole: the mark of the end is there.  uint8 (H, W, 1 or 3) as it lies, or None for Pillow to look at."""
    if picture.format != "JPEG" or picture.mode not in ("L", "RGB") or not raw[-64:].rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    times = 1 if least is None else next((times for times in (8, 4, 2) if min(picture.size) >= times * least), 1)
    stored: Any = cv2.imdecode(np.frombuffer(raw, np.uint8), _REDUCED[picture.mode, times] | cv2.IMREAD_IGNORE_ORIENTATION)
    if stored is None or stored.shape[1::-1] != tuple(-(-side // times) for side in picture.size):
        return None
    return cv2.cvtColor(stored, cv2.COLOR_BGR2RGB, dst=stored) if stored.ndim == 3 else stored[..., None]  # type: ignore[no-any-return]


def _eight_bit(raw: bytes, picture: Image.Image, least: int | None) -> Decoded:
    if (plain := _plain_jpeg(raw, picture, least)) is not None:
        return Decoded(turned(plain, orientation(picture)), None, _profile(picture), picture)
    picture.load()  # now, for it turns a TIFF and finds metadata that stand behind the pixels
    turn = orientation(picture)
    profile = _profile(picture)
    if picture.mode in ("I", "F"):
        raise ValueError(f"its pixels are {'32-bit whole' if picture.mode == 'I' else 'floating-point'} numbers without a known white")
    colours, alpha = _parts(picture, profile)
    pixels = np.asarray(colours)
    return Decoded(
        pixels=turned(pixels[..., None] if pixels.ndim == 2 else pixels, turn),
        alpha=None if alpha is None else turned(np.asarray(alpha), turn),
        profile=profile if picture.mode != "CMYK" else None,
        opened=picture,
    )


def _parts(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """Colours (grey or RGB) and transparency."""
    grey = picture.mode in ("1", "L", "LA", "La") or (picture.mode in ("P", "PA") and _palette_is_grey(picture))
    colours = "L" if grey else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        return (whole.getchannel("R") if grey else whole.convert("RGB")), whole.getchannel("A")
    if picture.mode == "CMYK":
        return profiles.cmyk_to_srgb(picture, profile), None
    return (picture if picture.mode == colours else picture.convert(colours)), None


def _palette_is_grey(picture: Image.Image) -> bool:
    colours = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _profile(picture: Image.Image) -> bytes | None:
    """ICC; a damaged TIFF may hold numbers in its place."""
    found = picture.info.get("icc_profile")
    return found if isinstance(found, bytes) and found else None


def orientation(picture: Image.Image) -> int:
    """1..8; upright where EXIF is damaged, for the pixels are not."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow's reader of directories raises whatever it falls over
        return 1


def turned(pixels: Any, orientation: int) -> Any:
    """(H, W, ...) upright, given EXIF's orientation 1..8 (anything else is taken for 1)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _undecodable(path: Path, error: BaseException) -> Undecodable:
    reason = str(error).rstrip(".") or type(error).__name__
    return Undecodable(f"{path} is damaged, incomplete or of a kind that cannot be read: {reason}.")
