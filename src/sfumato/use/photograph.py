"""A photograph as a file holds it: pixels in sRGB, depth, transparency, profile and metadata, all of which go back out."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from sfumato.core import files
from sfumato.core.errors import Refusal, unknown
from sfumato.core.levels import Unit, narrow, to_levels, to_levels16, to_unit
from sfumato.data import read as decoding
from sfumato.data.read import ORIENTATION

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".bmp": "BMP"}
KEEPS_ALPHA = ("PNG", "TIFF", "WEBP")
KEEPS_16 = ("PNG", "TIFF")


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """One picture and all that its file said of it.

    pixels : float32 (H, W, 3), or (H, W, 1) for a grey one, in 0..1, sRGB-encoded, upright.
    alpha : float32 (H, W) in 0..1, or None.
    bits : 8 or 16, from the file's header.
    profile : ICC, which the pixels were converted from and go back to; None for sRGB.
    """

    pixels: Unit
    alpha: Unit | None = None
    bits: int = 8
    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()  # PNG's own
    dpi: tuple[float, float] | None = None


def read(path: Path) -> Photograph:
    """Read a picture with everything it says of itself; refused, by name and reason, when it cannot be decoded."""
    raw = decoding.bytes_of(path)
    levels = None if _sixteen(raw, path) else decoding.decode(raw, path)  # the checks of sizes and damage are done here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(raw)) as picture:
                notes = _notes(picture)
                if levels is None:
                    return _from_sixteen(raw, path, notes)
                upright = ImageOps.exif_transpose(picture)
                alpha = _alpha(upright)
                pixels = to_unit(levels)
                profile = notes.get("profile")
                if profile is not None:
                    pixels, notes["profile"] = _into_srgb(upright, pixels, profile)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise Refusal(f"{path} is damaged or incomplete: {error}.") from error
    if alpha is not None and not (alpha == 1).all():
        pixels = bleed(pixels, alpha)
    return Photograph(pixels=pixels, alpha=alpha, **notes)


def write(photograph: Photograph, path: Path, *, quality: int = 95) -> None:
    """Write in the format of `path`'s suffix, at once or not at all; orientation becomes 1, an old thumbnail is dropped.

    JPEG and WebP by `quality`, colours at full resolution.  16 bits stay in PNG and TIFF, and become 8 elsewhere.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise unknown("format of pictures that can be written", path.suffix or "(no suffix)", FORMATS)
    kind = FORMATS[path.suffix.lower()]
    deep = photograph.bits == 16 and kind in KEEPS_16
    with files.replacing(path) as aside:
        if deep:
            _write_sixteen(photograph, aside, kind)
        else:
            _to_pillow(photograph, with_alpha=kind in KEEPS_ALPHA).save(aside, format=kind, **_options(photograph, kind, quality))


def bleed(pixels: Unit, alpha: Unit) -> Unit:
    """Give what is fully transparent the colour of the nearest visible pixel, so that hidden colours do not shine through.

    float32 (H, W, C) and (H, W) -> (H, W, C)
    """
    hidden = alpha <= 0
    if not hidden.any() or hidden.all():
        return pixels
    _, nearest = cv2.distanceTransformWithLabels(hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_label = np.zeros((int(nearest.max()) + 1, pixels.shape[2]), np.float32)
    of_label[nearest[~hidden]] = pixels[~hidden]
    filled = pixels.copy()
    filled[hidden] = of_label[nearest[hidden]]
    return filled


def _sixteen(raw: bytes, path: Path) -> bool:
    if not raw:
        raise Refusal(f"{path} is empty.")
    with decoding.opened(raw, path) as picture:
        return decoding.is_sixteen(picture)


def _notes(picture: Image.Image) -> dict[str, Any]:
    """Profile, EXIF with orientation 1 and without thumbnail, XMP, PNG text, resolution."""
    exif = picture.getexif()
    exif[ORIENTATION] = 1
    has_exif = len(exif) > 1 or "exif" in picture.info
    text = tuple((key, value) for key, value in getattr(picture, "text", {}).items() if isinstance(value, str) and not key.startswith("XML:"))
    dpi = picture.info.get("dpi")
    return {
        "profile": picture.info.get("icc_profile") or None,
        "exif": exif.tobytes() if has_exif else None,
        "xmp": _as_bytes(picture.info.get("xmp")),
        "text": text,
        "dpi": (float(dpi[0]), float(dpi[1])) if dpi else None,
    }


def _as_bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else None


def _alpha(picture: Image.Image) -> Unit | None:
    if picture.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return to_unit(np.asarray(picture.convert("RGBA").getchannel("A")))
    return None


def _into_srgb(picture: Image.Image, pixels: Unit, profile: bytes) -> tuple[Unit, bytes | None]:
    """Pixels in sRGB, and the profile to go back to.  One that is broken or of another colour space is left out."""
    mode = "L" if pixels.shape[2] == 1 else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != ("GRAY" if mode == "L" else "RGB"):
            return pixels, None
        if mode == "L":
            return pixels, profile  # grey stays as it is encoded, and takes its profile along
        converted = ImageCms.profileToProfile(picture.convert(mode), source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return pixels, None
    return to_unit(np.asarray(converted)), profile


def _out_of_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    if picture.mode not in ("RGB", "RGBA"):
        return picture
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    back = ImageCms.profileToProfile(
        picture.convert("RGB"), ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile)), outputMode="RGB"
    )
    if alpha is not None:
        back.putalpha(alpha)
    return back


def _from_sixteen(raw: bytes, path: Path, notes: dict[str, Any]) -> Photograph:
    """16 bits a channel, through OpenCV; a profile is carried along, its colours are left as they are encoded."""
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise Refusal(f"{path} is damaged or incomplete: its 16-bit pixels cannot be decoded.")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    alpha = to_unit(pixels[..., 3]) if pixels.shape[2] == 4 else None
    colours = to_unit(np.ascontiguousarray(pixels[..., :3][..., ::-1] if pixels.shape[2] > 1 else pixels))
    if alpha is not None:
        colours = bleed(colours, alpha)
    return Photograph(pixels=colours, alpha=alpha, bits=16, **notes)


def _write_sixteen(photograph: Photograph, aside: Path, kind: str) -> None:
    pixels = to_levels16(photograph.pixels)
    if photograph.alpha is not None:
        colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
        pixels = np.concatenate([colours, to_levels16(photograph.alpha)[..., None]], axis=2)
    ordered = pixels if pixels.shape[2] == 1 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(".png" if kind == "PNG" else ".tiff", ordered)
    if not done:
        raise Refusal("The 16-bit picture could not be encoded.")
    raw = data.tobytes()
    aside.write_bytes(_with_chunks(raw, photograph) if kind == "PNG" else raw)


def _with_chunks(raw: bytes, photograph: Photograph) -> bytes:
    """A PNG with profile, EXIF, XMP and text put in before its pixels: Pillow cannot write 16-bit colour, OpenCV no metadata."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    added = b""
    if photograph.profile:
        added += chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(photograph.profile))
    if photograph.dpi:
        added += chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in photograph.dpi), 1))
    if photograph.exif:
        added += chunk(b"eXIf", photograph.exif.removeprefix(b"Exif\0\0"))
    if photograph.xmp:
        added += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + photograph.xmp)
    for key, value in photograph.text:
        added += chunk(b"iTXt", key.encode("latin-1", "replace") + b"\0\0\0\0\0" + value.encode())
    after_header = 8 + 12 + 13  # signature, and the chunk IHDR
    return raw[:after_header] + added + raw[after_header:]


def _to_pillow(photograph: Photograph, *, with_alpha: bool) -> Image.Image:
    levels = narrow(to_levels16(photograph.pixels)) if photograph.bits == 16 else to_levels(photograph.pixels)
    picture = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    if photograph.alpha is not None and with_alpha:
        picture.putalpha(Image.fromarray(to_levels(photograph.alpha)))
    return _out_of_srgb(picture, photograph.profile) if photograph.profile else picture


def _options(photograph: Photograph, kind: str, quality: int) -> dict[str, Any]:
    options: dict[str, Any] = {"icc_profile": photograph.profile} if photograph.profile else {}
    if photograph.exif:
        options["exif"] = photograph.exif
    if photograph.dpi and kind != "WEBP":
        options["dpi"] = photograph.dpi
    if photograph.xmp and kind in ("JPEG", "WEBP"):
        options["xmp"] = photograph.xmp
    if kind == "JPEG":
        options |= {"quality": quality, "subsampling": 0, "optimize": True}
    if kind == "WEBP":
        options |= {"quality": quality}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        for key, value in photograph.text:
            info.add_itxt(key, value)
        if photograph.xmp:
            info.add_itxt("XML:com.adobe.xmp", photograph.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = info
    if kind == "TIFF":
        options["compression"] = "tiff_deflate"
    return options
