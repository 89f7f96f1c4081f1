"""PNG and TIFF of 8 or 16 bits with everything a photograph carries: Pillow cannot write 16-bit colour, and OpenCV no metadata."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from sfumato.data.reading.png import Chunks
from sfumato.use.metadata import EXIF_HEADER, IPTC_RESOURCE, IPTC_TAG, SUB_IFDS, Notes, exactly

Pixels = NDArray[np.uint8] | NDArray[np.uint16]  # (H, W, 1..4): grey, grey + alpha, RGB, RGB + alpha

INCH = 0.0254  # m
MOST_IN_CHUNK = 1 << 30  # bytes of pixels in one chunk of PNG, whose format ends at twice as many
_LEVEL = 6  # of compression; zlib's own default, stated because files should not change with it
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's number for so many channels
_ADOBE_DEFLATE, _DIFFERENCES, _UNASSOCIATED, _PER_INCH = 8, 2, 2, 2
_XMP_TAG, _PROFILE_TAG = 700, 34675


def png(pixels: Pixels, profile: bytes | None, notes: Notes, colour_chunks: Chunks) -> bytes:
    """A whole PNG file."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, _COLOUR_TYPES[channels], 0, 0, 0)
    told = [_chunk(name, data) for name, data in colour_chunks if not (profile and name == b"sRGB")]  # which stands instead of a profile
    chunks = [_chunk(b"IHDR", header), *told, *_png_notes(profile, notes), *_png_pixels(pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def tiff(pixels: Pixels, profile: bytes | None, notes: Notes) -> bytes:
    """A whole TIFF file of one strip.  Grey with 16-bit transparency becomes RGB with it: few programs open the former."""
    if pixels.shape[2] == 2 and pixels.itemsize == 2:
        pixels, profile = pixels[..., [0, 0, 0, 1]], None  # a profile of grey would not fit
    data = zlib.compress(_differences(pixels).tobytes(), _LEVEL)
    directory = _directory(pixels, len(data), profile, notes)
    try:
        _take_over(directory, notes)
        return _head(directory) + data
    except Exception:  # damaged EXIF, or a map: Pillow's reader and writer of directories raise whatever they fall over
        return _head(_directory(pixels, len(data), profile, notes)) + data


def photoshop(iptc: bytes) -> bytes:
    """A segment of JPEG (APP13) that holds IPTC, at most `MOST_IN_SEGMENT` bytes of it, as Photoshop keeps it."""
    resource = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    segment = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_notes(profile: bytes | None, notes: Notes) -> list[bytes]:
    chunks = [_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))] if profile else []
    if notes.dpi:
        across, down = (round(one / INCH) for one in notes.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if notes.exif:
        chunks.append(_chunk(b"eXIf", notes.exif.removeprefix(EXIF_HEADER)))
    if notes.xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + notes.xmp))
    for key, words in notes.text:
        chunks.append(_chunk(b"iTXt", key.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + words.encode()))
    return chunks


def _png_pixels(pixels: Pixels) -> list[bytes]:
    data = zlib.compress(_filtered(pixels), _LEVEL)
    return [_chunk(b"IDAT", data[at : at + MOST_IN_CHUNK]) for at in range(0, len(data), MOST_IN_CHUNK)]


def _filtered(pixels: Pixels) -> bytes:
    """PNG's scanlines, big-endian, each byte less the one a pixel before (filter 1)."""
    height, width, channels = pixels.shape
    step = channels * pixels.itemsize
    lines = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    filtered = np.ones((height, 1 + width * step), np.uint8)
    filtered[:, 1:] = lines
    filtered[:, 1 + step :] -= lines[:, :-step]
    return filtered.tobytes()


def _differences(pixels: Pixels) -> NDArray[np.generic]:
    """Each pixel less the one before, little-endian: TIFF's predictor 2."""
    less = pixels.copy()
    less[:, 1:] -= pixels[:, :-1]
    return less.astype(pixels.dtype.newbyteorder("<"))


def _directory(pixels: Pixels, length: int, profile: bytes | None, notes: Notes) -> TiffImagePlugin.ImageFileDirectory_v2:
    """Everything but EXIF and GeoTIFF."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in _tiff_tags(pixels, length).items():
        directory[tag] = value
    if notes.dpi:
        directory[282], directory[283], directory[296] = *notes.dpi, _PER_INCH
    if profile:
        _as_bytes(directory, _PROFILE_TAG, profile)
    for tag, packet in ((_XMP_TAG, notes.xmp), (IPTC_TAG, notes.iptc)):
        if packet:
            _as_bytes(directory, tag, packet)
    return directory


def _head(directory: TiffImagePlugin.ImageFileDirectory_v2) -> bytes:
    file = io.BytesIO()
    directory.save(file)
    return file.getvalue()


def _tiff_tags(pixels: Pixels, length: int) -> dict[int, int | tuple[int, ...]]:
    height, width, channels = pixels.shape
    tags: dict[int, int | tuple[int, ...]] = {
        256: width,
        257: height,
        258: (8 * pixels.itemsize,) * channels,
        259: _ADOBE_DEFLATE,
        262: 2 if channels > 2 else 1,  # RGB, or grey of which 0 is black
        273: 0,  # the strip: behind the directory, as Pillow completes it
        277: channels,
        278: height,
        279: length,
        284: 1,  # channels side by side
        317: _DIFFERENCES,
    }
    return tags | ({338: _UNASSOCIATED} if channels in (2, 4) else {})


def _as_bytes(directory: TiffImagePlugin.ImageFileDirectory_v2, tag: int, value: bytes) -> None:
    directory.tagtype[tag] = 7
    directory[tag] = value


def _take_over(directory: TiffImagePlugin.ImageFileDirectory_v2, notes: Notes) -> None:
    """GeoTIFF's and EXIF's tags become the file's own; those that lay out its pixels are ours already."""
    if notes.geo:
        for tag, value in notes.geo.tags:
            directory[tag] = value
    if not notes.exif:
        return
    table = Image.Exif()
    table.load(notes.exif)
    for tag, value in table.items():
        if tag in SUB_IFDS:
            own = table.get_ifd(tag)
            directory[tag] = {key: exactly(one) for key, one in own.items() if not isinstance(one, dict) and key != 0xA005}
        elif tag not in directory:
            directory[tag] = exactly(value)
