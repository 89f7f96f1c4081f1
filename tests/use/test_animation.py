"""Animations go out as they came in: frames, times, repeats and transparency."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sfumato.core.errors import Refusal
from sfumato.data.reading import profiles
from sfumato.data.reading import read as decoding
from sfumato.use import animation, photograph
from sfumato.use.animation import Animation
from sfumato.use.photograph import Photograph
from tests.data import icc

TIMES = [40, 120, 80, 200]


def drawn(transparent=False):
    """Four frames in few colours, (H, W, 4), unlike each other."""
    found = []
    for number in range(4):
        frame = np.full((20, 31, 4), 255, np.uint8)
        frame[..., :3] = (200, 180, 40)
        frame[3 * number : 3 * number + 6, 5:20, :3] = (10, 60 * number, 220)
        if transparent:
            frame[:, 24:, 3] = 0
        found.append(frame)
    return found


def save(path, *, transparent=False, loop=0):
    first, *rest = (Image.fromarray(frame if transparent else frame[..., :3]) for frame in drawn(transparent))
    more = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=TIMES, loop=loop, disposal=2 if path.suffix == ".gif" else 0, **more)
    return path


def shown(path):
    """Frames as RGBA, their times, repeats."""
    with Image.open(path) as opened:
        frames, times = [], []
        for number in range(opened.n_frames):
            opened.seek(number)
            frames.append(np.asarray(opened.convert("RGBA")))
            times.append(round(opened.info["duration"]))
        return np.stack(frames), times, opened.info.get("loop")


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_repair_that_changes_nothing_changes_little(tmp_path, suffix, transparent):
    came = save(tmp_path / f"a{suffix}", transparent=transparent, loop=3)
    read = animation.read(came)
    assert isinstance(read, Animation) and len(read.frames) == 4
    animation.write(animation.each(lambda photo: photo, read), tmp_path / f"b{suffix}", quality=100)
    before, after = shown(came), shown(tmp_path / f"b{suffix}")
    assert after[1] == before[1] == TIMES and after[2] == before[2] == 3
    seen, most = before[0][..., 3] > 0, 10 if suffix == ".webp" else 0.5  # WebP keeps colours at half the resolution
    assert (after[0][..., 3] == before[0][..., 3]).all()
    assert np.abs(after[0].astype(int) - before[0])[seen].mean() < most


def test_every_frame_is_worked_on_and_may_grow(tmp_path):
    came = save(tmp_path / "a.gif")
    grown = animation.each(lambda photo: replace(photo, pixels=255 - photo.pixels.repeat(2, 0).repeat(2, 1)), animation.read(came))
    animation.write(grown, tmp_path / "b.gif")
    before, after = shown(came)[0], shown(tmp_path / "b.gif")[0]
    assert after.shape == (4, 40, 62, 4) and np.abs(after[:, ::2, ::2, :3].astype(int) - (255 - before[..., :3])).mean() < 1


def test_what_stands_still_is_a_photograph_and_goes_out_as_gif_too(tmp_path):
    Image.fromarray(drawn()[1][..., :3]).save(tmp_path / "still.gif")
    still = animation.read(tmp_path / "still.gif")
    assert isinstance(still, Photograph)
    for suffix in (".gif", ".png", ".jpg"):
        animation.write(still, tmp_path / f"out{suffix}")
        with Image.open(tmp_path / f"out{suffix}") as out:
            assert getattr(out, "n_frames", 1) == 1
            assert np.abs(np.asarray(out.convert("RGB")).astype(int) - drawn()[1][..., :3]).mean() < 4


def test_pillows_own_copy_of_a_photograph_is_let_go_before_its_colours_are_converted(tmp_path, monkeypatch):
    Image.fromarray(drawn()[0][..., :3]).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    decode, to_srgb, opened, gone = decoding.decode, profiles.to_srgb, [], []

    def decoded(raw, path):
        found = decode(raw, path)
        opened.append(weakref.ref(found.opened))
        return found

    def converted(pixels, profile):
        gone.append(opened[0]() is None)
        return to_srgb(pixels, profile)

    monkeypatch.setattr(decoding, "decode", decoded)
    monkeypatch.setattr(profiles, "to_srgb", converted)
    animation.read(tmp_path / "a.png")
    assert gone[0]


def test_what_moves_is_refused_where_the_format_is_still(tmp_path):
    with pytest.raises(Refusal, match="what moves is written as"):
        animation.write(animation.read(save(tmp_path / "a.gif")), tmp_path / "b.jpg")


def test_more_frames_than_memory_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "MOST_PIXELS", 3 * 20 * 31)
    with pytest.raises(Refusal, match="4 frames of 31 x 20 px: too many"):
        animation.read(save(tmp_path / "a.gif"))


def test_frames_are_refused_where_free_memory_has_no_room_for_them(tmp_path, monkeypatch):
    path, enough = save(tmp_path / "a.gif"), 4 * 20 * 31 * animation.FRAME_BYTES
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: enough - 1)
    with pytest.raises(Refusal, match="4 frames of 31 x 20 px: too many"):
        animation.read(path)
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: enough)
    assert isinstance(animation.read(path), Animation)


def test_frames_that_would_grow_beyond_free_memory_are_refused_before_the_work_and_not_after_it(tmp_path, monkeypatch):
    read, enough = animation.read(save(tmp_path / "a.gif")), 4 * 60 * 93 * animation.FRAME_BYTES
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: enough)
    assert animation.kind_for(read, tmp_path / "b.gif", grows=3) == "GIF"
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: enough - 1)
    with pytest.raises(Refusal, match="4 frames of 93 x 60 px take"):
        animation.kind_for(read, tmp_path / "b.gif", grows=3)
    monkeypatch.setattr("sfumato.core.system.memory.free_bytes", lambda: 0)  # what is made is written, for it is there
    animation.write(read, tmp_path / "b.gif")


def test_a_file_that_breaks_off_within_a_frame_is_refused(tmp_path):
    path = save(tmp_path / "a.gif")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Refusal, match="damaged"):
        animation.read(path)


def noted(path):
    """An animation that says who made it, on its side."""
    words = PngInfo()
    words.add_text("Title", "four frames")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    options = {".png": {"pnginfo": words, "exif": exif, "dpi": (300, 300)}, ".webp": {"exif": exif, "lossless": True}}
    first, *rest = (Image.fromarray(frame[..., :3]) for frame in drawn())
    first.save(path, save_all=True, append_images=rest, duration=TIMES, **options.get(path.suffix, {"comment": b"four frames"}))
    return path


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_notes_stay_or_are_left_out_and_frames_are_upright(tmp_path, suffix, strip):
    animation.write(animation.read(noted(tmp_path / f"a{suffix}")), tmp_path / f"b{suffix}", quality=100, strip=strip)
    with Image.open(tmp_path / f"b{suffix}") as out:
        exif, said = out.getexif(), {**out.info, **getattr(out, "text", {})}
        assert out.size == ((31, 20) if suffix == ".gif" else (20, 31)) and exif.get(0x0112, 1) == 1
        kept = {".gif": said.get("comment") == b"four frames", ".webp": exif.get(0x010F) == "Maker"}
        assert kept.get(suffix, exif.get(0x010F) == "Maker" and said.get("Title") == "four frames") is not strip


def test_notes_that_a_gif_has_no_place_for_are_told_of(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(photograph, "_told", set())
    animation.write(animation.read(noted(tmp_path / "a.png")), tmp_path / "b.gif")
    said = " ".join(capsys.readouterr().err.split())
    assert "EXIF cannot be kept in GIF" in said and "text cannot be kept" not in said


def test_what_numbers_say_of_the_colours_of_a_png_that_moves_is_kept_or_told_of(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(photograph, "_told", set())
    words = PngInfo()
    words.add(b"gAMA", (100_000).to_bytes(4, "big"))
    first, *rest = (Image.fromarray(frame[..., :3]) for frame in drawn())
    first.save(tmp_path / "a.png", save_all=True, append_images=rest, duration=TIMES, pnginfo=words)
    read = animation.read(tmp_path / "a.png")
    animation.write(read, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as out:
        assert out.info["gamma"] == 1
    animation.write(read, tmp_path / "b.webp")
    assert "gAMA cannot be kept in WEBP" in " ".join(capsys.readouterr().err.split())


def test_the_cover_of_a_png_stays_a_cover(tmp_path):
    cover, *frames = (Image.fromarray(frame[..., :3]) for frame in drawn())
    cover.save(tmp_path / "a.png", save_all=True, default_image=True, append_images=frames, duration=TIMES[:3], loop=0)
    read = animation.read(tmp_path / "a.png")
    assert len(read.frames) == 3 and list(read.milliseconds) == TIMES[:3]
    animation.write(animation.each(lambda photo: replace(photo, pixels=255 - photo.pixels), read), tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as out:
        assert out.default_image and out.n_frames == 4
        assert (np.asarray(out.convert("RGB")) == 255 - np.asarray(cover)).all()


def test_half_transparency_is_refused_in_a_gif_and_one_that_a_repair_made_soft_is_none(tmp_path):
    soft = replace(animation.read(save(tmp_path / "a.png", transparent=True)).frames[0], alpha=np.full((20, 31), 128, np.uint8))
    with pytest.raises(Refusal, match="no half transparency"):
        animation.write(soft, tmp_path / "b.gif")
    read = animation.read(save(tmp_path / "a.gif", transparent=True))
    rim = replace(read.frames[0], alpha=np.linspace(0, 255, 620).reshape(20, 31).astype(np.uint8))
    animation.write(replace(read, frames=(rim, *read.frames[1:])), tmp_path / "c.gif")
    assert (shown(tmp_path / "c.gif")[0][0, ..., 3] == np.where(rim.alpha > 127, 255, 0)).all()
