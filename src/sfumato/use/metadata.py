"""What a file says of its picture beside the pixels: EXIF, XMP, IPTC, maps, text and resolution, made true again where it was repaired."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sfumato.data.reading.read import ORIENTATION

MOST_BYTES = 4 << 20  # of EXIF, XMP, and all text; what holds more is left out
MOST_IN_SEGMENT = 65_000  # bytes that a segment of JPEG has room for, beside its head
PLACES = {  # which notes a format has a place for; the others have none
    "JPEG": ("EXIF", "XMP", "IPTC", "text"),
    "PNG": ("EXIF", "XMP", "text"),
    "TIFF": ("EXIF", "XMP", "IPTC", "GeoTIFF"),
    "WEBP": ("EXIF", "XMP"),
    "GIF": ("text",),
}
MOST_DPI = 2**16 - 1  # what JPEG has room for; beyond it no resolution makes sense
EXIF_HEADER = b"Exif\0\0"
IPTC_TAG, IPTC_RESOURCE = 33723, 0x0404  # of TIFF; of Photoshop
SUB_IFDS = (0x8769, 0x8825)  # Exif's own directory, and that of GPS
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 256, 257, 282, 283  # tags of TIFF: px, and how many of them an inch or a centimetre has
_SIZE_TAGS = {0xA002: 0, 0xA003: 1}  # in Exif's own directory: width, height
_THUMBNAIL_AT, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_THUMBNAILS = re.compile(  # of XMP, under whatever prefix; nothing is looked at twice, for a packet may have megabytes of such tags
    rb"<([\w.-]+):Thumbnails\b[^<>]*(?<!/)>[^<]*+(?:<(?!/?[\w.-]+:Thumbnails\b)[^<]*+)*+</\1:Thumbnails\s*>"
)
# Of a TIFF's own tags, those that speak of the picture; the rest say how its pixels lie in the file.
_SPEAKING = {269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 36867, *SUB_IFDS}
_GEO = (33550, 33922, 34264, 34735, 34736, 34737)  # GeoTIFF 1.1: scale, points and matrix, and what they are told in


class _Words(str):
    """Of a tag.  Pillow reads them as Latin-1, whatever they are, and writes "?" for what is not ASCII; these go back byte for byte."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("latin-1")


def exactly(value: Any) -> Any:
    """What Pillow has read of a tag, so that it writes the same."""
    return _Words(value) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Geo:
    """Where on a map a TIFF's pixels lie: tags and their values.  size : of the grid that they speak of, across and down."""

    tags: tuple[tuple[int, Any], ...]
    size: tuple[int, int]  # px


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What is kept of a file beside its pixels.

    exif : with its header, orientation 1, no thumbnail.  xmp : the packet, the same of it.
    iptc : captions and keywords of press and archives (IIM).  geo : GeoTIFF.  text : (key, words).  dpi : across and down.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    geo: Geo | None = None
    text: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None


def notes_of(picture: Image.Image) -> Notes:
    """The notes of a file that Pillow has decoded; damaged ones are left out, for the pixels do not need them."""
    xmp, iptc, geo = _xmp(picture.info.get("xmp")), _iptc(picture), _geo(picture)
    return Notes(exif=_exif(picture), xmp=xmp, iptc=iptc, geo=geo, text=_text(picture), dpi=_dpi(picture))


def fitting(notes: Notes, kind: str) -> tuple[Notes, dict[str, str]]:
    """What a format has a place and room for; and of what it has not, the reason."""
    lengths = {"EXIF": len(notes.exif or b""), "XMP": len(notes.xmp or b""), "IPTC": len(notes.iptc or b"")}
    lengths["GeoTIFF"] = len(notes.geo.tags) if notes.geo else 0
    lengths["text"] = len(as_comment(notes.text))
    lost = {}
    for name, length in lengths.items():
        if length and name not in PLACES.get(kind, ()):
            lost[name] = "the format has no place for it"
        elif length >= MOST_IN_SEGMENT and kind == "JPEG":
            lost[name] = f"the format has room for {MOST_IN_SEGMENT:,} bytes of it"
    kept = Notes(
        exif=None if "EXIF" in lost else notes.exif,
        xmp=None if "XMP" in lost else notes.xmp,
        iptc=None if "IPTC" in lost else notes.iptc,
        geo=None if "GeoTIFF" in lost else notes.geo,
        text=() if "text" in lost else notes.text,
        dpi=notes.dpi,
    )
    return kept, lost


def as_comment(text: tuple[tuple[str, str], ...]) -> bytes:
    """The words alone, where a format keeps one comment."""
    return "\n".join(words for _, words in text).encode(errors="replace")


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """EXIF that states this size where it states any."""
    try:
        return _amended(exif, (width, height))
    except (struct.error, IndexError):
        return exif


def _exif(picture: Image.Image) -> bytes | None:
    raw = picture.info.get("exif")
    try:
        if isinstance(raw, bytes) and len(raw) > MOST_BYTES:
            return None
        if isinstance(raw, bytes) and raw:
            return _amended(raw if raw.startswith(EXIF_HEADER) else EXIF_HEADER + raw, None)
        table = picture.getexif()
        for tag in list(table):
            if tag not in _SPEAKING:
                del table[tag]
            elif tag in SUB_IFDS:
                own = table.get_ifd(tag)
                own.update({key: exactly(value) for key, value in own.items()})
            else:
                table[tag] = exactly(table[tag])
        table.bigtiff = False  # whatever the file's addresses were, those of EXIF have 32 bits
        return table.tobytes() if len(table) else None
    except Exception:  # Pillow's reader of directories raises whatever it falls over
        return None


class _Directories:
    """EXIF's bytes, changed in place: a maker's own notes hold addresses, which moving anything would make wrong."""

    def __init__(self, exif: bytes):
        self.data = bytearray(exif.removeprefix(EXIF_HEADER))
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(self.data[:4]), "")
        if not self.order:
            raise struct.error("not the start of a directory")
        (self.first,) = self.get("I", 4)

    def get(self, kind: str, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(self.order + kind, self.data, at)

    def put(self, kind: str, at: int, *values: int) -> None:
        struct.pack_into(self.order + kind, self.data, at, *values)

    def entries(self, at: int) -> dict[int, int]:
        """Where each tag's entry stands in a directory."""
        (count,) = self.get("H", at)
        return {self.get("H", place)[0]: place for place in range(at + 2, at + 2 + 12 * count, 12)}

    def number(self, entry: int) -> int:
        """The value of an entry that holds one whole number."""
        (kind,) = self.get("H", entry + 2)
        return int(self.get("H" if kind == 3 else "I", entry + 8)[0])

    def set_number(self, entry: int, value: int) -> None:
        """Change it; one of 16 bits becomes one of 32, which has room where it stands."""
        self.put("HII", entry + 2, 4, 1, value) if value > 0xFFFF else self.put("HIHH", entry + 2, 3, 1, value, 0)


def _amended(exif: bytes, size: tuple[int, int] | None) -> bytes:
    """Orientation 1, no thumbnail; and the size, where one is given."""
    directories = _Directories(exif)
    main = directories.entries(directories.first)
    if ORIENTATION in main:
        directories.set_number(main[ORIENTATION], 1)
    link = directories.first + 2 + 12 * len(main)
    (second,) = directories.get("I", link)
    if second:
        _blank_thumbnail(directories, second)
        directories.put("I", link, 0)
    if size and SUB_IFDS[0] in main:
        own = directories.entries(directories.number(main[SUB_IFDS[0]]))
        for tag, axis in _SIZE_TAGS.items():
            if tag in own:
                directories.set_number(own[tag], size[axis])
    return EXIF_HEADER + bytes(directories.data)


def _blank_thumbnail(directories: _Directories, second: int) -> None:
    """The small picture shows what is no longer so; its bytes are cut off at the end, or made zero."""
    try:
        entries = directories.entries(second)
        start = directories.number(entries[_THUMBNAIL_AT])
        stop = start + directories.number(entries[_THUMBNAIL_LENGTH])
    except (struct.error, KeyError):
        return
    if stop >= len(directories.data) and start > second:
        del directories.data[start:]
    elif stop <= len(directories.data):
        directories.data[start:stop] = bytes(stop - start)


def _xmp(packet: Any) -> bytes | None:
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    if not isinstance(packet, bytes) or not 0 < len(packet) <= MOST_BYTES:
        return None
    upright = re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", packet)
    return _THUMBNAILS.sub(b"", upright)


def _iptc(picture: Image.Image) -> bytes | None:
    """From a TIFF's own tag, or from among the resources that Photoshop keeps in a JPEG; its thumbnail and the like stay behind."""
    is_jpeg = picture.format in ("JPEG", "MPO")  # the latter: with a small copy behind it, as telephones write them
    kept = picture.info.get("photoshop") if is_jpeg else getattr(picture, "tag_v2", None)
    try:
        if kept and not is_jpeg and IPTC_TAG in kept:
            kept.tagtype[IPTC_TAG] = 7  # bytes: Photoshop and ExifTool call them whole numbers, of which Pillow would keep the first
        found = kept.get(IPTC_RESOURCE if is_jpeg else IPTC_TAG) if kept else None
    except Exception:  # Pillow's reader of directories raises whatever it falls over
        return None
    return found if isinstance(found, bytes) and 0 < len(found) <= MOST_BYTES else None


def _geo(picture: Image.Image) -> Geo | None:
    directory = getattr(picture, "tag_v2", {})
    try:
        tags = tuple((tag, exactly(directory[tag])) for tag in _GEO if tag in directory)
        return Geo(tags=tags, size=(int(directory[_WIDTH]), int(directory[_HEIGHT]))) if tags else None
    except Exception:  # Pillow's reader of directories raises whatever it falls over
        return None


def _text(picture: Image.Image) -> tuple[tuple[str, str], ...]:
    """PNG's text, or JPEG's comment; not what programs hide in either (XMP, and whole profiles in hexadecimal)."""
    is_comment = picture.format in ("JPEG", "MPO", "GIF")  # in the info of a PNG all its text stands too, and may have that key
    if is_comment and (comment := picture.info.get("comment")):
        found = [("Comment", _decoded(comment) if isinstance(comment, bytes) else str(comment))]
    else:
        entries = getattr(picture, "text", {}) if picture.format == "PNG" else {}
        hidden = ("XML:com.adobe.xmp", "Raw profile type")
        found = [(str(key), str(words)) for key, words in entries.items() if not key.startswith(hidden)]
    return tuple(found) if sum(len(words) for _, words in found) <= MOST_BYTES else ()


def _decoded(comment: bytes) -> str:
    """UTF-8, or else Latin-1, as older programs write it."""
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def _dpi(picture: Image.Image) -> tuple[float, float] | None:
    directory = getattr(picture, "tag_v2", None)
    if directory is not None and not {_ACROSS, _DOWN} <= set(directory):
        return None  # of a TIFF that says none Pillow says 1
    said: Any = picture.info.get("dpi")
    try:
        across, down = (float(one) for one in said)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(0 < one <= MOST_DPI for one in (across, down)) else None
