"""Animations (GIF, WebP, PNG that moves), frame by frame: times, repeats, transparency and notes stay.  GIFs that stand still, too."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.core.system import memory
from sfumato.data.reading import profiles
from sfumato.data.reading import read as decoding
from sfumato.data.reading.read import Decoded
from sfumato.use import photograph
from sfumato.use.metadata import Notes, as_comment
from sfumato.use.photograph import Photograph

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
MOST_PIXELS = 1_500_000_000  # of all frames together, which are held at once, however much memory is free
FRAME_BYTES = 7  # a px of all frames: three as they are shown, and four of Pillow's own copies, from which all are written
ALWAYS_PIXELS = 48_000_000  # of all frames together, however few bytes they come in; beyond it a file must be honest about them
KEPT, SOURCE, CLEARED = 0, 0, 2  # how a frame begins: over the one before; replacing what it covers; with nothing there

Work = Callable[[Photograph], Photograph]


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Frames as they are shown, of 8 bits; milliseconds of each; how often all is repeated: 0 for ever, None once.

    cover : of a PNG, what is shown where nothing can move.
    """

    frames: tuple[Photograph, ...]
    milliseconds: tuple[int, ...]
    repeats: int | None
    cover: Photograph | None = None


def read(path: Path) -> Photograph | Animation:
    """A photograph, or an animation where the file moves.

    Refuses what `photograph.read` does, and frames of more pixels together than memory has room for or than their bytes make likely.
    """
    path = Path(path)
    raw = decoding.bytes_of(path)
    found = [decoding.decode(raw, path)]
    if photograph.moves(found[0].opened):
        most = min(MOST_PIXELS, memory.free_bytes() // FRAME_BYTES, ALWAYS_PIXELS + decoding.PIXELS_A_BYTE * len(raw))
        return _animation(found[0], path, most)
    return photograph.of(found.pop(), path)  # held here no longer: with it goes Pillow's own copy of the pixels


def each(work: Work, picture: Photograph | Animation) -> Photograph | Animation:
    """What is done to a photograph, done to every frame."""
    if isinstance(picture, Photograph):
        return work(picture)
    cover = None if picture.cover is None else work(picture.cover)
    return replace(picture, frames=tuple(work(frame) for frame in picture.frames), cover=cover)


def kind_for(picture: Photograph | Animation, path: Path, *, grows: int = 1) -> str:
    """The format that `write` writes there.  Refuses what it refuses, and frames that memory has no room for once they are worked on.

    grows : see `photograph.kind_for`.
    """
    kind = _kind_for(picture, path, grows)
    if isinstance(picture, Animation):
        _check_room(picture, path, grows)
    return kind


def _kind_for(picture: Photograph | Animation, path: Path, grows: int) -> str:
    kind = FORMATS.get(path.suffix.lower())
    if isinstance(picture, Photograph) and kind != "GIF":
        return photograph.kind_for(picture, path, grows=grows)
    if kind is None:
        raise Refusal(f"{path.name} cannot be written: what moves is written as {', '.join(FORMATS)}. Take one of these suffixes.")
    for frame in (picture,) if isinstance(picture, Photograph) else picture.frames:
        photograph.check_sides(frame, path, kind, grows)
        if kind == "GIF" and frame.format != "GIF" and _is_soft(frame):
            raise Refusal(f"{path.name} cannot be written: GIF holds no half transparency, which the picture has. Take .webp or .png.")
    return kind


def _check_room(picture: Animation, path: Path, grows: int) -> None:
    """Refuse frames that would not fit together: what is made of all of them is held until it is written."""
    count, free = len(picture.frames), memory.free_bytes()
    height, width = (length * grows for length in picture.frames[0].pixels.shape[:2])
    needed = count * height * width * FRAME_BYTES
    if needed > free:
        raise Refusal(
            f"{path.name} cannot be made: {count} frames of {width} x {height} px take {needed / 1e9:.1f} GB, "
            f"but {free / 1e9:.1f} GB of memory are free. Enlarge it less, or take it apart first."
        )


def write(picture: Photograph | Animation, path: Path, *, quality: int = photograph.QUALITY, strip: bool = False) -> None:
    """Write in the format of `path`'s suffix, at once or not at all.  See `photograph.write`; an animation as GIF, WebP or PNG.

    GIF knows no half transparency: that of another format is refused, that of a GIF, made soft by enlarging, becomes all or none.
    """
    kind = _kind_for(picture, path, 1)
    if isinstance(picture, Photograph):
        if kind != "GIF":
            photograph.write(picture, path, quality=quality, strip=strip)
            return
        photograph.tell_of_depth(picture, path, kind)
        picture = Animation(frames=(picture,), milliseconds=(0,), repeats=None)
    photograph.tell_of_colours(picture.frames[0], path, kind)
    if kind == "GIF":
        picture = replace(picture, frames=tuple(_all_or_none(photograph.in_srgb(frame)) for frame in picture.frames))
    notes = photograph.notes_for(picture.frames[0].notes, path, kind, strip=strip)
    shown = [*([picture.cover] if picture.cover is not None and kind == "PNG" else []), *picture.frames]
    first, *rest = (Image.fromarray(_levels(frame)) for frame in shown)
    file = io.BytesIO()
    try:
        first.save(file, format=kind, save_all=True, append_images=rest, **_options(picture, notes, kind, quality))
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise Refusal(f"{path} cannot be written as {kind}: {str(error).rstrip('.') or type(error).__name__}.") from error
    files.write_bytes(path, file.getvalue())


def _animation(found: Decoded, path: Path, most: int) -> Animation:
    opened: Any = found.opened
    try:
        count = int(getattr(opened, "n_frames", 1))
        width, height = opened.size
        if count * width * height > most:
            raise Refusal(f"{path} holds {count} frames of {width} x {height} px: too many at once, or a bomb. Take it apart first.")
        frames, times = [], []
        for number in range(count):
            opened.seek(number)
            shown = decoding.turned(np.asarray(opened.convert("RGBA")), decoding.orientation(opened))
            times.append(max(0, round(float(opened.info.get("duration", 0)))))
            alpha = None if (shown[..., 3] == TOP).all() else np.ascontiguousarray(shown[..., 3])
            one = replace(found, pixels=np.ascontiguousarray(shown[..., :3]), alpha=alpha)
            frames.append(photograph.of(one, path, frame=True))
    except Refusal:
        raise
    except Exception as error:  # what Pillow raises for damaged files has no common type
        raise Refusal(f"{path} is damaged: one of its frames cannot be read ({str(error).rstrip('.') or type(error).__name__}).") from error
    repeats = opened.info.get("loop")
    covered = int(bool(getattr(opened, "default_image", False)))
    return Animation(
        frames=tuple(frames[covered:]),
        milliseconds=tuple(times[covered:]),
        repeats=None if repeats is None else int(repeats),
        cover=frames[0] if covered else None,
    )


def _is_soft(frame: Photograph) -> bool:
    """Whether anything is half transparent."""
    if frame.alpha is None:
        return False
    alpha = to_levels(to_unit(frame.alpha))
    return bool(((alpha > 0) & (alpha < TOP)).any())


def _all_or_none(frame: Photograph) -> Photograph:
    if frame.alpha is None:
        return frame
    alpha = to_levels(to_unit(frame.alpha))
    sharp = np.where(alpha > TOP // 2, TOP, 0).astype(np.uint8)
    return replace(frame, pixels=to_levels(to_unit(frame.pixels)), alpha=sharp)


def _levels(frame: Photograph) -> Levels:
    """uint8 (H, W, 3 or 4), grey repeated"""
    found = photograph.levels(frame, deep=False, with_alpha=True).astype(np.uint8, copy=False)
    if frame.pixels.shape[2] == 1:
        return np.concatenate([found[..., :1].repeat(3, axis=2), found[..., 1:]], axis=2)
    return found


def _options(picture: Animation, notes: Notes, kind: str, quality: int) -> dict[str, Any]:
    """What Pillow is told beside the frames."""
    first, seen_through = picture.frames[0], any(frame.alpha is not None for frame in picture.frames)
    times = list(picture.milliseconds)
    if kind == "GIF":
        said = {"comment": as_comment(notes.text)} if notes.text else {}
        repeats = {} if picture.repeats is None else {"loop": picture.repeats}
        return said | repeats | {"duration": times, "disposal": CLEARED if seen_through else KEPT}
    fits = first.profile and not profiles.of_grey(first.profile)  # frames are written in colours
    options: dict[str, Any] = {"icc_profile": first.profile} if fits else {}
    options |= {"exif": notes.exif} if notes.exif else {}
    options |= {"loop": 1 if picture.repeats is None else picture.repeats, "duration": times}
    if kind == "WEBP":
        whole = {"kmin": 0, "kmax": 1} if seen_through else {}  # frames that hold changes alone lose their transparency in libwebp
        return options | whole | ({"xmp": notes.xmp} if notes.xmp else {}) | photograph.webp_quality(quality)
    words = PngInfo()
    for name, data in first.colour_chunks:  # Pillow writes those that it knows, and sRGB only where no profile stands
        words.add(name, data)
    for key, text in notes.text:
        words.add_itxt(key, text)
    if notes.xmp:
        words.add_itxt("XML:com.adobe.xmp", notes.xmp.decode("utf-8", "replace"))
    dpi = {"dpi": notes.dpi} if notes.dpi else {}
    return options | dpi | {"pnginfo": words, "blend": SOURCE, "default_image": picture.cover is not None}
