"""Pictures whose notes lie: EXIF, profiles and texts that are garbage, loops, or larger than the file."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from mutants.good_pictures import (
    Draw,
    chunk,
    directory,
    gif_application,
    gif_comment,
    good_exif,
    good_profile,
    painted,
    saved,
    segment,
    webp,
    wholes,
)

EXTREMES = (0, 1, 2, 255, 256, 4096, 16000, 32768, 50_000, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def _bad_exif(rng: Draw) -> bytes:
    """Without the header."""
    at = struct.pack("<I", 8)
    choice = int(rng.integers(10))
    good = good_exif()[6:]
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
    good = bytearray(good_profile())
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


def with_exif(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, exif=_bad_exif(rng))


def with_profile(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, profile=_bad_profile(rng))


def with_text(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, text=_bad_text(rng))


def with_everything(rng: Draw, kind: str) -> bytes:
    return _with(rng, kind, exif=_bad_exif(rng), profile=_bad_profile(rng), text=_bad_text(rng))


def _with(rng: Draw, kind: str, *, exif: bytes | None = None, profile: bytes | None = None, text: bytes | None = None) -> bytes:
    """A good picture that says these things of itself."""
    if kind == "jpg":
        return _jpeg_with(rng, exif, profile, text)
    if kind == "png":
        return _png_with(rng, exif, profile, text)
    if kind == "webp":
        parts = {b"ICCP": profile, b"EXIF": exif, b"XMP ": text}
        return webp(painted("RGB"), {name: data for name, data in parts.items() if data is not None})
    if kind == "gif":
        data = wholes("gif")[0]
        at = data.find(b"!", 13)
        blocks = gif_application(b"ICCRGBG1012", profile or b"") + gif_application(b"XMP DataXMP", exif or b"")
        return data[:at] + gif_comment(text or b"") + blocks + data[at:]
    return _tiff_with(rng, exif, profile, text)


def _jpeg_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    plain = saved(painted("CMYK" if rng.random() < 0.2 else "RGB"), "JPEG")
    segments = b""
    if exif is not None:
        for start in range(0, len(exif), 65_000):  # Pillow joins several
            segments += segment(0xE1, b"Exif\0\0" + exif[start : start + 65_000])
    if profile is not None:
        pieces = [profile[start : start + 65_000] for start in range(0, len(profile), 65_000)][:255]
        for number, piece in enumerate(pieces, 1):
            segments += segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(pieces))) + piece)
    if text is not None:
        segments += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text[:60_000]) + segment(0xFE, text[:60_000])
    return plain[:2] + segments + plain[2:]


def _png_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    plain = saved(painted("RGB"), "PNG")
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


def _tiff_with(rng: Draw, exif: bytes | None, profile: bytes | None, text: bytes | None) -> bytes:
    """The notes stand in tags of the file's own, of types that may not be theirs."""
    pixels = np.asarray(painted("RGB")).tobytes()
    noted = [(34675, profile), (700, text), (270, text), (0x8769, exif), (33723, exif), (34377, text)]
    entries, tail = [], b""
    given = [(tag, data) for tag, data in noted if data is not None]
    base = 8 + 2 + 12 * (11 + len(given)) + 4
    for tag, data in given:
        kind = (7, 1, 2, 2 if tag == 270 else 7, 3, 5, 12)[int(rng.integers(7))]
        count = len(data) // {3: 2, 5: 8, 12: 8}.get(kind, 1) if rng.random() < 0.8 else int(rng.choice(EXTREMES))
        entries.append((tag, kind, count, struct.pack("<I", base + len(tail))))
        tail += data
    width, height = painted("RGB").size
    odd = 282, 5, 1, struct.pack("<I", base + len(tail))
    shape = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, base + len(tail))]
    shape += [(277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels)), (284, 3, 1, 1)]
    entries += [(tag, kind, count, struct.pack("<I", value)) for tag, kind, count, value in shape]
    return directory(sorted([*entries, odd]), tail + pixels)
