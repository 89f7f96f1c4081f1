"""Films, frame by frame (extra `video`): times of frames, how colours are told, sound, subtitles, chapters and titles stay as they are.

What a film holds beside them (further pictures, attached files, data, how bright its light was meant) is left out, which is said.
Titles go through to the byte, whatever letters they are written in.  Pixels that are not square become so in Matroska and WebM, which
is said too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import Progress, say
from sfumato.data.reading.read import Pixels

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi", ".3gp": "3gp"}
CLOCKS = ("mpegts", "mpeg")  # containers whose times begin at any hour
AV_TIME = 1_000_000  # units a second, in which FFmpeg says when
TRANSPARENT = "This film holds transparency, which would be lost. Take its frames apart, and repair them as pictures."
OPTIONS = {"mp4": {"movflags": "use_metadata_tags"}, "mov": {"movflags": "use_metadata_tags"}}  # else they keep few titles
KEPT = ("audio", "subtitle")  # streams that are handed on as they are
NOT_OURS = ("encoder", "major_brand", "minor_version", "compatible_brands")  # which a container says of itself
LANGUAGE = ("language",)  # all that a stripped film's streams say
OF_PICTURES = (*LANGUAGE, "title", "creation_time", "timecode", "handler_name")  # what else their stream says is of its old encoding
ITU709, ITU601, BT2020 = 1, 5, 9  # how red, green and blue follow from a film's numbers, as FFmpeg counts
MATRICES = {1: ITU709, 5: ITU601, 6: ITU601, 9: BT2020, 10: BT2020}  # by what a film says of itself; others say nothing
TAGS = {ITU709: 1, ITU601: 6, BT2020: 9}  # what a film that said nothing says from now on
TALL = 720  # px: films of this height and more that say nothing are taken for ITU709, smaller ones for ITU601
BEST, WORST = 10.0, {"libx264": 51.0, "libvpx-vp9": 63.0}  # scales of quality on which less is better, at quality 100 and 1
MOST_BITS = 10  # of what is written
SQUARE = ("matroska", "webm")  # of other pixels FFmpeg tells them by a field that PyAV cannot set, and other containers by the codec's
LONGEST = 4  # times a pixel's other side: television's stay below three, and a film that says more is not believed
LIGHT = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI_METADATA")  # of frames, lost on the way

Work = Callable[[Pixels], Pixels]  # uint8 or uint16 (H, W, 3) -> the same, of a size that is the same for all frames


def repair(source: Path, target: Path, work: Work, *, quality: int = 95, strip: bool = False, quiet: bool = False) -> None:
    """Do `work` to every frame of a film and write it in the container of `target`'s suffix, at once or not at all.

    quality : 1..100, of the new pictures.
    strip : leave out what the file and its streams say of themselves, but for chapters and languages, which tell nothing of their maker.
    Refuses a file without pictures, with transparency, or that cannot be decoded, and sound that the container of `target` has no room for.
    """
    library = _library()
    kind = CONTAINERS.get(target.suffix.lower())
    if kind is None:
        raise Refusal(f"{target.name} cannot be written: films are written as {', '.join(CONTAINERS)}. Take one of these suffixes.")
    with _opened(library, source) as came, files.replacing(target) as aside:
        try:
            options, to_the_byte = OPTIONS.get(kind, {}), _to_the_byte(library)
            with library.open(_named(aside), "w", format=kind, container_options=options, **to_the_byte) as made:
                _Copy(library, came, made, source, target).run(work, quality, strip, quiet)
        except library.FFmpegError as error:
            raise Refusal(f"{target} could not be written: {_words(error)}.") from error


def _library() -> Any:
    try:
        import av
    except ImportError as error:
        raise Refusal("Films need the extra `video`: pip install 'sfumato[video]'.") from error
    return av


def _named(path: Path) -> str:
    """As FFmpeg takes it for a file: what stands before a colon is a protocol to it, unless a folder stands before that."""
    return str(path.absolute())


def _opened(library: Any, source: Path) -> Any:
    try:
        return library.open(_named(source), **_to_the_byte(library))
    except library.FFmpegError as error:
        raise _unreadable(source, error) from error


def _to_the_byte(library: Any) -> dict[str, str]:
    """For `open`: titles that are not UTF-8 come in and go out as they are, as they do by themselves from PyAV 19 on."""
    major = int(library.__version__.partition(".")[0])
    return {"metadata_errors": "surrogateescape"} if major < 19 else {}  # which knows this parameter no more


def _unreadable(source: Path, error: Exception) -> Refusal:
    return Refusal(f"{source} cannot be read as a film: {_words(error)}.")


def _earlier(packet: Any, seconds: Fraction) -> None:
    """The packet of a film that begins earlier."""
    units = round(seconds / packet.stream.time_base)
    packet.pts, packet.dts = (None if time is None else time - units for time in (packet.pts, packet.dts))


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _said(stream: Any, names: Collection[str]) -> dict[str, str]:
    """What a stream says of itself under these names, which Matroska writes in capitals."""
    return {name: words for name, words in stream.metadata.items() if name.lower() in names}


def _bits(frame: Any) -> int:
    bits: int = max(component.bits for component in frame.format.components)
    return bits


def _turns(frame: Any) -> int:
    """Quarter turns against the clock, 0..3, after which it stands upright."""
    turns: int = round(frame.rotation / 90) % 4
    return turns


def _tells_light(frame: Any) -> bool:
    try:
        return any(kind in frame.side_data for kind in LIGHT)
    except ValueError:  # beside it lies a kind that this PyAV has no name for
        return False


def _squared(size: tuple[int, ...], shape: Fraction) -> tuple[int, ...]:
    """The height and width at which pixels `shape` times as wide as high become square, and none is lost: one side grows.

    It stays as even or odd as it was.
    """
    height, width = size
    if shape > 1:
        width += 2 * round(width * (shape - 1) / 2)
    else:
        height += 2 * round(height * (1 / shape - 1) / 2)
    return height, width


def _layout(frame: Any, size: tuple[int, ...]) -> str:
    """FFmpeg's name for how pictures of that size are written: 8 or 10 bits, colours as fine as they came, or finer.

    Both encoders know each of these.
    """
    came = frame.format
    grey = len(came.components) < 3 and not came.has_palette
    across, down = (not grey and whole(2) == 2 for whole in (came.chroma_width, came.chroma_height))  # two px, two colours
    odd = size[0] % 2 or size[1] % 2  # coarser colours need even sides
    turned = _turns(frame) % 2  # and are never coarser from above to below alone
    colours = "yuv444p" if across or odd or (down and turned) else "yuv422p" if down else "yuv420p"
    return colours + ("10le" if _bits(frame) > 8 else "")


@dataclass
class _Copy:
    """One film on its way."""

    library: Any
    came: Any
    made: Any
    source: Path
    target: Path

    def run(self, work: Work, quality: int, strip: bool, quiet: bool) -> None:
        """All of it."""
        pictures = self.came.streams.best("video")
        if pictures is None:
            raise Refusal(f"{self.source} holds no moving pictures.")
        if {name.lower(): words for name, words in pictures.metadata.items()}.get("alpha_mode") == "1":  # which decoders of WebM drop
            raise Refusal(TRANSPARENT)
        pictures.thread_type = "AUTO"
        others = {stream.index: self._handed_on(stream) for stream in self.came.streams if stream.type in KEPT}
        if left := [stream for stream in self.came.streams if stream.index not in (*others, pictures.index)]:
            say(f"{self.source.name}: {', '.join(sorted(stream.type or 'data' for stream in left))} beside the film is left out")
        self._titles(others, strip)
        pen = _Pen(self.library, self.made, pictures, self.target, quality, _said(pictures, LANGUAGE if strip else OF_PICTURES))
        waiting: list[Any] = []  # the header is written with the first packet, and says how large the pictures are
        with Progress(pictures.frames or None, f"repairing {self.source.name}", quiet) as bar:
            for frame, packet in self._read(pictures, others):
                if frame is not None:
                    pen.add(frame, work)
                    bar.advance()
                elif packet.dts is not None:
                    packet.stream = others[packet.stream.index]
                    waiting.append(packet)
                if pen.begun:
                    self.made.mux(waiting)
                    waiting.clear()
            if not pen.begun:
                raise Refusal(f"{self.source} holds no frame that can be decoded.")
            pen.end()

    def _handed_on(self, stream: Any) -> Any:
        try:
            made = self.made.add_stream_from_template(stream)
            made.disposition = stream.disposition
        except (ValueError, self.library.FFmpegError) as error:
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            others = dict.fromkeys(kind for kind in (self.source.suffix.lower(), ".mkv") if kind in CONTAINERS)
            others.pop(self.target.suffix.lower(), None)
            advice = f"take {', or '.join(others)}" if others else "take it out of the film first"
            raise Refusal(f"{self.target.name} has no room for {stream.type} of the kind {codec}: {advice}.") from error
        return made

    def _titles(self, others: dict[int, Any], strip: bool) -> None:
        """What the film, its other streams and its chapters are called; of a stripped one, chapters and languages alone."""
        if not strip:
            self.made.metadata.update({name: words for name, words in self.came.metadata.items() if name not in NOT_OURS})
        for index, stream in others.items():
            came = self.came.streams[index]
            stream.metadata.update(_said(came, LANGUAGE) if strip else came.metadata)
        if chapters := self.came.chapters():
            self.made.set_chapters(chapters)

    def _read(self, pictures: Any, others: Iterable[int]) -> Iterator[tuple[Any, Any]]:
        """Frames, and packets of other streams, in the order of the file."""
        untimed = self.came.format.name == "avi"  # which only says when to decode: what FFmpeg makes of that does not rise
        decoded: deque[int] = deque()  # those times: the first frame that comes out is shown at the first of them
        begun = Fraction(self.came.start_time or 0, AV_TIME) if self.came.format.name in CLOCKS else Fraction(0)
        try:
            for packet in self.came.demux(pictures, *(self.came.streams[index] for index in others)):
                _earlier(packet, begun)
                if packet.stream.index != pictures.index:
                    yield None, packet
                    continue
                if untimed and packet.dts is not None:
                    decoded.append(packet.dts)
                for frame in packet.decode():
                    if decoded:
                        frame.pts = decoded.popleft()
                    yield frame, None
        except self.library.FFmpegError as error:
            raise _unreadable(self.source, error) from error


@dataclass
class _Pen:
    """Writes frames.  The size of the first one is that of all."""

    library: Any
    made: Any
    pictures: Any
    target: Path
    quality: int
    titles: dict[str, str]  # of the new pictures
    stream: Any = None
    last: int | None = None  # when the frame before is shown, in units of the new stream

    @property
    def begun(self) -> bool:
        return self.stream is not None

    def add(self, frame: Any, work: Work) -> None:
        """Repair one and write it, shown at the time at which it was shown."""
        if any(component.is_alpha for component in frame.format.components):
            raise Refusal(TRANSPARENT)
        layout = "rgb48le" if _bits(frame) > 8 else "rgb24"
        matrix = MATRICES.get(int(frame.colorspace), ITU709 if frame.height >= TALL else ITU601)
        pixels = frame.reformat(format=layout, src_colorspace=matrix).to_ndarray()
        pixels = np.ascontiguousarray(np.rot90(pixels, _turns(frame)))
        repaired = work(pixels)
        if self.stream is None:
            self.stream = self._begin(repaired.shape[:2], frame, matrix)
            self._tell(repaired.shape[:2], frame)
        height, width = self.stream.height, self.stream.width
        written = self.library.VideoFrame.from_ndarray(np.ascontiguousarray(repaired), format=layout)
        whole = {"dst_color_range": int(frame.color_range)} if frame.color_range else {}
        grown = "BICUBIC" if repaired.shape[:2] != (height, width) else None
        written = written.reformat(width, height, self.stream.pix_fmt, dst_colorspace=matrix, interpolation=grown, **whole)
        written.pts, written.time_base = self._shown(frame), self.stream.codec_context.time_base
        self.made.mux(self.stream.encode(written))

    def end(self) -> None:
        """What the encoder still holds."""
        self.made.mux(self.stream.encode())

    def _shown(self, frame: Any) -> int:
        """When, in units of the new stream.  A frame that has no time, or none after the one before, is counted at the rate of all."""
        unit = self.stream.codec_context.time_base
        counted = 0 if self.last is None else self.last + max(1, round(1 / (self._rate * unit)))
        shown: int = counted if frame.pts is None else round(frame.pts * self.pictures.time_base / unit)
        if self.last is not None and shown <= self.last:
            shown = counted
        self.last = shown
        return shown

    @property
    def _rate(self) -> Fraction:
        return Fraction(self.pictures.average_rate or self.pictures.guessed_rate or 25)

    def _shape(self, frame: Any) -> Fraction | None:
        """How many times as wide as high its pixels are shown once it stands upright; None: nobody says, or nothing to be believed."""
        shape = Fraction(self.pictures.sample_aspect_ratio or 0)
        if not shape or max(shape, 1 / shape) > LONGEST:
            return None
        return 1 / shape if _turns(frame) % 2 else shape

    def _begin(self, size: tuple[int, ...], frame: Any, matrix: int) -> Any:
        kind = CONTAINERS[self.target.suffix.lower()]
        codec, options = self._codec(kind)
        stream = self.made.add_stream(codec, rate=self._rate, options=options)
        stream.metadata.update(self.titles)
        context, shape = stream.codec_context, self._shape(frame)
        if shape and kind in SQUARE:
            size = _squared(size, shape)
        elif shape:
            context.sample_aspect_ratio = shape
        stream.height, stream.width = size
        stream.pix_fmt = _layout(frame, size)
        counts = kind == "avi"  # frames, and knows no other time
        context.time_base = 1 / Fraction(self.pictures.guessed_rate or self._rate) if counts else self.pictures.time_base
        context.colorspace = frame.colorspace if int(frame.colorspace) in MATRICES else TAGS[matrix]
        context.color_primaries, context.color_trc, context.color_range = frame.color_primaries, frame.color_trc, frame.color_range
        return stream

    def _tell(self, size: tuple[int, ...], frame: Any) -> None:
        """What becomes another in the new film, once.  size : of what came out of the work."""
        name, now = self.target.name, (self.stream.height, self.stream.width)
        if (bits := _bits(frame)) > MOST_BITS:
            say(f"{name}: {bits} bits become {MOST_BITS}: no more are written. To keep them, repair its frames as pictures.")
        if size != now:
            say(f"{name}: pixels that are not square become so, in pictures of {now[1]} x {now[0]} px. An .mp4 keeps them as they are.")
        if _tells_light(frame):
            say(f"{name}: what the film says of its screen and its brightest light (HDR10, Dolby Vision) is left out.")

    def _codec(self, kind: str) -> tuple[str, dict[str, str]]:
        codec = "libvpx-vp9" if kind == "webm" else "libx264"
        if codec not in self.library.codecs_available:
            raise Refusal(f"{self.target.name} needs the encoder {codec}, which this build of FFmpeg lacks: pip install av brings it.")
        factor = BEST + (WORST[codec] - BEST) * (100 - self.quality) / 99
        if codec == "libvpx-vp9":
            return codec, {"crf": f"{round(factor)}", "b": "0", "row-mt": "1"}
        in_order = {"bf": "0"} if kind == "avi" else {}  # a frame that leans on a later one would be shown after it
        return codec, {"crf": f"{factor:.1f}", "preset": "medium"} | in_order
