"""Films go out as they came in: frames at their times, sound and words to the bit, and what the file says of itself."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sfumato.core.errors import Refusal
from sfumato.use import film

av = pytest.importorskip("av")

from tests.use import film as made  # noqa: E402  # after the library it needs


def as_it_is(pixels):
    return pixels


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm", ".avi"])
def test_a_repair_that_changes_nothing_changes_little(tmp_path, suffix):
    came = made.make(tmp_path / f"a{suffix}")
    film.repair(came, tmp_path / f"b{suffix}", as_it_is, quality=100)
    before, after = made.seen(came), made.seen(tmp_path / f"b{suffix}")
    assert after[0].shape == before[0].shape and np.abs(after[0].astype(int) - before[0]).mean() < 2
    assert after[1] == pytest.approx(before[1], abs=2e-3)
    assert made.packets(tmp_path / f"b{suffix}", "audio") == made.packets(came, "audio") != []


@pytest.mark.parametrize(("suffix", "made_as"), [(".mts", ".mkv"), (".mts", ".mp4"), (".mpg", ".mkv")])
def test_a_film_that_is_only_read_begins_at_once_and_its_sound_stays_beside_it(tmp_path, suffix, made_as):
    """The clock of such containers runs on from film to film."""
    came, target = made.make(tmp_path / f"a{suffix}"), tmp_path / f"b{made_as}"
    film.repair(came, target, as_it_is, quality=100)
    (before, shown), (after, shown_now) = made.seen(came), made.seen(target)
    assert np.abs(after.astype(int) - before).mean() < 2 and len(after) == made.COUNT
    heard = made.begin_of_sound(came)
    late = min(shown[0], heard)
    assert late > 0.02 and shown_now == pytest.approx(np.subtract(shown, late), abs=2e-3)
    assert made.begin_of_sound(target) == pytest.approx(heard - late, abs=2e-3)


def test_the_little_film_of_a_telephone_stays_one(tmp_path):
    came = made.make(tmp_path / "a.3gp")
    film.repair(came, tmp_path / "b.3gp", as_it_is, quality=100)
    assert b"ftyp3gp" in (tmp_path / "b.3gp").read_bytes()[:16]
    assert made.seen(tmp_path / "b.3gp")[1] == pytest.approx(made.seen(came)[1], abs=2e-3)
    assert made.packets(tmp_path / "b.3gp", "audio") == made.packets(came, "audio") != []


def test_subtitles_stay_to_the_bit_at_their_times(tmp_path):
    words = "1\n00:00:00,050 --> 00:00:00,150\nA ramp moves.\n\n2\n00:00:00,200 --> 00:00:00,350\nEs läuft, 顔.\n"
    came = made.make(tmp_path / "a.mkv", words=words)
    film.repair(came, tmp_path / "b.mkv", as_it_is)
    told = []
    for path in (came, tmp_path / "b.mkv"):
        with av.open(str(path)) as found:
            packets = [packet for packet in found.demux(found.streams.subtitles[0]) if packet.size]
            told.append([(bytes(one), float(one.pts * one.time_base), float(one.duration * one.time_base)) for one in packets])
    assert told[0] == told[1] and [words for words, _, _ in told[0]] == [b"A ramp moves.", "Es läuft, 顔.".encode()]


def test_what_the_file_says_stays_or_is_left_out(tmp_path):
    came = made.make(tmp_path / "a.mp4", sound=False)
    for name, strip in (("kept", False), ("bare", True)):
        film.repair(came, tmp_path / f"{name}.mp4", as_it_is, strip=strip)
        with av.open(str(tmp_path / f"{name}.mp4")) as found:
            assert (found.metadata.get("title") == "a ramp") is not strip


def test_chapters_and_languages_tell_nothing_of_a_maker_and_titles_may(tmp_path):
    chapters = [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "the first"}}]
    said = {"language": "deu", "title": "Seppl's microphone"}
    film.repair(made.make(tmp_path / "a.mkv", chapters=chapters, of_sound=said), tmp_path / "b.mkv", as_it_is, strip=True)
    with av.open(str(tmp_path / "b.mkv")) as found:
        [chapter], sound = found.chapters(), found.streams.audio[0]
        assert (chapter["metadata"]["title"], sound.metadata["language"]) == ("the first", "deu")
        assert "title" not in sound.metadata and "title" not in found.metadata


def test_the_track_of_pictures_keeps_its_names_and_not_what_it_said_of_its_old_encoding(tmp_path):
    """Matroska writes most of them in capitals."""
    said = {"language": "spa", "title": "Seppl's camera", "timecode": "01:00:00:00", "handler_name": "a lens", "bps": "12"}
    came = made.make(tmp_path / "a.mkv", pixels=made.frames(2), sound=False, of_pictures=said)
    for strip, kept in ((False, ("language", "title", "timecode", "handler_name")), (True, ("language",))):
        film.repair(came, tmp_path / "b.mkv", as_it_is, strip=strip)
        with av.open(str(tmp_path / "b.mkv")) as found:
            told = {name.lower(): words for name, words in found.streams.video[0].metadata.items()}
        assert {name: told[name] for name in said if name in told} == {name: said[name] for name in kept}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_titles_in_letters_of_another_time_stay_to_the_byte(tmp_path, suffix):
    """Nothing in an old film says how they are written, and not all of them are UTF-8."""
    came = made.make(tmp_path / f"a{suffix}", pixels=made.frames(2), sound=False)
    came.write_bytes(came.read_bytes().replace(b"a ramp", b"\xc4 ramp"))
    film.repair(came, tmp_path / f"b{suffix}", as_it_is)
    assert b"\xc4 ramp" in (tmp_path / f"b{suffix}").read_bytes()
    film.repair(came, tmp_path / f"c{suffix}", as_it_is, strip=True)
    assert b"\xc4 ramp" not in (tmp_path / f"c{suffix}").read_bytes()


def test_frames_that_are_not_evenly_spaced_stay_so(tmp_path):
    times = [0, 1, 2, 5, 6, 9, 10, 11, 20, 21, 22, 30]
    came = made.make(tmp_path / "a.mkv", times=times, sound=False)
    film.repair(came, tmp_path / "b.mkv", as_it_is)
    assert made.seen(tmp_path / "b.mkv")[1] == pytest.approx([time * 1001 / 30000 for time in times], abs=2e-3)


def test_an_avi_with_frames_that_lean_on_later_ones_keeps_their_order(tmp_path):
    """AVI holds no times of presentation, so what is made up for them does not rise; whoever reads ours shall need none."""
    came = made.make(tmp_path / "a.avi", sound=False)
    leans = []
    for name in ("a.avi", "b.avi", "b.mp4"):
        if name != "a.avi":
            film.repair(came, tmp_path / name, as_it_is, quality=100)
        with av.open(str(tmp_path / name)) as found:
            leans.append(bool(found.streams.video[0].codec_context.has_b_frames))
        pixels, times = made.seen(tmp_path / name)
        assert np.diff(pixels[..., 0].mean((1, 2))) == pytest.approx(np.full(made.COUNT - 1, 5), abs=2)  # levels of red
        assert times == pytest.approx([number * 1001 / 30000 for number in range(made.COUNT)], abs=2e-3)
    assert leans == [True, False, True]


def test_frames_that_are_not_evenly_spaced_fall_on_an_avis_grid(tmp_path):
    times = [0, 1, 2, 5, 6, 9, 10, 11, 20, 21, 22, 30]
    came = made.make(tmp_path / "a.mkv", times=times, sound=False)
    film.repair(came, tmp_path / "b.avi", as_it_is)
    assert made.seen(tmp_path / "b.avi")[1] == pytest.approx([time * 1001 / 30000 for time in times], abs=2e-3)


def test_frames_without_a_time_or_with_one_that_is_past_are_counted(tmp_path):
    """At the rate of all, from the one before."""
    with av.open(str(made.make(tmp_path / "a.mkv", sound=False))) as came, av.open(str(tmp_path / "b.mkv"), "w") as new:
        pen = film._Pen(av, new, came.streams.video[0], tmp_path / "b.mkv", 100, {})
        for frame, time in zip(came.decode(video=0), [None, 33, None, 67, 500, None], strict=False):  # milliseconds, as Matroska counts
            frame.pts = time
            pen.add(frame, as_it_is)
        pen.end()
    assert made.seen(tmp_path / "b.mkv")[1] == pytest.approx([0, 0.033, 0.066, 0.067, 0.5, 0.533], abs=2e-3)


def test_each_frame_is_repaired_and_may_grow(tmp_path):
    came = made.make(tmp_path / "a.mp4", sound=False)
    film.repair(came, tmp_path / "b.mp4", lambda pixels: 255 - pixels.repeat(2, 0).repeat(2, 1), quality=100)
    before, after = made.seen(came)[0], made.seen(tmp_path / "b.mp4")[0]
    assert after.shape == (len(before), 2 * before.shape[1], 2 * before.shape[2], 3)
    assert np.abs(after[:, ::2, ::2].astype(int) - (255 - before)).mean() < 3


def test_an_odd_size_and_ten_bits_come_through(tmp_path):
    odd = made.make(tmp_path / "odd.mkv", pixels=made.frames(4, (33, 47)), pix_fmt="yuv444p", sound=False)
    film.repair(odd, tmp_path / "b.mkv", as_it_is)
    assert made.seen(tmp_path / "b.mkv")[0].shape == (4, 33, 47, 3)
    kinds = []
    deep = made.make(tmp_path / "deep.mkv", pixels=made.frames(3), pix_fmt="yuv420p10le", sound=False)
    film.repair(deep, tmp_path / "c.mkv", lambda pixels: kinds.append(pixels.dtype) or pixels)
    with av.open(str(tmp_path / "c.mkv")) as found:
        assert set(kinds) == {np.dtype(np.uint16)} and found.streams.video[0].pix_fmt == "yuv420p10le"


def stored_as(path):
    """What FFmpeg calls it; a full range has a name of its own there in 8 bits."""
    with av.open(str(path)) as found:
        return found.streams.video[0].pix_fmt.replace("yuvj", "yuv")


@pytest.mark.parametrize(
    ("suffix", "codec", "came_as", "axis", "goes_as"),
    [
        (".mkv", None, "yuv444p", 2, "yuv444p"),
        (".webm", None, "yuv444p", 2, "yuv444p"),
        (".mp4", None, "yuv422p", 1, "yuv422p"),
        (".webm", None, "yuv422p", 1, "yuv422p"),
        (".mkv", None, "yuv422p10le", 1, "yuv422p10le"),
        (".mkv", "ffv1", "yuv444p12le", 2, "yuv444p10le"),
        (".mkv", "ffv1", "bgr0", 2, "yuv444p"),
    ],
)
def test_colours_stay_as_fine_as_they_came(tmp_path, suffix, codec, came_as, axis, goes_as):
    """At half the resolution, lines of one pixel would take the mean of their colours, some 60 levels off."""
    drawn = made.striped(axis)
    came = made.make(tmp_path / f"a{suffix}", pixels=drawn, pix_fmt=came_as, codec=codec, sound=False)
    film.repair(came, tmp_path / f"b{suffix}", as_it_is, quality=100)
    assert stored_as(tmp_path / f"b{suffix}") == goes_as
    assert np.abs(made.seen(tmp_path / f"b{suffix}")[0].astype(int) - drawn).mean() < 15


@pytest.mark.parametrize(("codec", "came_as"), [(None, "yuv420p"), ("ffv1", "gray")])
def test_colours_that_are_coarse_or_none_are_written_as_every_player_knows_them(tmp_path, codec, came_as):
    came = made.make(tmp_path / "a.mkv", pixels=made.frames(2), pix_fmt=came_as, codec=codec, sound=False)
    film.repair(came, tmp_path / "b.mkv", as_it_is)
    assert stored_as(tmp_path / "b.mkv") == "yuv420p"


def test_bits_beyond_ten_are_told_of(tmp_path, capsys):
    for name, bits in (("a", 10), ("b", 12)):
        came = made.make(tmp_path / f"{name}.mkv", pixels=made.frames(3), pix_fmt=f"yuv422p{bits}le", codec="ffv1", sound=False)
        film.repair(came, tmp_path / f"{name}2.mkv", as_it_is)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("bits become 10") == 1 and "b2.mkv: 12 bits become 10" in said


def turned(came, matrix):
    """The same film, whose header says so: a, b, c, d map (1, 0) to (a, b) and (0, 1) to (c, d), y downwards."""
    data = bytearray(came.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    for place, number in zip((0, 1, 3, 4), matrix, strict=True):
        data[at + 4 * place : at + 4 * place + 4] = (number * 65536).to_bytes(4, "big", signed=True)
    came.with_name("turned.mp4").write_bytes(data)
    return came.with_name("turned.mp4")


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), -1), ((0, -1, 1, 0), 1), ((-1, 0, 0, -1), 2)])
def test_a_film_that_is_shown_turned_comes_out_upright(tmp_path, matrix, turns):
    """A phone held upright says so in the track's header."""
    came = made.make(tmp_path / "a.mp4", sound=False)
    film.repair(turned(came, matrix), tmp_path / "b.mp4", as_it_is, quality=100)
    before, after = made.seen(came)[0], made.seen(tmp_path / "b.mp4")[0]
    assert np.abs(after.astype(int) - np.rot90(before, turns, (1, 2))).mean() < 2


def test_colours_of_a_film_that_is_shown_turned_stay_as_fine(tmp_path):
    """Those that are finer from above to below become finer across, for which alone there is no layout."""
    drawn = made.striped(axis=1)
    came = made.make(tmp_path / "a.mp4", pixels=drawn, pix_fmt="yuv422p", sound=False)
    film.repair(turned(came, (0, 1, -1, 0)), tmp_path / "b.mp4", as_it_is, quality=100)
    assert stored_as(tmp_path / "b.mp4") == "yuv444p"
    assert np.abs(made.seen(tmp_path / "b.mp4")[0].astype(int) - np.rot90(drawn, -1, (1, 2))).mean() < 15


def on_the_screen(path):
    """How many times as wide as high a film is shown."""
    with av.open(str(path)) as found:
        pictures = found.streams.video[0]
        return float(pictures.width / pictures.height * (pictures.sample_aspect_ratio or 1))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".mkv", ".webm"])
@pytest.mark.parametrize("shape", [Fraction(16, 11), Fraction(8, 9)])
def test_a_film_whose_pixels_are_not_square_is_shown_in_its_shape(tmp_path, suffix, shape):
    """Television's: PAL shown wide, NTSC shown narrow."""
    came = made.make(tmp_path / "a.mp4", pixels=made.frames(3), shape=shape, sound=False)
    film.repair(came, tmp_path / f"b{suffix}", as_it_is)
    assert on_the_screen(came) == pytest.approx(64 / 48 * float(shape))
    assert on_the_screen(tmp_path / f"b{suffix}") == pytest.approx(64 / 48 * float(shape), rel=0.02)  # in whole pixels, two by two


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_whose_pixels_are_not_square_and_that_is_shown_turned_is_shown_in_its_shape(tmp_path, suffix):
    came = made.make(tmp_path / "a.mp4", pixels=made.frames(3), shape=Fraction(2), sound=False)
    film.repair(turned(came, (0, 1, -1, 0)), tmp_path / f"b{suffix}", as_it_is)
    assert on_the_screen(tmp_path / f"b{suffix}") == pytest.approx(48 / (2 * 64))


def test_pixels_become_square_where_a_container_would_not_be_told_and_that_is_said(tmp_path, capsys):
    came = made.make(tmp_path / "a.mp4", pixels=made.frames(3), shape=Fraction(2), sound=False)
    for name in ("b.mkv", "b.mp4"):
        film.repair(came, tmp_path / name, as_it_is, quality=100)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("become so") == 1 and "b.mkv: pixels that are not square become so, in pictures of 128 x 48 px" in told
    before, after = made.seen(came)[0], made.seen(tmp_path / "b.mkv")[0]
    assert after.shape == (3, 48, 128, 3) and np.abs(after[:, :, ::2].astype(int) - before).mean() < 3
    assert stored_as(tmp_path / "b.mkv") == "yuv420p" and made.seen(tmp_path / "b.mp4")[0].shape == before.shape


@pytest.mark.parametrize(("came", "square"), [((4, 6), (4, 12)), ((5, 7), (5, 15)), ((720, 1281), (720, 2561))])
def test_a_side_that_grows_stays_as_even_or_odd_as_it_was(came, square):
    """So colours that are half as fine still fit."""
    assert film._squared(came, Fraction(2)) == square
    assert film._squared(came[::-1], Fraction(1, 2)) == square[::-1]
    assert film._squared(came, Fraction(10_000, 10_001)) == came


def test_no_pixel_is_believed_to_be_a_stripe(tmp_path, capsys):
    """A header may say that one is as long as a screen is wide."""
    came = made.make(tmp_path / "a.mp4", pixels=made.frames(3), shape=Fraction(40), sound=False)
    film.repair(came, tmp_path / "b.mkv", as_it_is)
    assert made.seen(tmp_path / "b.mkv")[0].shape == (3, 48, 64, 3) and "become so" not in capsys.readouterr().err


def test_what_is_no_film_and_what_no_container_is_for_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film at all" * 100)
    with pytest.raises(Refusal, match="a.mp4 cannot be read as a film"):
        film.repair(tmp_path / "a.mp4", tmp_path / "b.mp4", as_it_is)
    with pytest.raises(Refusal, match="films are written as"):
        film.repair(made.make(tmp_path / "c.mp4"), tmp_path / "b.xyz", as_it_is)
    assert not (tmp_path / "b.mp4").exists() and not list(tmp_path.glob(".b*"))


@pytest.mark.skipif(os.name == "nt", reason="no name holds a colon there")
def test_what_stands_before_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    made.make(tmp_path / "came.mp4", sound=False).rename(tmp_path / "Part:1.mp4")
    monkeypatch.chdir(tmp_path)
    film.repair(Path("Part:1.mp4"), Path("Part:2.mp4"), as_it_is)
    (tmp_path / "Part:2.mp4").rename(tmp_path / "made.mp4")
    assert len(made.seen(tmp_path / "made.mp4")[0]) == made.COUNT
    (tmp_path / "Part:3.mp4").write_bytes(b"no film at all" * 100)
    with pytest.raises(Refusal, match="^Part:3.mp4 cannot be read as a film"):
        film.repair(Path("Part:3.mp4"), Path("Part:4.mp4"), as_it_is)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Part:1.mp4", "Part:3.mp4", "made.mp4"]


def test_sound_that_a_container_has_no_room_for_is_refused_and_others_are_named(tmp_path):
    came = made.make(tmp_path / "a.mp4")
    with pytest.raises(Refusal, match="b.webm has no room for audio of the kind aac: take .mp4, or .mkv"):
        film.repair(came, tmp_path / "b.webm", as_it_is)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_every_quality_can_be_asked_for_and_less_takes_less(tmp_path, suffix):
    came = made.make(tmp_path / f"a{suffix}", sound=False)
    sizes = []
    for quality in (1, 30, 60, 100):
        film.repair(came, tmp_path / f"b{suffix}", as_it_is, quality=quality)
        sizes.append((tmp_path / f"b{suffix}").stat().st_size)
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_a_small_film_that_grows_tall_keeps_its_colours(tmp_path):
    """One that says nothing of its colours is read by its height: whoever reads the taller one must be told."""
    colours = np.zeros((3, 96, 96, 3), np.uint8)
    colours[..., :48, :] = (200, 30, 40)
    colours[..., 48:, :] = (20, 160, 60)
    came = made.make(tmp_path / "a.mkv", pixels=colours, sound=False)
    film.repair(came, tmp_path / "b.mkv", lambda pixels: pixels.repeat(8, 0).repeat(8, 1), quality=100)
    with av.open(str(tmp_path / "b.mkv")) as found:
        frame = next(found.decode(video=0))
        tagged = film.MATRICES[int(frame.colorspace)]
        after = frame.reformat(format="rgb24", src_colorspace=tagged).to_ndarray()
    for column, wanted in ((100, (200, 30, 40)), (600, (20, 160, 60))):
        assert np.abs(after[384, column].astype(int) - wanted).max() <= 4


def test_what_a_film_says_of_its_light_stays(tmp_path):
    """BT.2020 with hybrid log-gamma, ten bits, as telephones film."""
    with av.open(str(tmp_path / "a.mkv"), "w") as came:
        stream = came.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 18
        for one in made.frames(3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")):
                came.mux(packet)
        for packet in stream.encode():
            came.mux(packet)
    film.repair(tmp_path / "a.mkv", tmp_path / "b.mkv", as_it_is)
    told = []
    for name in ("a", "b"):
        with av.open(str(tmp_path / f"{name}.mkv")) as found:
            frame = next(found.decode(video=0))
            told.append((int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), frame.format.name))
    assert told[0] == told[1] == (9, 9, 18, "yuv420p10le")


@pytest.mark.parametrize(
    "of_light", ["cll=1000,400", "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"]
)
def test_how_bright_a_films_light_was_meant_is_left_out_and_that_is_said_once(tmp_path, capsys, of_light):
    """HDR10 says how bright its brightest light is, and on which screen it was made."""
    for name, options in (("plain", {}), ("bright", {"x264-params": of_light})):
        came = made.make(tmp_path / f"{name}.mkv", pixels=made.frames(3), pix_fmt="yuv420p10le", sound=False, options=options)
        with av.open(str(came)) as found:
            assert film._tells_light(next(found.decode(video=0))) is (name == "bright")
        film.repair(came, tmp_path / f"{name}2.mkv", as_it_is)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("brightest light") == 1 and "bright2.mkv: what the film says of its screen and its brightest light" in told


def test_chapters_stay(tmp_path):
    chapters = [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "the first"}}]
    film.repair(made.make(tmp_path / "a.mkv", sound=False, chapters=chapters), tmp_path / "b.mkv", as_it_is)
    with av.open(str(tmp_path / "b.mkv")) as found:
        [chapter] = found.chapters()
        assert chapter["metadata"]["title"] == "the first"


def test_a_stop_in_the_middle_leaves_nothing_half_written(tmp_path):
    came = made.make(tmp_path / "a.mp4")
    calls = []

    def stops(pixels):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return pixels

    with pytest.raises(KeyboardInterrupt):
        film.repair(came, tmp_path / "b.mp4", stops)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_a_film_that_can_be_seen_through_is_refused_though_its_decoder_drops_that(tmp_path):
    with av.open(str(tmp_path / "a.webm"), "w") as coming:
        stream = coming.add_stream("libvpx-vp9", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.metadata["alpha_mode"] = 48, 64, "yuva420p", "1"
        seen_through = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 90, np.uint8), format="rgba").reformat(format="yuva420p")
        for packet in (*stream.encode(seen_through), *stream.encode()):
            coming.mux(packet)
    with pytest.raises(Refusal, match="holds transparency"):
        film.repair(tmp_path / "a.webm", tmp_path / "b.webm", work=lambda pixels: pixels, quality=90)
    assert not (tmp_path / "b.webm").exists()
