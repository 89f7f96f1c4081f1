"""Hostile pictures by number: number -> a name and its bytes, always the same.  What a person does with pictures is done with each.

Five formats; each number takes the next format and the next of the ways to harm it, and draws the rest from its own generator.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from mutants.trial import Mutant
from sfumato.data import items
from sfumato.use import photograph

SEED = 10
FORMATS = ("jpg", "png", "webp", "tif", "gif")
EXTREMES = (0, 1, 2, 255, 256, 4096, 16000, 32768, 50_000, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
Draw = np.random.Generator


def make(number: int) -> Mutant:
    """The hostile file of this number."""
    rng = np.random.default_rng([SEED, number])
    kind = FORMATS[number % len(FORMATS)]
    ways = WAYS[kind]
    how = ways[number // len(FORMATS) % len(ways)]
    return Mutant(f"{number:05}.{kind}", how.__name__.strip("_"), how(rng, kind))


def probe(path: Path, aside: Path, watch: Any) -> str:
    """Read it as training does (found, measured, decoded) and as repairing does (with all its notes, written again, read again)."""
    with watch:
        [item] = items.from_folder(path.parent)
        size = item.size()
    with watch:
        levels = item.levels(3)
    if levels.shape != (*size, 3):
        raise ValueError(f"the header says {size}, and decoded it is {levels.shape}")
    with watch:
        whole = photograph.read(path)
    fits = path.suffix in photograph.FORMATS and (whole.alpha is None or path.suffix != ".jpg")
    again = aside / f"again{path.suffix if fits else '.png'}"
    with watch:
        photograph.write(whole, again)
    with watch:
        back = photograph.read(again)
    if back.pixels.shape[:2] != size:
        raise ValueError(f"written as {size}, and read again it is {back.pixels.shape}")
    return "x".join(map(str, size))


# -- Good pictures to begin with ----------------------------------------------------------------------------------------


@cache
def _scene(mode: str, side: int = 96) -> Image.Image:
    y, x = np.mgrid[0:side, 0 : side + 16].astype(np.float64)
    waves = [127 + 90 * np.sin(x / (5 + 3 * k) + k) * np.cos(y / (7 + 2 * k)) for k in range(4)]
    grain = np.random.default_rng(1).normal(0, 6, (side, side + 16, 4))
    pixels = np.clip(np.stack(waves, axis=2) + grain, 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels, "RGBA")
    return picture.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else picture.convert(mode)


@cache
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def _exif() -> bytes:
    exif = Image.Exif()
    exif[274], exif[271], exif[282] = 6, "Maker of cameras", 300.0
    exif.get_ifd(0x8769).update({0x9003: "2001:01:01 01:01:01", 0xA002: 112, 0xA003: 96, 0x927C: b"note" * 40})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    return exif.tobytes()


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _sixteen() -> Image.Image:
    return Image.fromarray(np.asarray(_scene("L")).astype(np.uint16) * 257)


@cache
def _good(kind: str) -> tuple[bytes, ...]:
    """Whole files of many makes."""
    scene, notes = _scene("RGB"), {"exif": _exif(), "icc_profile": _srgb()}
    several = {"save_all": True, "append_images": [_scene("RGB").rotate(turn) for turn in (90, 180)]}
    if kind == "jpg":
        return (
            _saved(scene, "JPEG", quality=90, **notes),
            _saved(scene, "JPEG", progressive=True, quality=70, comment="a word"),
            _saved(_scene("L"), "JPEG", exif=_exif()),
            _saved(_scene("CMYK"), "JPEG", dpi=(300, 300)),
            _saved(scene, "JPEG", subsampling=0, restart_marker_blocks=2, xmp=b"<x:xmpmeta>tiff:Orientation='6'</x:xmpmeta>"),
        )
    if kind == "png":
        return (
            _saved(scene, "PNG", dpi=(300, 300), **notes),
            _saved(_scene("RGBA"), "PNG"),
            _saved(scene.convert("P", palette=Image.Palette.ADAPTIVE), "PNG", transparency=3),
            _saved(_sixteen(), "PNG", exif=_exif()),
            _saved(_scene("L"), "PNG", transparency=9),
            _saved(_scene("1"), "PNG"),
            _saved(scene, "PNG", **several),
        )
    if kind == "webp":
        return (
            _saved(scene, "WEBP", quality=80, **notes),
            _saved(_scene("RGBA"), "WEBP", lossless=True),
            _saved(scene, "WEBP", lossless=True, xmp=b"<x:xmpmeta/>", exif=_exif()),
            _saved(scene, "WEBP", **several),
        )
    if kind == "tif":
        return (
            _saved(scene, "TIFF", **notes),
            _saved(scene, "TIFF", compression="tiff_lzw", dpi=(300, 300)),
            _saved(_scene("RGBA"), "TIFF", compression="tiff_adobe_deflate"),
            _saved(_sixteen(), "TIFF"),
            _saved(_scene("1"), "TIFF", compression="group4"),
            _saved(scene, "TIFF", compression="jpeg"),
            _saved(_scene("CMYK"), "TIFF", compression="packbits"),
            _saved(scene, "TIFF", big_tiff=True),
            _saved(scene, "TIFF", **several),
        )
    return (
        _saved(scene.convert("P", palette=Image.Palette.ADAPTIVE), "GIF", comment=b"a word", transparency=2),
        _saved(_scene("L"), "GIF", interlace=1),
        _saved(scene, "GIF", **several),
    )


def _one(rng: Draw, kind: str) -> bytearray:
    good = _good(kind)
    return bytearray(good[int(rng.integers(len(good)))])


# -- Harm that needs no knowledge of the format -------------------------------------------------------------------------


def _truncated(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    return bytes(data[: int(rng.integers(len(data)))])


def _truncated_header(rng: Draw, kind: str) -> bytes:
    return bytes(_one(rng, kind)[: int(rng.integers(64))])


def _flipped(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    for at in rng.integers(0, len(data), int(rng.integers(1, 40))):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _flipped_header(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    for at in rng.integers(2, min(len(data), 400), int(rng.integers(1, 12))):
        data[at] = int(rng.integers(256))
    return bytes(data)


def _extreme_numbers(rng: Draw, kind: str) -> bytes:
    """Numbers near the beginning or the end become the smallest and largest there are."""
    data = _one(rng, kind)
    for _ in range(int(rng.integers(1, 6))):
        form = str(rng.choice([">I", "<I", ">H", "<H"]))
        within = min(len(data), 300)
        at = int(rng.integers(within)) if rng.random() < 0.8 else len(data) - int(rng.integers(4, within))
        at = min(max(at, 0), len(data) - 4)
        struct.pack_into(form, data, at, int(rng.choice(EXTREMES)) & (0xFFFFFFFF if form[1] == "I" else 0xFFFF))
    return bytes(data)


def _zeroed(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 2000))
    stretch = len(data[at : at + length])
    data[at : at + length] = bytes(stretch) if rng.random() < 0.5 else b"\xff" * stretch
    return bytes(data)


def _cut_out(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    at = int(rng.integers(len(data)))
    del data[at : at + int(rng.integers(1, 200))]
    return bytes(data)


def _stuffed(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    at = int(rng.integers(len(data)))
    data[at:at] = rng.bytes(int(rng.integers(1, 500)))
    return bytes(data)


def _repeated(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    at = int(rng.integers(len(data)))
    stretch = data[at : at + int(rng.integers(4, 400))]
    data[at:at] = bytes(stretch) * int(rng.integers(2, 60))
    return bytes(data)


def _spliced(rng: Draw, kind: str) -> bytes:
    one, other = _one(rng, kind), _one(rng, str(rng.choice(FORMATS)))
    return bytes(one[: int(rng.integers(len(one)))] + other[int(rng.integers(len(other))) :])


def _other_kind(rng: Draw, kind: str) -> bytes:
    """Its name lies about its format."""
    return bytes(_one(rng, str(rng.choice([other for other in FORMATS if other != kind]))))


def _noise(rng: Draw, kind: str) -> bytes:
    return bytes(_one(rng, kind)[: int(rng.integers(4, 40))]) + rng.bytes(int(rng.integers(0, 5000)))


# -- Sizes that lie -----------------------------------------------------------------------------------------------------

SIZES = (
    (50_000, 50_000),
    (65_535, 65_535),
    (65_535, 1),
    (1, 65_535),
    (0, 0),
    (0, 96),
    (16_000, 16_000),
    (16_383, 16_383),
    (4_000, 4_000),
    (3_000, 96),
    (20_000, 19_000),
)


def _lying_size(rng: Draw, kind: str) -> bytes:
    data = _one(rng, kind)
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    if kind == "jpg":
        at = next(at for at in range(2, len(data)) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC2))
        struct.pack_into(">HH", data, at + 5, height & 0xFFFF, width & 0xFFFF)
    elif kind == "png":
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "webp":
        _resize_webp(data, min(width, 16_383), min(height, 16_383), everywhere=bool(rng.random() < 0.5))
    elif kind == "tif":
        return _amended_tiff(data, {256: width, 257: height})
    else:
        struct.pack_into("<HH", data, 6, min(width, 65_535), min(height, 65_535))
        if rng.random() < 0.5:
            at = data.find(b",", 13)
            struct.pack_into("<HH", data, at + 5, min(width, 65_535), min(height, 65_535))
    return bytes(data)


def _resize_webp(data: bytearray, width: int, height: int, *, everywhere: bool) -> None:
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


def _amended_tiff(data: bytearray, changes: dict[int, int]) -> bytes:
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


# -- Metadata that lie --------------------------------------------------------------------------------------------------


def directory(entries: list[tuple[int, int, int, bytes]], tail: bytes = b"", following: int = 0, start: int = 8) -> bytes:
    """A TIFF or EXIF block (without the JPEG header) of one directory: (tag, type, count, four bytes of value)."""
    head = b"II*\0" + struct.pack("<I", start) + bytes(start - 8) + struct.pack("<H", len(entries))
    body = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return head + body + struct.pack("<I", following) + tail


def _bad_exif(rng: Draw) -> bytes:
    """Without the header."""
    at = struct.pack("<I", 8)
    choice = int(rng.integers(10))
    good = _exif()[6:]
    if choice == 0:
        return rng.bytes(int(rng.integers(1, 3000)))
    if choice == 1:  # every tag asks for the whole block
        count = int(rng.integers(1000, 5000))
        return directory([(tag, 7, 60_000, at) for tag in range(1, count)], bytes(60_000 - 12 * count))
    if choice == 2:  # directories that lead to each other
        return directory([(0x8769, 4, 1, at), (0x8825, 4, 1, at), (274, 3, 1, struct.pack("<I", 8))], following=8)
    if choice == 3:
        return directory([(274, int(rng.integers(0, 20)), int(rng.choice(EXTREMES)), struct.pack("<I", int(rng.choice(EXTREMES))))])
    if choice == 4:  # an orientation that is none
        wrong = [0, 9, 65535, 1000]
        return directory([(274, 3, 1, struct.pack("<I", wrong[int(rng.integers(4))]))])
    if choice == 5:
        return directory([(274, 2, 4, b"six\0"), (271, 5, 2**31, at), (282, 5, 1, struct.pack("<I", 2**31))])
    if choice == 6:  # a thumbnail that is elsewhere
        thumbnail = directory([(0x0201, 4, 1, struct.pack("<I", int(rng.choice(EXTREMES)))), (0x0202, 4, 1, struct.pack("<I", 2**32 - 1))])
        return directory([(274, 3, 1, struct.pack("<I", 3))], thumbnail[8:], following=26)
    if choice == 7:  # resolutions beyond all sense
        numbers = [(0, 0), (2**32 - 1, 1), (1, 0), (1, 2**32 - 1)]
        one, other = numbers[int(rng.integers(4))], numbers[int(rng.integers(4))]
        tail = struct.pack("<IIII", *one, *other)
        return directory([(282, 5, 1, struct.pack("<I", 50)), (283, 5, 1, struct.pack("<I", 58)), (296, 3, 1, struct.pack("<I", 2))], tail)
    broken = bytearray(good)
    for place in rng.integers(0, len(broken), int(rng.integers(1, 12))):
        broken[place] = int(rng.integers(256))
    return bytes(broken[: int(rng.integers(8, len(broken)))]) if choice == 8 else bytes(broken)


def _bad_profile(rng: Draw) -> bytes:
    choice = int(rng.integers(7))
    good = bytearray(_srgb())
    if choice == 0:
        return rng.bytes(int(rng.integers(1, 4000)))
    if choice == 1:
        good[16:20] = (b"CMYK", b"GRAY", b"Lab ", b"XYZ ", b"????")[int(rng.integers(5))]
    elif choice == 2:
        good[12:16] = (b"scnr", b"prtr", b"link", b"abst", b"nmcl")[int(rng.integers(5))]
    elif choice == 3:
        struct.pack_into(">I", good, int(rng.integers(32)) * 4, int(rng.choice(EXTREMES)))
    elif choice == 4:
        return bytes(good[: int(rng.integers(len(good)))])
    elif choice == 5:
        return bytes(good) + bytes(int(rng.integers(1, 4_000_000)))
    else:
        for at in rng.integers(0, len(good), int(rng.integers(1, 60))):
            good[at] = int(rng.integers(256))
    return bytes(good)


def _bad_text(rng: Draw) -> bytes:
    choice = int(rng.integers(4))
    if choice == 0:
        return rng.bytes(int(rng.integers(0, 3000)))
    if choice == 1:
        return b"\xff\xfe\0\0" * int(rng.integers(1, 5000))
    if choice == 2:
        return b"<x:xmpmeta>" * int(rng.integers(1, 3000))
    return "\ud800\0\n\U0001f5bc".encode("utf-8", "surrogatepass") * int(rng.integers(1, 100))


def _with_exif(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, exif=_bad_exif(rng))


def _with_profile(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, profile=_bad_profile(rng))


def _with_text(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, text=_bad_text(rng))


def _with_everything(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, exif=_bad_exif(rng), profile=_bad_profile(rng), text=_bad_text(rng))


def _with(rng: Draw, kind: str, *, exif: bytes | None = None, profile: bytes | None = None, text: bytes | None = None) -> bytes:
    """A good picture that says these things of itself."""
    if kind == "jpg":
        return _jpeg_with(rng, exif, profile, text)
    if kind == "png":
        return _png_with(rng, exif, profile, text)
    if kind == "webp":
        parts = {b"ICCP": profile, b"EXIF": exif, b"XMP ": text}
        return _webp(_scene("RGB"), {name: data for name, data in parts.items() if data is not None})
    if kind == "gif":
        data = _good("gif")[0]
        at = data.find(b"!", 13)
        blocks = _gif_application(b"ICCRGBG1012", profile or b"") + _gif_application(b"XMP DataXMP", exif or b"")
        return data[:at] + _gif_comment(text or b"") + blocks + data[at:]
    return _tiff_with(rng, exif, profile, text)


def _jpeg_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    plain = _saved(_scene("CMYK" if rng.random() < 0.2 else "RGB"), "JPEG")
    segments = b""
    if exif is not None:
        for start in range(0, len(exif), 65_000):  # Pillow joins several
            segments += _segment(0xE1, b"Exif\0\0" + exif[start : start + 65_000])
    if profile is not None:
        pieces = [profile[start : start + 65_000] for start in range(0, len(profile), 65_000)][:255]
        for number, piece in enumerate(pieces, 1):
            segments += _segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(pieces))) + piece)
    if text is not None:
        segments += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text[:60_000]) + _segment(0xFE, text[:60_000])
    return plain[:2] + segments + plain[2:]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def _png_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    plain = _saved(_scene("RGB"), "PNG")
    before, after = plain[:33], plain[33:]
    chunks = b""
    if profile is not None:
        chunks += chunk(b"iCCP", b"ICC\0\0" + zlib.compress(profile))
    if exif is not None:
        as_text = b"Raw profile type exif\0\0" + zlib.compress(exif.hex().encode())
        chunks += chunk(b"eXIf", exif) if rng.random() < 0.7 else chunk(b"zTXt", as_text)
    if text is not None:
        chunks += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text) + chunk(b"tEXt", text)
        chunks += chunk(b"zTXt", b"k\0\0" + zlib.compress(text))
        chunks += chunk(b"iTXt", b"k\xff\0\x01\0\0\0" + zlib.compress(text)) + chunk(b"pHYs", struct.pack(">IIB", 2**32 - 1, 0, 1))
    return before + chunks + after


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of PNG with the right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _webp(picture: Image.Image, parts: dict[bytes, bytes], canvas: tuple[int, int] | None = None) -> bytes:
    frame = _saved(picture, "WEBP", lossless=True)[12:]
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


def _gif_comment(text: bytes) -> bytes:
    return b"!\xfe" + _gif_blocks(text)


def _gif_application(name: bytes, data: bytes) -> bytes:
    return b"!\xff\x0b" + name + _gif_blocks(data)


def _tiff_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    """The notes stand in tags of the file's own, of types that may not be theirs."""
    pixels = np.asarray(_scene("RGB")).tobytes()
    noted = [(34675, profile), (700, text), (270, text), (0x8769, exif), (33723, exif), (34377, text)]
    entries, tail = [], b""
    given = [(tag, data) for tag, data in noted if data is not None]
    base = 8 + 2 + 12 * (11 + len(given)) + 4
    for tag, data in given:
        kind = (7, 1, 2, 2 if tag == 270 else 7, 3, 5, 12)[int(rng.integers(7))]
        count = len(data) // {3: 2, 5: 8, 12: 8}.get(kind, 1) if rng.random() < 0.8 else int(rng.choice(EXTREMES))
        entries.append((tag, kind, count, struct.pack("<I", base + len(tail))))
        tail += data
    width, height = _scene("RGB").size
    odd = 282, 5, 1, struct.pack("<I", base + len(tail))
    shape = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, base + len(tail))]
    shape += [(277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels)), (284, 3, 1, 1)]
    entries += [(tag, kind, count, struct.pack("<I", value)) for tag, kind, count, value in shape]
    return directory(sorted([*entries, odd]), tail + pixels)


# -- Bombs: small files that ask for much time or memory ----------------------------------------------------------------


def _flat(rng: Draw, kind: str) -> bytes:
    """One colour all over: just small enough to be read, or much too large."""
    if rng.random() < 0.5:
        return _one_colour(kind, "L" if kind == "GIF" else str(rng.choice(["L", "RGB", "RGBA"])), 2820)
    return _one_colour(kind, "L", (6000, 12_000)[int(rng.integers(2))])


@cache
def _one_colour(kind: str, mode: str, side: int) -> bytes:
    return _saved(Image.new(mode, (side, side)), kind)


def _bomb_jpg(rng: Draw, kind: str) -> bytes:
    """A progressive file of very many scans, in which nothing stands."""
    side = (1000, 3000, 8000, 20_000)[int(rng.integers(4))]
    head, _, _ = _saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True).partition(b"\xff\xda")
    data = bytearray(head)
    struct.pack_into(">HH", data, data.find(b"\xff\xc2") + 5, side, side)
    scans = int(rng.integers(2, 20_000))
    first = _segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + b"\x00\x00"
    return bytes(data) + first + (_segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + b"\x00") * scans + b"\xff\xd9"


def _bomb_png(rng: Draw, kind: str) -> bytes:
    """Text, profiles and pixels that are nothing but zeros, and very many of them."""
    plain, zeros = _saved(_scene("RGB"), "PNG"), _zeros()
    choice = int(rng.integers(6))
    if choice == 0:
        more = chunk(b"zTXt", b"k\0\0" + zeros)
    elif choice == 1:
        more = chunk(b"iCCP", b"k\0\0" + zeros)
    elif choice == 2:
        more = chunk(b"iTXt", b"k\0\x01\0\0\0" + zeros)
    elif choice == 3:
        more = b"".join(chunk(b"zTXt", b"k%d\0\0" % number + zlib.compress(bytes(1_000_000))) for number in range(80))
    elif choice == 4:
        more = chunk(b"tEXt", b"k\0v") * int(rng.integers(1000, 50_000))
    else:
        return _flat(rng, "PNG")
    return plain[:33] + more + plain[33:]


@cache
def _zeros() -> bytes:
    """50 MB in 50 kB."""
    return zlib.compress(bytes(50_000_000), 9)


def _bomb_webp(rng: Draw, kind: str) -> bytes:
    """A canvas far larger than what is painted, and pictures of one colour as large as there can be."""
    choice = int(rng.integers(3))
    if choice == 0:
        sides = ((2**24, 2**24), (2**24, 255), (16_384, 16_384), (16_383, 16_383), (50_000, 50_000))
        return _webp(_scene("RGB"), {}, sides[int(rng.integers(len(sides)))])
    if choice == 1:
        data = bytearray(_saved(Image.new("RGB", (64, 64)), "WEBP", lossless=True))
        side = (3000, 8000, 16_383)[int(rng.integers(3))]
        _resize_webp(data, side, side, everywhere=True)
        return bytes(data)
    data = bytearray(_saved(_scene("RGB"), "WEBP", save_all=True, append_images=[_scene("RGB").rotate(9)] * 5))
    _resize_webp(data, 16_000, 16_000, everywhere=False)
    return bytes(data)


def _bomb_tif(rng: Draw, kind: str) -> bytes:
    """Very many strips, tags or pages; tags that all ask for the same bytes; tiles larger than any picture."""
    choice = int(rng.integers(6))
    if choice == 0:
        return _strips(int(rng.integers(1000, 60_000)))
    if choice == 1:
        return directory([(tag, 7, 600_000, struct.pack("<I", 8)) for tag in range(1, int(rng.integers(1000, 50_000)))], bytes(600_000))
    if choice == 2:
        return _pages(int(rng.integers(100, 30_000)), loop=bool(rng.random() < 0.5))
    if choice == 3:
        deep = bool(rng.random() < 0.5)
        side = (4096, 20_000, 65_536, 2**30)[int(rng.integers(4))]
        return _tiled(side, compressed=bool(rng.random() < 0.5), deep=deep)
    if choice == 4:
        return directory([(tag, 3, 2**31, struct.pack("<I", 8)) for tag in range(1, 400)], bytes(1000))
    data = bytearray(_good("tif")[int(rng.integers(len(_good("tif")) - 2))])
    return _amended_tiff(data, {int(rng.choice([258, 277, 278, 279, 322, 323, 339, 317])): int(rng.choice(EXTREMES))})


def _plain_tags(width: int, height: int, *, bits: int = 8, compression: int = 1) -> list[tuple[int, int, int, bytes]]:
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 277: 1}
    return [(tag, 4, 1, struct.pack("<I", value)) for tag, value in tags.items()]


def _strips(count: int) -> bytes:
    """Every row a strip of its own, all of them the same bytes."""
    tail_at = 8 + 2 + 12 * 9 + 4
    tags = [*_plain_tags(64, count), (273, 4, count, struct.pack("<I", tail_at)), (278, 4, 1, struct.pack("<I", 1))]
    tags.append((279, 4, count, struct.pack("<I", tail_at + 4 * count)))
    return directory(sorted(tags), struct.pack("<I", 8) * count + struct.pack("<I", 64) * count)


def _pages(count: int, *, loop: bool) -> bytes:
    """One page after the other, marked as small copies; with `loop` the last leads back to the first."""
    data = bytearray(b"II*\0" + struct.pack("<I", 8))
    tags = [(254, 4, 1, struct.pack("<I", 1)), *_plain_tags(8, 8), (273, 4, 1, struct.pack("<I", 0)), (279, 4, 1, struct.pack("<I", 8))]
    length = 2 + 12 * len(tags) + 4
    for page in range(count):
        following = len(data) + length if page + 1 < count else 8 if loop else 0
        entries = b"".join(struct.pack("<HHI", tag, kind, many) + value for tag, kind, many, value in tags)
        data += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return bytes(data)


def _tiled(side: int, *, compressed: bool, deep: bool) -> bytes:
    """A small picture in one tile of this side."""
    tags = _plain_tags(64, 64, bits=16 if deep else 8, compression=8 if compressed else 1)
    tags += [(tag, 4, 1, struct.pack("<I", value)) for tag, value in ((322, side), (323, side), (324, 8), (325, 64))]
    return directory(tags, zlib.compress(bytes(10_000)))


def _bomb_gif(rng: Draw, kind: str) -> bytes:
    """Huge canvases with small frames, frames outside of the canvas, very many frames, endless comments."""
    choice = int(rng.integers(5))
    data = bytearray(_good("gif")[0])
    at = data.find(b",", 13 + 768)
    if choice == 0:
        side = (8000, 16_000, 65_535)[int(rng.integers(3))]
        struct.pack_into("<HH", data, 6, side, side)
    elif choice == 1:
        struct.pack_into("<HHHH", data, at + 1, *(int(rng.choice([0, 1, 500, 65_535])) for _ in range(4)))
    elif choice == 2:
        head, frame = data[:-1], data[at:-1]
        return bytes(head + frame[: int(rng.integers(20, len(frame)))] * int(rng.integers(10, 300)) + b";")
    elif choice == 3:
        return bytes(data[:at] + _gif_comment(b"x" * int(rng.integers(1, 3_000_000))) + data[at:])
    else:
        return _flat(rng, "GIF")
    return bytes(data)


_BOMBS: dict[str, Callable[[Draw, str], bytes]] = dict(zip(FORMATS, (_bomb_jpg, _bomb_png, _bomb_webp, _bomb_tif, _bomb_gif)))
_ANY = (
    _truncated,
    _truncated_header,
    _flipped,
    _flipped_header,
    _extreme_numbers,
    _lying_size,
    _zeroed,
    _cut_out,
    _stuffed,
    _repeated,
    _spliced,
    _other_kind,
    _noise,
    _lying_size,
    _with_exif,
    _with_profile,
    _with_text,
    _with_everything,
)
WAYS = {kind: (*_ANY, _BOMBS[kind], _BOMBS[kind]) for kind in FORMATS}  # 20 ways; 100 numbers see each of them in each format
