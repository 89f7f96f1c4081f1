"""What a PNG says of its colours by numbers, beside a profile or in its place (PNG, third edition, 11.3.2)."""

from __future__ import annotations

import struct

Chunks = tuple[tuple[bytes, bytes], ...]  # names, and what each holds

_LENGTHS = {b"cICP": 4, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"mDCV": 24, b"cLLI": 8}  # bytes of each
_SRGB_BY_CODE = bytes((1, 13, 0, 1))  # cICP: primaries, curve and matrix as ITU-T H.273 counts them, and the whole range
# In hundred thousandths; and how far apart is still taken for the same, as libpng has it.
_SRGB_BY_NUMBER: dict[bytes, tuple[tuple[int, ...], int]] = {
    b"gAMA": ((45_455,), 2_273),
    b"cHRM": ((31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000), 1_000),
}


def colour_chunks(raw: bytes) -> Chunks:
    """Those chunks of a file that Pillow could open, once each: Pillow knows some of them, and drops the others."""
    found: dict[bytes, bytes] = {}
    at = 8  # behind the signature
    while at + 8 <= len(raw):
        length, name = struct.unpack_from(">I4s", raw, at)
        if name in (b"IDAT", b"IEND"):  # what says how pixels are meant stands before them
            break
        if _LENGTHS.get(name) == length:
            found.setdefault(name, raw[at + 8 : at + 8 + length])
        at += 12 + length
    return tuple(found.items())


def unlike_srgb(chunks: Chunks, profile: bytes | None) -> tuple[str, ...]:
    """Names of those without which the colours would mean something else.

    Of what a file holds the first speaks and the rest is not heeded: cICP, a profile, sRGB, and last gAMA and cHRM.
    """
    said = dict(chunks)
    if b"cICP" in said:
        return () if said[b"cICP"] == _SRGB_BY_CODE else ("cICP",)
    if profile or b"sRGB" in said:
        return ()
    return tuple(name.decode() for name in _SRGB_BY_NUMBER if name in said and not _is_near(name, said[name]))


def _is_near(name: bytes, data: bytes) -> bool:
    numbers, most = _SRGB_BY_NUMBER[name]
    return all(abs(one - other) <= most for one, other in zip(struct.unpack(f">{len(numbers)}I", data), numbers))
