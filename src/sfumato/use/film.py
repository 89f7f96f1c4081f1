"""Films, frame by frame (extra `video`): times of frames, sound, subtitles and what the file says of itself stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import Progress
from sfumato.data.reading.read import Pixels

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
KEPT = ("audio", "subtitle")  # streams that are handed on as they are
TAGGED = {1: "ITU709", 5: "ITU601", 6: "ITU601"}  # what a film says of its colours: how red, green and blue follow from its numbers
TALL = 720  # px: films of this height and more that say nothing are taken for ITU709, smaller ones for ITU601
BEST, STEP = 10.0, 0.6  # of x264's scale of quality, where less is better: that of quality 100, and how much each point below it costs

Work = Callable[[Pixels], Pixels]  # uint8 or uint16 (H, W, 3) -> the same, of a size that is the same for all frames


def repair(source: Path, target: Path, work: Work, *, quality: int = 95, strip: bool = False, quiet: bool = False) -> None:
    """Do `work` to every frame of a film and write it in the container of `target`'s suffix, at once or not at all.

    quality : 1..100, of the new pictures.  strip : leave out what the file says of itself.
    Refuses a file without pictures, one that cannot be decoded, and what the container of `target` cannot hold.
    """
    library = _library()
    kind = CONTAINERS.get(target.suffix.lower())
    if kind is None:
        raise Refusal(f"{target.name} cannot be written: films are written as {', '.join(CONTAINERS)}. Take one of these suffixes.")
    try:
        with files.replacing(target) as aside, library.open(str(source)) as came, library.open(str(aside), "w", format=kind) as made:
            _copy(library, came, made, source, work, kind, quality, strip, quiet)
    except library.FFmpegError as error:
        raise Refusal(f"{source} could not be repaired as a film: {str(error).rstrip('.')}.") from error


def _library() -> Any:
    try:
        import av
    except ImportError as error:
        raise Refusal("Films need the extra `video`: pip install 'sfumato[video]'.") from error
    return av


def _copy(
    library: Any, came: Any, made: Any, source: Path, work: Work, kind: str, quality: int, strip: bool, quiet: bool
) -> None:
    pictures = came.streams.best("video")
    if pictures is None:
        raise Refusal(f"{source} holds no moving pictures.")
    pictures.thread_type = "AUTO"
    others = {stream.index: made.add_stream_from_template(stream) for stream in came.streams if stream.type in KEPT}
    if not strip:
        made.metadata.update({name: words for name, words in came.metadata.items() if name not in ("encoder", "major_brand")})
        for index, stream in others.items():
            stream.metadata.update(came.streams[index].metadata)
    pen = _Pen(library, made, pictures, kind, quality)
    waiting: list[Any] = []  # the header is written with the first packet, and says how large the pictures are
    with Progress(pictures.frames or None, f"repairing {source.name}", quiet) as bar:
        for packet in came.demux(pictures, *(came.streams[index] for index in others)):
            if packet.stream.index == pictures.index:
                for frame in packet.decode():
                    pen.add(frame, work)
                    bar.advance()
            elif packet.dts is not None:
                packet.stream = others[packet.stream.index]
                waiting.append(packet)
            if pen.begun:
                for each in waiting:
                    made.mux(each)
                waiting.clear()
        if not pen.begun:
            raise Refusal(f"{source} holds no frame that can be decoded.")
        pen.end()
        for each in waiting:
            made.mux(each)


@dataclass
class _Pen:
    """Writes frames.  The size of the first one is that of all."""

    library: Any
    made: Any
    pictures: Any
    kind: str
    quality: int
    stream: Any = None

    @property
    def begun(self) -> bool:
        return self.stream is not None

    def add(self, frame: Any, work: Work) -> None:
        """Repair one and write it, shown at the time at which it was shown."""
        deep = any(component.bits > 8 for component in frame.format.components)
        layout = "rgb48le" if deep else "rgb24"
        matrix = TAGGED.get(int(frame.colorspace), "ITU709" if frame.height >= TALL else "ITU601")
        pixels = frame.reformat(format=layout, src_colorspace=matrix).to_ndarray()
        pixels = np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
        repaired = work(pixels)
        if self.stream is None:
            self.stream = self._begin(repaired.shape[:2], frame, deep)
        written = self.library.VideoFrame.from_ndarray(np.ascontiguousarray(repaired), format=layout)
        written = written.reformat(format=self.stream.pix_fmt, dst_colorspace=matrix)
        written.pts, written.time_base = frame.pts, frame.time_base
        self._mux(self.stream.encode(written))

    def end(self) -> None:
        """What the encoder still holds."""
        self._mux(self.stream.encode())

    def _mux(self, packets: Iterator[Any]) -> None:
        for packet in packets:
            self.made.mux(packet)

    def _begin(self, size: tuple[int, ...], frame: Any, deep: bool) -> Any:
        codec, options = self._codec()
        stream = self.made.add_stream(codec, rate=self.pictures.average_rate or self.pictures.guessed_rate or 25, options=options)
        stream.height, stream.width = size
        even = size[0] % 2 == 0 and size[1] % 2 == 0  # colours of half the resolution need it
        stream.pix_fmt = ("yuv420p" if even else "yuv444p") + ("10le" if deep else "")
        stream.codec_context.time_base = self.pictures.time_base
        stream.codec_context.colorspace = frame.colorspace
        if self.pictures.sample_aspect_ratio and not round(frame.rotation / 90) % 2:
            stream.codec_context.sample_aspect_ratio = self.pictures.sample_aspect_ratio
        return stream

    def _codec(self) -> tuple[str, dict[str, str]]:
        factor = BEST + STEP * (100 - self.quality)
        if self.kind == "webm":
            return "libvpx-vp9", {"crf": f"{round(1.3 * factor)}", "b": "0", "row-mt": "1"}
        known = self.library.codecs_available
        if "libx264" in known:
            return "libx264", {"crf": f"{factor:.1f}", "preset": "medium"}
        return "mpeg4", {"flags": "+qscale", "global_quality": f"{round(118 * (1 + factor / 10))}"}
