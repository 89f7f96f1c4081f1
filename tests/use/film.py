"""Films made on the spot: a ramp that moves, with a tone and with words where that is wanted."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

RATE, COUNT, SIZE, TONE = Fraction(30000, 1001), 12, (48, 64), 440  # frames a second, frames, height and width, Hz
CODECS = {".webm": ("libvpx-vp9", "libopus", 48_000), ".mpg": ("mpeg2video", "mp2", 48_000)}  # of pictures and sound, samples a second
USUAL = "libx264", "aac", 44_100


def striped(axis, count=3):
    """uint8 (count, 48, 64, 3) of two colours, line by line of one pixel.  axis : 1, one below the other; 2, side by side."""
    pixels = np.full((count, *SIZE, 3), (200, 40, 40), np.uint8)
    pixels.swapaxes(1, axis)[:, ::2] = (40, 120, 200)
    return pixels


def frames(count=COUNT, size=SIZE):
    """uint8 (count, H, W, 3)"""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([np.stack([x * 2 + 5 * n, y * 4, np.full_like(x, 90 + n)], -1) for n in range(count)]).astype(np.uint8)


def make(
    path: Path,
    *,
    pixels=None,
    pix_fmt="yuv420p",
    sound=True,
    times=None,
    chapters=(),
    words="",
    of_sound=(),
    of_pictures=(),
    codec=None,
    options=(),
    shape=None,
) -> Path:
    """A film of these frames, shown at steps `times` of one frame's time each; words: subtitles, as an SRT file has them.

    of_sound, of_pictures : what is said of them.  codec : of the pictures; None: what is usual in such a file.  options : of the codec.
    shape : how many times as wide as high a pixel is shown.
    """
    pixels = frames() if pixels is None else pixels
    with av.open(str(path), "w") as film:
        film.metadata["title"] = "a ramp"
        film.set_chapters(list(chapters))
        usual, heard, rate = CODECS.get(path.suffix, USUAL)
        pictures = film.add_stream(codec or usual, rate=RATE, options={"crf": "4", **dict(options)})
        pictures.height, pictures.width = pixels.shape[1:3]
        pictures.pix_fmt = pix_fmt
        pictures.metadata.update(of_pictures)
        if shape is not None:
            pictures.codec_context.sample_aspect_ratio = shape
        tone = film.add_stream(heard, rate=rate) if sound else None
        if tone is not None:
            tone.metadata.update(of_sound)
        said = subtitles(path.with_suffix(".srt"), words, film) if words else []
        for number, one in enumerate(pixels):
            frame = av.VideoFrame.from_ndarray(one, format="rgb24")
            frame.pts, frame.time_base = (times or range(len(pixels)))[number], 1 / RATE
            for packet in pictures.encode(frame):
                film.mux(packet)
        for packet in pictures.encode():
            film.mux(packet)
        if tone is not None:
            sing(film, tone)
        for packet in said:
            film.mux(packet)
    return path


def subtitles(path: Path, words: str, film) -> list:
    """The packets of an SRT file, bound for a new stream of the film."""
    path.write_text(words, encoding="utf-8")
    with av.open(str(path)) as file:
        stream = film.add_stream_from_template(file.streams.subtitles[0])
        packets = [packet for packet in file.demux() if packet.size]
    for packet in packets:
        packet.stream = stream
    return packets


def sing(film, tone) -> None:
    """A second of a tone."""
    rate, step = tone.rate, tone.codec_context.frame_size or 1024
    wave = (0.3 * np.sin(2 * np.pi * TONE * np.arange(rate) / rate)).astype(np.float32)
    for start in range(0, rate - step, step):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + step].copy(), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        for packet in tone.encode(frame):
            film.mux(packet)
    for packet in tone.encode():
        film.mux(packet)


def seen(path: Path):
    """Frames uint8 (N, H, W, 3), and the seconds at which each is shown; of an AVI those of decoding, all that it holds, in turn."""
    with av.open(str(path)) as film:
        found = [(frame.reformat(format="rgb24", src_colorspace="ITU601").to_ndarray(), frame.time) for frame in film.decode(video=0)]
    pixels, times = zip(*found, strict=True)
    if path.suffix == ".avi":
        with av.open(str(path)) as film:
            times = [float(packet.dts * packet.time_base) for packet in film.demux(video=0) if packet.dts is not None]
    return np.stack(pixels), list(times)


def packets(path: Path, kind: str):
    """The bytes of every packet of a stream."""
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(film.streams.best(kind)) if packet.size]


def begin_of_sound(path: Path) -> float:
    """Seconds."""
    with av.open(str(path)) as film:
        return min(float(packet.pts * packet.time_base) for packet in film.demux(audio=0) if packet.pts is not None)
