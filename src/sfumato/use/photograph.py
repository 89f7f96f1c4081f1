"""A photograph as its file holds it: colours, depth, transparency, profile and metadata, all of which go back out."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, narrow
from sfumato.core.progress import say
from sfumato.data.reading import png, profiles, wide
from sfumato.data.reading import read as decoding
from sfumato.data.reading.read import Pixels
from sfumato.use import encode
from sfumato.use.metadata import Notes, as_comment, fitting, notes_of, with_size

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
KEEPS_ALPHA = ("PNG", "TIFF", "WEBP")
KEEPS_16 = ("PNG", "TIFF")
KEEPS_PROFILE = ("JPEG", "PNG", "TIFF", "WEBP")
MOST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 2**16 - 1}  # px; the others have room for all that fits into memory
QUALITY = 95  # of JPEG and WebP
WITHOUT_LOSS = 100  # of WebP, which can; JPEG cannot
COMES_BACK = 0.999  # share of the values that must survive the way to sRGB and back, within a level, for it to be taken
_MOST_COPIES = 32  # of a TIFF's picture, each smaller than the one before
_TWICE = 50_000_000  # px, at most, of a JPEG whose codes are fitted to it, which saves 2 to 5 %: for that libjpeg holds 6 bytes a pixel


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """One picture and all that its file says of it.

    pixels : uint8 or uint16 (as the file's header says) (H, W, 3), or (H, W, 1) of a grey one, upright; no hidden colours under what is
        transparent.  alpha : the same type, (H, W), or None.
    profile : ICC as the file has it, or None.  space : what `pixels` mean: sRGB, or the profile's own numbers (see `read`).
    colour_chunks : of a PNG, what says by numbers how its colours are meant.  format : as Pillow names it.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    profile: bytes | None = None
    space: Literal["sRGB", "own"] = "sRGB"
    colour_chunks: png.Chunks = ()
    notes: Notes = field(default_factory=Notes)
    format: str = ""


def read(path: Path) -> Photograph:
    """Read a picture with everything it says of itself.

    Colours of a profile become sRGB, which networks know, unless they would not come back: many lie outside sRGB, or there are 16 bits
    (which LittleCMS in Pillow cannot convert).  Then the file's own numbers are kept, and become sRGB in floats where a network looks
    (`wide`), if the profile is one of curves and a matrix and sRGB has nearly all of the colours.  Grey keeps its own as well.
    Refuses, by name and reason, what cannot be decoded, and what moves or has several pages.
    """
    path = Path(path)
    return of(decoding.decode(decoding.bytes_of(path), path), path)


def of(found: decoding.Decoded, path: Path, *, frame: bool = False) -> Photograph:
    """What was decoded, with everything that the file says.  Refuses a file of several pictures, unless this is one `frame` of it."""
    if not frame:
        check_single(found, path)
    if decoding.has_deep_inks(found.opened):
        _say_once(path, "its four inks of 16 bits are read as 8, here and in others. Make it RGB of 16 bits to keep them.")
    pixels, alpha, profile = found.pixels, found.alpha, found.profile
    notes, kind, colour_chunks = notes_of(found.opened), found.opened.format or "", found.colour_chunks
    del found  # and with it Pillow's own copy of the pixels
    if alpha is not None:
        pixels = decoding.bleed(pixels, alpha)
    space: Literal["sRGB", "own"] = "sRGB"
    if profile:
        pixels, space = _into_srgb(pixels, profile)
        if space == "own" and pixels.shape[2] == 3 and wide.fitting(profile, pixels) is None and _is_unlike_srgb(pixels, profile):
            lost = "its 16 bits" if pixels.dtype == np.uint16 else "colours outside sRGB"
            how = "It is repaired in its profile's own numbers, as are others."
            _say_once(path, f"{lost} would not survive the way to sRGB and back. {how}")
    return Photograph(
        pixels=pixels,
        alpha=alpha,
        profile=profile,
        space=space,
        colour_chunks=colour_chunks,
        notes=notes,
        format=kind,
    )


def _is_unlike_srgb(pixels: Pixels, profile: bytes) -> bool:
    """Whether the profile means other colours than sRGB does by these numbers; a few thousand of them are asked."""
    few: Any = np.ascontiguousarray(pixels[:: 1 + pixels.shape[0] // 64, :: 1 + pixels.shape[1] // 64])
    few = _eight(few)
    return profiles.to_srgb(few, profile) is not few


_told: set[str] = set()  # reasons


def _say_once(path: Path, words: str) -> None:
    """Not for every scan of an archive."""
    if words not in _told:
        _told.add(words)
        say(f"{path}: {words}")


def tell_of_depth(photograph: Photograph, path: Path, kind: str) -> None:
    """Once, that a kind of file has no room for 16 bits."""
    if photograph.pixels.dtype == np.uint16:
        _say_once(path, f"in {kind} 16 bits become 8, here and in others. Take .png (--format png) or .tif to keep them.")


def tell_of_colours(photograph: Photograph, path: Path, kind: str) -> None:
    """Once, that a kind of file has no place for what numbers say of a PNG's colours."""
    names = () if kind == "PNG" else png.unlike_srgb(photograph.colour_chunks, photograph.profile)
    if names:
        why = "colours that are meant otherwise than those of sRGB are told by numbers in PNG alone"
        _say_once(path, f"{' and '.join(names)} cannot be kept in {kind}, here and in others: {why}. Take .png (--format png).")


def webp_quality(quality: int) -> dict[str, Any]:
    """What Pillow is told of how a WebP is compressed."""
    return {"quality": quality, "lossless": quality == WITHOUT_LOSS, "method": 4}


def notes_for(notes: Notes, path: Path, kind: str, *, strip: bool) -> Notes:
    """What is written of the notes into a kind of file; of what it cannot hold is told, once for each reason."""
    if strip:
        return Notes(dpi=notes.dpi)
    kept, lost = fitting(notes, kind)
    for name, why in lost.items():
        other = ".tif (--format tif)" if name in ("IPTC", "GeoTIFF") else ".png (--format png)"
        _say_once(path, f"{name} cannot be kept in {kind}, here and in others: {why}. Take {other} to keep it.")
    return kept


def _on_its_grid(notes: Notes, path: Path, width: int, height: int) -> Notes:
    """Without a map that speaks of other pixels, of which is told once."""
    if notes.geo is None or notes.geo.size == (width, height):
        return notes
    _say_once(path, "GeoTIFF is left out, here and in others: it says where each pixel lies, and the picture was enlarged or turned.")
    return replace(notes, geo=None)


def kind_for(photograph: Photograph, path: Path, *, grows: int = 1) -> str:
    """The format of `path`'s suffix.  Refuses one that cannot be written, and what it has no room for: transparency, long sides.

    grows : how many times larger the picture will be, where that is asked before it is.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise Refusal(f"{path.name} cannot be written: pictures are written as {', '.join(FORMATS)}. Take another suffix, such as .png.")
    if photograph.alpha is not None and kind not in KEEPS_ALPHA and not is_opaque(photograph.alpha):
        has = f"{kind} holds no transparency, which the picture has"
        raise Refusal(f"{path.name} cannot be written: {has}. Take .png (--format png), .tif or .webp.")
    check_sides(photograph, path, kind, grows)
    return kind


def check_sides(photograph: Photograph, path: Path, kind: str, grows: int) -> None:
    """Refuse sides that a format has no room for."""
    longest, most = max(photograph.pixels.shape[:2]) * grows, MOST_SIDE.get(kind)
    if most is not None and longest > most:
        raise Refusal(
            f"{path} cannot be written as {kind}, which holds {most:,} px a side, but one would have {longest:,}. "
            "Enlarge it less, or take .png (--format png) or .tif."
        )


def write(photograph: Photograph, path: Path, *, quality: int = QUALITY, strip: bool = False) -> None:
    """Write in the format of `path`'s suffix, at once or not at all, with profile and metadata.

    quality : of JPEG (colours at full resolution) and WebP.  16 bits stay in PNG and TIFF, and become 8 elsewhere.
    strip : leave out EXIF, XMP, IPTC, GeoTIFF and text: who took it, where and with what.  Profile, colour chunks and resolution stay.
    Refuses a suffix it cannot write, transparency where the format holds none, and sizes the format has no room for.
    """
    path = Path(path)
    kind = kind_for(photograph, path)
    if photograph.profile and photograph.pixels.shape[2] == 3 and profiles.of_grey(photograph.profile):
        photograph = replace(photograph, profile=None, colour_chunks=())  # of grey, and colours were given to it: they are sRGB
    if kind not in KEEPS_16:
        tell_of_depth(photograph, path, kind)
    tell_of_colours(photograph, path, kind)
    if kind not in KEEPS_PROFILE:
        photograph = in_srgb(photograph)
    height, width = photograph.pixels.shape[:2]
    notes = _on_its_grid(notes_for(photograph.notes, path, kind, strip=strip), path, width, height)
    try:
        data = _encoded(replace(photograph, notes=notes), kind, quality)
    except (OSError, ValueError, OverflowError, MemoryError, struct.error) as error:
        raise Refusal(f"{path} cannot be written as {kind}: {str(error).rstrip('.') or type(error).__name__}.") from error
    files.write_bytes(path, data)


def in_srgb(photograph: Photograph) -> Photograph:
    """The same colours for a file that can hold no profile, which is taken for sRGB.  What lies beyond sRGB is cut off; grey stays."""
    if not photograph.profile:
        return photograph
    pixels = photograph.pixels
    if photograph.space == "own" and pixels.shape[2] == 3:
        pixels = profiles.to_srgb(_eight(pixels), photograph.profile)
    return replace(photograph, pixels=pixels, profile=None, space="sRGB", colour_chunks=())


def is_opaque(alpha: Pixels) -> bool:
    """Whether nothing can be seen through.  uint8 or uint16 (H, W)"""
    return bool((alpha == np.iinfo(alpha.dtype).max).all())


def check_single(found: decoding.Decoded, path: Path) -> None:
    """Refuse a file of several pictures."""
    if moves(found.opened) or _several_pages(found.opened):
        raise Refusal(f"{path} holds more than one picture, of which only one could be kept. Take it apart first.")


def moves(picture: Any) -> bool:
    """Whether a file that Pillow opened is an animation.  (Phones' JPEGs carry more beside the picture too: depth, gain.)"""
    try:
        return picture.format in ("GIF", "WEBP", "PNG") and bool(picture.is_animated)
    except Exception:  # further frames that are damaged; Pillow raises whatever it falls over
        return False


def _several_pages(picture: Any) -> bool:
    try:
        if picture.format == "HEIF":  # what it shows when it is opened is one of them
            return int(picture.n_frames) > 1
        return picture.format == "TIFF" and _has_pages(picture)
    except Exception:  # further pages that are damaged
        return False


def _has_pages(picture: Any) -> bool:
    """Whether a TIFF has pages that are not marked as reduced copies of the first; there may be more of them than one can count."""
    try:
        for page in range(1, _MOST_COPIES + 1):
            picture.seek(page)
            if not int(picture.tag_v2.get(254, 0)) & 1:
                return True
    except EOFError:
        return False
    finally:
        picture.seek(0)
    return True


def _into_srgb(pixels: Pixels, profile: bytes) -> tuple[Pixels, Literal["sRGB", "own"]]:
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        return pixels, "own"
    own: Levels = pixels.astype(np.uint8, copy=False)
    converted = profiles.to_srgb(own, profile)
    if converted is own:
        return own, "own"  # nothing to convert
    return (converted, "sRGB") if _that_comes_back(own, converted, profile) >= COMES_BACK else (own, "own")


def _that_comes_back(own: Levels, converted: Levels, profile: bytes) -> float:
    """The share of a profile's numbers that are within a level of themselves after the way to sRGB and back."""
    same = 0
    for top in range(0, len(own), profiles.BAND):
        band = slice(top, top + profiles.BAND)
        back = profiles.from_srgb(converted[band], profile)
        same += int(np.count_nonzero(np.abs(back.astype(np.int16) - own[band]) <= 1))
    return same / own.size


def _encoded(photograph: Photograph, kind: str, quality: int) -> bytes:
    height, width = photograph.pixels.shape[:2]
    notes = photograph.notes
    if notes.exif:
        notes = replace(notes, exif=with_size(notes.exif, width, height))
    pixels = levels(photograph, deep=kind in KEEPS_16, with_alpha=kind in KEEPS_ALPHA)
    if kind == "TIFF":
        return encode.tiff(pixels, photograph.profile, notes)
    if kind == "PNG":
        return encode.png(pixels, photograph.profile, notes, photograph.colour_chunks)
    file = io.BytesIO()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    picture.save(file, format=kind, **_options(photograph.profile, notes, kind, quality, height * width))
    return file.getvalue()


def levels(photograph: Photograph, *, deep: bool, with_alpha: bool) -> Pixels:
    """uint8, or uint16 where the picture has it and `deep` allows it, (H, W, 1..4) in the file's own numbers."""
    pixels, alpha = (each if each is None or deep else _eight(each) for each in (photograph.pixels, photograph.alpha))
    assert pixels is not None
    if photograph.profile and photograph.space == "sRGB" and pixels.dtype == np.uint8:
        pixels = profiles.from_srgb(pixels.astype(np.uint8, copy=False), photograph.profile)
    return pixels if alpha is None or not with_alpha else np.concatenate([pixels, alpha[..., None]], axis=2)


def _eight(pixels: Pixels) -> Levels:
    return narrow(pixels.astype(np.uint16, copy=False)) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)


def _options(profile: bytes | None, notes: Notes, kind: str, quality: int, pixels: int) -> dict[str, Any]:
    """What Pillow is told beside the pixels."""
    if profile and kind == "WEBP" and profiles.of_grey(profile):
        profile = None  # WebP knows no grey
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    known = {name: value for name, value in (("exif", notes.exif), ("xmp", notes.xmp)) if value}
    if kind == "JPEG":
        extra = {"extra": encode.photoshop(notes.iptc)} if notes.iptc else {}
        comment = {"comment": said} if (said := as_comment(notes.text)) else {}
        dpi = {"dpi": tuple(max(1, round(one)) for one in notes.dpi)} if notes.dpi else {}
        return options | known | extra | comment | dpi | {"quality": quality, "subsampling": 0, "optimize": pixels <= _TWICE}
    if kind == "WEBP":
        return options | known | webp_quality(quality) | {"exact": True}
    return {"dpi": notes.dpi} if kind == "BMP" and notes.dpi else {}
