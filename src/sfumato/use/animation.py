"""Animations (GIF, WebP, PNG that moves), frame by frame: times, repeats and transparency stay.  A still GIF is one of one frame."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Levels
from sfumato.data.reading import read as decoding
from sfumato.data.reading.read import Decoded
from sfumato.use import photograph
from sfumato.use.photograph import Photograph

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
MOST_PIXELS = 1_500_000_000  # of all frames together, which are held at once
ALWAYS_PIXELS = 48_000_000  # of all frames together, however few bytes they come in; beyond it a file must be honest about them
KEPT, SOURCE, CLEARED = 0, 0, 2  # how a frame begins: over the one before; replacing what it covers; with nothing there

Work = Callable[[Photograph], Photograph]


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Frames as they are shown, of 8 bits; milliseconds of each; how often all is repeated: 0 for ever, None once."""

    frames: tuple[Photograph, ...]
    milliseconds: tuple[int, ...]
    repeats: int | None


def read(path: Path) -> Photograph | Animation:
    """A photograph, or an animation where the file moves.  Refuses what `photograph.read` does, and more frames than memory holds."""
    path = Path(path)
    raw = decoding.bytes_of(path)
    found = decoding.decode(raw, path)
    if found.opened.format != "GIF" and not photograph.moves(found.opened):
        return photograph.of(found, path)
    return _animation(found, path, min(MOST_PIXELS, ALWAYS_PIXELS + decoding.PIXELS_A_BYTE * len(raw)))


def each(work: Work, picture: Photograph | Animation) -> Photograph | Animation:
    """What is done to a photograph, done to every frame."""
    if isinstance(picture, Photograph):
        return work(picture)
    return replace(picture, frames=tuple(work(frame) for frame in picture.frames))


def write(picture: Photograph | Animation, path: Path, *, quality: int = photograph.QUALITY, strip: bool = False) -> None:
    """Write in the format of `path`'s suffix, at once or not at all.  See `photograph.write`; an animation as GIF, WebP or PNG."""
    if isinstance(picture, Photograph):
        photograph.write(picture, path, quality=quality, strip=strip)
        return
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and len(picture.frames) == 1:
        photograph.write(picture.frames[0], path, quality=quality, strip=strip)
        return
    if kind is None:
        raise Refusal(f"{path.name} cannot be written: what moves is written as {', '.join(FORMATS)}. Take one of these suffixes.")
    first, *rest = (Image.fromarray(_levels(frame)) for frame in picture.frames)
    file = io.BytesIO()
    try:
        first.save(file, format=kind, save_all=True, append_images=rest, **_options(picture, kind, quality, strip))
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
            shown = np.asarray(opened.convert("RGBA"))
            times.append(max(0, round(float(opened.info.get("duration", 0)))))
            alpha = None if (shown[..., 3] == TOP).all() else np.ascontiguousarray(shown[..., 3])
            one = replace(found, pixels=np.ascontiguousarray(shown[..., :3]), alpha=alpha)
            frames.append(photograph.of(one, path, frame=True))
    except Refusal:
        raise
    except Exception as error:  # what Pillow raises for damaged files has no common type
        raise Refusal(f"{path} is damaged: one of its frames cannot be read ({str(error).rstrip('.') or type(error).__name__}).") from error
    repeats = opened.info.get("loop")
    return Animation(frames=tuple(frames), milliseconds=tuple(times), repeats=None if repeats is None else int(repeats))


def _levels(frame: Photograph) -> Levels:
    """uint8 (H, W, 3 or 4), grey repeated"""
    found = photograph.levels(frame, deep=False, with_alpha=True).astype(np.uint8, copy=False)
    if frame.pixels.shape[2] == 1:
        return np.concatenate([found[..., :1].repeat(3, axis=2), found[..., 1:]], axis=2)
    return found


def _options(picture: Animation, kind: str, quality: int, strip: bool) -> dict[str, Any]:
    first = picture.frames[0]
    seen_through = any(frame.alpha is not None for frame in picture.frames)
    times = list(picture.milliseconds)
    options: dict[str, Any] = {"icc_profile": first.profile} if first.profile and kind != "GIF" else {}
    if not strip and kind != "GIF":
        options |= {name: value for name, value in (("exif", first.notes.exif), ("xmp", first.notes.xmp)) if value and kind == "WEBP"}
    if kind == "GIF":
        repeats = {} if picture.repeats is None else {"loop": picture.repeats}
        return options | repeats | {"duration": times, "disposal": CLEARED if seen_through else KEPT}
    options |= {"loop": 1 if picture.repeats is None else picture.repeats, "duration": times}
    if kind == "WEBP":
        whole = {"kmin": 0, "kmax": 1} if seen_through else {}  # frames that hold changes alone lose their transparency in libwebp
        return options | whole | {"quality": quality, "method": 4}
    return options | {"blend": SOURCE}
