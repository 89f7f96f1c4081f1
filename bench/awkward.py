"""Awkward files, through a repair that changes nothing: what each keeps, or why it is refused.

    python bench/awkward.py

A network as it is before it learns, which returns its input, repairs a folder of files by `restore_tree`, as `sfumato restore` does.
What comes out is compared with what came in as other programs see both: Pillow, and OpenCV where there are 16 bits.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

import results  # bench is a folder of scripts, not a package
from results import Bar
from sfumato.data import photographs
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts import restorer

sys.path.insert(0, str(results.ROOT))
from tests.data import icc  # profiles written out by hand

Array = NDArray[Any]
EXACT, ROUNDED, LOSSY = 0.0, 1.0, 4.0  # mean distance in levels of 255 that a file's format forgives
LITTLE = ['data.folders=["builtin:photographs"]', "network.widths=[8,12]", "network.blocks=[1,1]", "network.blocks_up=[1]"]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="1" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'


@dataclass(frozen=True)
class File:
    """One file: its name, how it is made, how far its pixels may move, and what the refusal says where it is refused."""

    name: str
    make: Callable[[Path], None]
    moves: float = EXACT
    refused: str = ""


def scene() -> Array:
    """uint8 (90, 120, 3): a photograph."""
    return np.asarray(photographs.items()[0].levels(3)[100:190, 60:180])


def deep(top: int = 65_535) -> Array:
    """uint16 (90, 120, 3) with levels between those of 8 bits."""
    noise = np.random.default_rng(0).integers(0, 257, scene().shape)
    return ((scene().astype(np.uint32) * 256 + noise).clip(0, 65_535) * top // 65_535).astype(np.uint16)


def exif(orientation: int) -> Image.Exif:
    """As a camera writes it."""
    made = Image.Exif()
    made[0x010F], made[0x0112] = "Maker", orientation
    return made


def with_pillow(pixels: Array, **options: Any) -> Callable[[Path], None]:
    """A file of these pixels."""
    return lambda path: Image.fromarray(pixels).save(path, **options)


def with_opencv(pixels: Array) -> Callable[[Path], None]:
    """A file of 16 bits; channels in the order of pictures, not of OpenCV."""
    turned = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.ndim == 3 else pixels
    return lambda path: path.write_bytes(cv2.imencode(path.suffix, turned)[1].tobytes()) and None


def deep_with_profile(path: Path) -> None:
    """A 16-bit PNG with ICC: the chunk is put in behind the header."""
    import struct
    import zlib

    data = cv2.imencode(".png", deep()[..., ::-1])[1].tobytes()
    body = b"iCCP" + b"Display P3\0\0" + zlib.compress(icc.profile("Display P3"))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def transparent(hidden: tuple[int, int, int] | None = None, even: int = 0) -> Array:
    """uint8 (90, 120, 4): a soft edge; or one transparency for all; or a corner with a colour that nobody sees."""
    alpha = np.broadcast_to(np.linspace(0, 255, 120), (90, 120)).astype(np.uint8).copy()
    pixels = scene().copy()
    if even:
        alpha[:] = even
    if hidden is not None:
        alpha[:], alpha[:30, :40], pixels[:30, :40] = 255, 0, hidden
    return np.dstack([pixels, alpha])


def palette(path: Path) -> None:
    """64 colours, one of which is not seen."""
    few = Image.fromarray(scene()).quantize(64)
    few.save(path, transparency=3)


def film(path: Path) -> None:
    """Three frames, shown for different times, for ever."""
    first, *rest = (Image.fromarray(scene()[at : at + 60]).quantize(32) for at in (0, 10, 20))
    first.save(path, save_all=True, append_images=rest, duration=[50, 90, 130], loop=0)


def pages(path: Path) -> None:
    """Two pages."""
    Image.fromarray(scene()).save(path, save_all=True, append_images=[Image.fromarray(scene()[::-1])])


def text(path: Path) -> None:
    """Words in a PNG, and an XMP packet."""
    words = PngImagePlugin.PngInfo()
    words.add_text("Title", "A face")
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.fromarray(scene()).save(path, pnginfo=words, dpi=(300, 150))


def files() -> list[File]:
    """All of them."""
    grey = scene()[..., 1]
    inside = np.round(icc.converted(scene() * 0.8 + 25, "sRGB", "Display P3")).astype(np.uint8)
    cmyk = Image.fromarray(scene()).convert("CMYK")
    return [
        File("16 bits with a profile.png", deep_with_profile),
        File("16 bits.tif", with_opencv(deep())),
        File("16 bits, dark.png", with_opencv(deep(600))),
        File("16 bits, grey.tif", with_opencv(deep()[..., 0])),
        File("16 bits, transparent.png", with_opencv(np.dstack([deep(), np.full((90, 120), 30_000, np.uint16)]))),
        File("four inks.jpg", lambda path: cmyk.save(path, quality=95), LOSSY),
        *(File(f"turned {number}.jpg", with_pillow(scene(), exif=exif(number), quality=95), LOSSY) for number in range(1, 9)),
        File("turned 6.png", with_pillow(scene(), exif=exif(6))),
        File("soft edge.png", with_pillow(transparent())),
        File("evenly transparent.webp", with_pillow(transparent(even=77), quality=95), LOSSY),
        File("hidden colour.png", with_pillow(transparent(hidden=(255, 0, 255)))),
        File("palette, one colour not seen.png", palette),
        File("one bit.png", lambda path: Image.fromarray(grey).convert("1").save(path)),
        File("one bit.tif", lambda path: Image.fromarray(grey).convert("1").save(path, compression="group4")),
        File("one pixel high.png", with_pillow(scene()[:1])),
        File("one pixel.jpg", with_pillow(scene()[:1, :1], quality=95), LOSSY),
        File("moves.gif", film, ROUNDED),
        File("moves.webp", film, LOSSY),
        File("grey.tif", with_pillow(grey)),
        File("grey.jpg", with_pillow(grey, quality=95), LOSSY),
        File("grey with transparency.png", with_pillow(np.dstack([grey, grey]))),
        File("Display P3.png", with_pillow(inside, icc_profile=icc.profile("Display P3")), ROUNDED),
        File("Display P3.jpg", with_pillow(inside, icc_profile=icc.profile("Display P3"), quality=95), LOSSY),
        File("words and XMP.png", text),
        File("été 照片 ñ.jpg", with_pillow(scene(), quality=95, comment="by hand"), LOSSY),
        File("pages.tif", pages, refused="more than one picture"),
        File("letter.png", lambda path: path.write_text("no picture") and None, refused="no picture that can be read"),
        File("cut short.jpg", lambda path: path.write_bytes(_jpeg()[:700]) and None, refused="damaged, incomplete"),
    ]


def _jpeg() -> bytes:
    return cv2.imencode(".jpg", scene())[1].tobytes()


@dataclass(frozen=True)
class Seen:
    """A file as another program sees it.  frames : float (N, H, W, 4) in levels of 255, upright."""

    frames: Array
    bits: int
    mode: str
    profile: bytes | None
    notes: dict[str, Any]


def seen(path: Path) -> Seen:
    """What Pillow says, and OpenCV of 16 bits."""
    with Image.open(path) as opened:
        frames, times = [], []
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            frames.append(np.asarray(ImageOps.exif_transpose(opened).convert("RGBA"), np.float64))
            times.append(opened.info.get("duration"))
        tags = opened.getexif()
        notes = {"Make": tags.get(0x010F), "comment": opened.info.get("comment"), "XMP": opened.info.get("xmp")}
        notes |= {name: words for name, words in getattr(opened, "text", {}).items() if not name.startswith("XML")}
        notes |= {"dpi": _dpi(opened), "upright": tags.get(0x0112, 1) == 1}
        notes |= {"times": times, "repeats": opened.info.get("loop")} if len(frames) > 1 else {}
        profile, grey = opened.info.get("icc_profile"), opened.mode in ("1", "L", "LA", "I;16")
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    bits = 8
    if stored is not None and stored.dtype == np.uint16:
        whole = stored[..., None].repeat(3, 2) if stored.ndim == 2 else stored[..., [2, 1, 0, 3][: stored.shape[2]]]
        alpha = whole[..., 3:] if whole.shape[2] == 4 else np.full((*whole.shape[:2], 1), 65_535, np.uint16)
        frames, bits = [np.concatenate([whole[..., :3], alpha], 2) / 257], 16
    said = {name: value for name, value in notes.items() if value not in (None, b"")}
    return Seen(np.stack(frames), bits, "grey" if grey else "colour", profile, said)


def _dpi(opened: Any) -> Any:
    """Whole dots across and down; of a TIFF that says none Pillow says 1."""
    dpi = opened.info.get("dpi") if 282 in getattr(opened, "tag_v2", {282: 1}) else None
    return None if dpi is None else tuple(round(float(one)) for one in dpi)


def row(file: File, came: Path, made: Path, reason: str) -> tuple[list[str], bool]:
    """A row of the matrix, and whether all that must be kept was kept."""
    if file.refused or not made.is_file():
        return [file.name, "refused", "", "", "", reason.removeprefix(f"{came} ")], file.refused in reason and bool(reason and file.refused)
    one, other = seen(came), seen(made)
    same_shape = one.frames.shape == other.frames.shape
    shown = one.frames[..., 3] > 0
    apart = float(np.abs(one.frames - other.frames)[..., :3][shown].mean()) if same_shape else float("inf")
    clear = same_shape and np.array_equal(one.frames[..., 3], other.frames[..., 3])
    inks = file.name.startswith("four inks")
    lost = [name for name, value in one.notes.items() if other.notes.get(name) != value and name != "upright"]
    holds = [apart <= file.moves, clear, one.bits == other.bits, inks or one.profile == other.profile, not lost, other.notes["upright"]]
    holds.append(one.mode == other.mode or file.name.startswith("palette"))
    pixels = "every bit" if apart == 0 else f"{apart:.2g} levels off" if same_shape else "another size"
    has_alpha = bool((one.frames[..., 3] < 255).any())
    kept = [name for name in one.notes if name not in lost and name != "upright"]
    cells = [
        f"{other.bits} bits, {other.mode}" + f", {len(other.frames)} frames" * (len(other.frames) > 1),
        pixels + " where it is seen" * bool((~shown).any()),
        ("kept" if clear else "CHANGED") if has_alpha else "",
        "" if not one.profile else "kept" if one.profile == other.profile else "LOST",
        ", ".join(kept) + (f"; LOST: {', '.join(lost)}" if lost else "") + ("; upright" if not one.notes.get("upright") else ""),
    ]
    return [file.name, *cells], all(holds)


def matrix() -> tuple[list[list[str]], list[str]]:
    """A row a file, and the names of those that lost something."""
    rows, wrong = [], []
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "in"), Path(place, "out")
        folder.mkdir()
        for file in files():
            file.make(folder / file.name)
        task = restore.build(catalogue.read("restore", LITTLE))
        task.save(Path(place, "identity.safetensors"), task.network, {}, 0)
        summary = restorer.load(Path(place, "identity.safetensors"), device="cpu").restore_tree(folder, out, quiet=True)
        reasons = {path.name: reason for path, reason in summary.failed}
        for file in files():
            cells, holds = row(file, folder / file.name, out / file.name, reasons.get(file.name, ""))
            rows.append(cells)
            wrong += [] if holds else [file.name]
    return rows, wrong


TITLES = ["file", "comes out as", "pixels", "transparency", "profile", "notes"]


def main() -> None:
    """Print and write bench/results/awkward.json."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows, wrong = matrix()
    bar = Bar(
        what=f"of {len(rows)} awkward files, those that lost something, or were refused without their name and a reason",
        needed="0",
        measured=len(wrong),
        spread=", ".join(wrong),
        holds=not wrong,
    )
    says = "A repair that changes nothing, by a network that returns its input: what of each file is kept, as other programs see it."
    results.write("awkward", [bar], table={"titles": TITLES, "rows": rows, "says": says})


if __name__ == "__main__":
    main()
