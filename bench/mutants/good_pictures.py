"""Whole pictures of five formats, and the pieces that their files are made of: what hostile ones are made from."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

FORMATS = ("jpg", "png", "webp", "tif", "gif")
Draw = np.random.Generator


@cache
def painted(mode: str, side: int = 96) -> Image.Image:
    """Waves and grain, in a mode of Pillow."""
    y, x = np.mgrid[0:side, 0 : side + 16].astype(np.float64)
    waves = [127 + 90 * np.sin(x / (5 + 3 * k) + k) * np.cos(y / (7 + 2 * k)) for k in range(4)]
    grain = np.random.default_rng(1).normal(0, 6, (side, side + 16, 4))
    pixels = np.clip(np.stack(waves, axis=2) + grain, 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels, "RGBA")
    return picture.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else picture.convert(mode)


@cache
def good_profile() -> bytes:
    """That of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def good_exif() -> bytes:
    """What a camera notes, without lies."""
    exif = Image.Exif()
    exif[274], exif[271], exif[282] = 6, "Maker of cameras", 300.0
    exif.get_ifd(0x8769).update({0x9003: "2001:01:01 01:01:01", 0xA002: 112, 0xA003: 96, 0x927C: b"note" * 40})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    return exif.tobytes()


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of that kind."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _sixteen() -> Image.Image:
    return Image.fromarray(np.asarray(painted("L")).astype(np.uint16) * 257)


@cache
def wholes(kind: str) -> tuple[bytes, ...]:
    """Whole files of many makes."""
    scene, notes = painted("RGB"), {"exif": good_exif(), "icc_profile": good_profile()}
    several = {"save_all": True, "append_images": [painted("RGB").rotate(turn) for turn in (90, 180)]}
    if kind == "jpg":
        return (
            saved(scene, "JPEG", quality=90, **notes),
            saved(scene, "JPEG", progressive=True, quality=70, comment="a word"),
            saved(painted("L"), "JPEG", exif=good_exif()),
            saved(painted("CMYK"), "JPEG", dpi=(300, 300)),
            saved(scene, "JPEG", subsampling=0, restart_marker_blocks=2, xmp=b"<x:xmpmeta>tiff:Orientation='6'</x:xmpmeta>"),
        )
    if kind == "png":
        return (
            saved(scene, "PNG", dpi=(300, 300), **notes),
            saved(painted("RGBA"), "PNG"),
            saved(scene.convert("P", palette=Image.Palette.ADAPTIVE), "PNG", transparency=3),
            saved(_sixteen(), "PNG", exif=good_exif()),
            saved(painted("L"), "PNG", transparency=9),
            saved(painted("1"), "PNG"),
            saved(scene, "PNG", **several),
        )
    if kind == "webp":
        return (
            saved(scene, "WEBP", quality=80, **notes),
            saved(painted("RGBA"), "WEBP", lossless=True),
            saved(scene, "WEBP", lossless=True, xmp=b"<x:xmpmeta/>", exif=good_exif()),
            saved(scene, "WEBP", **several),
        )
    if kind == "tif":
        return (
            saved(scene, "TIFF", **notes),
            saved(scene, "TIFF", compression="tiff_lzw", dpi=(300, 300)),
            saved(painted("RGBA"), "TIFF", compression="tiff_adobe_deflate"),
            saved(_sixteen(), "TIFF"),
            saved(painted("1"), "TIFF", compression="group4"),
            saved(scene, "TIFF", compression="jpeg"),
            saved(painted("CMYK"), "TIFF", compression="packbits"),
            saved(scene, "TIFF", big_tiff=True),
            saved(scene, "TIFF", **several),
        )
    return (
        saved(scene.convert("P", palette=Image.Palette.ADAPTIVE), "GIF", comment=b"a word", transparency=2),
        saved(painted("L"), "GIF", interlace=1),
        saved(scene, "GIF", **several),
    )


def a_file(rng: Draw, kind: str) -> bytearray:
    """One of the whole files, to be harmed."""
    good = wholes(kind)
    return bytearray(good[int(rng.integers(len(good)))])


# -- Pieces of files -----------------------------------------------------------------------------------------------


def resize_webp(data: bytearray, width: int, height: int, *, everywhere: bool) -> None:
    """The canvas, and with `everywhere` the picture in it as well, get another size."""
    at = data.find(b"VP8X")
    if at >= 0:
        data[at + 12 : at + 18] = (max(width, 1) - 1).to_bytes(3, "little") + (max(height, 1) - 1).to_bytes(3, "little")
    lossless, lossy = data.find(b"VP8L"), data.find(b"VP8 ")
    if lossless >= 0 and (everywhere or at < 0):
        (bits,) = struct.unpack_from("<I", data, lossless + 9)
        bits = bits >> 28 << 28 | (max(height, 1) - 1) << 14 | (max(width, 1) - 1)
        struct.pack_into("<I", data, lossless + 9, bits)
    elif lossy >= 0 and (everywhere or at < 0):
        struct.pack_into("<HH", data, lossy + 14, width & 0x3FFF, height & 0x3FFF)


def amended_tiff(data: bytearray, changes: dict[int, int]) -> bytes:
    """Tags of the first directory with other values; big TIFFs are left alone."""
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version != 42:
        return bytes(data)
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(order + "H", data, at)
        if tag in changes:
            struct.pack_into(order + "HII", data, at + 2, 4, 1, changes[tag] & 0xFFFFFFFF)
    return bytes(data)


def directory(entries: list[tuple[int, int, int, bytes]], tail: bytes = b"", following: int = 0, start: int = 8) -> bytes:
    """A TIFF or EXIF block (without the JPEG header) of one directory: (tag, type, count, four bytes of value)."""
    head = b"II*\0" + struct.pack("<I", start) + bytes(start - 8) + struct.pack("<H", len(entries))
    body = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return head + body + struct.pack("<I", following) + tail


def segment(marker: int, data: bytes) -> bytes:
    """A segment of JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of PNG with the right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def webp(picture: Image.Image, parts: dict[bytes, bytes], canvas: tuple[int, int] | None = None) -> bytes:
    """An extended WebP file with these parts beside its picture, and a canvas that may be another than its."""
    frame = saved(picture, "WEBP", lossless=True)[12:]
    width, height = canvas or picture.size
    flags = (0x20 if b"ICCP" in parts else 0) | (0x08 if b"EXIF" in parts else 0) | (0x04 if b"XMP " in parts else 0)
    body = _riff(b"VP8X", bytes((flags, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))
    body += _riff(b"ICCP", parts[b"ICCP"]) if b"ICCP" in parts else b""
    body += frame
    body += b"".join(_riff(name, parts[name]) for name in (b"EXIF", b"XMP ") if name in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _gif_blocks(data: bytes) -> bytes:
    return b"".join(bytes((len(data[at : at + 255]),)) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


def gif_comment(text: bytes) -> bytes:
    """A comment of GIF."""
    return b"!\xfe" + _gif_blocks(text)


def gif_application(name: bytes, data: bytes) -> bytes:
    """What a program keeps for itself in a GIF."""
    return b"!\xff\x0b" + name + _gif_blocks(data)
