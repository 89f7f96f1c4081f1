"""Animations go out as they came in: frames, times, repeats and transparency."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.use import animation
from sfumato.use.animation import Animation
from sfumato.use.photograph import Photograph

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


def test_a_still_picture_is_a_photograph_and_a_still_gif_goes_out_as_one(tmp_path):
    Image.fromarray(drawn()[0][..., :3]).save(tmp_path / "a.png")
    assert isinstance(animation.read(tmp_path / "a.png"), Photograph)
    Image.fromarray(drawn()[1][..., :3]).save(tmp_path / "still.gif")
    still = animation.read(tmp_path / "still.gif")
    for suffix in (".gif", ".png", ".jpg"):
        animation.write(still, tmp_path / f"out{suffix}")
        with Image.open(tmp_path / f"out{suffix}") as out:
            assert getattr(out, "n_frames", 1) == 1
            assert np.abs(np.asarray(out.convert("RGB")).astype(int) - drawn()[1][..., :3]).mean() < 4


def test_what_moves_is_refused_where_the_format_is_still(tmp_path):
    with pytest.raises(Refusal, match="what moves is written as"):
        animation.write(animation.read(save(tmp_path / "a.gif")), tmp_path / "b.jpg")


def test_more_frames_than_memory_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "MOST_PIXELS", 3 * 20 * 31)
    with pytest.raises(Refusal, match="4 frames of 31 x 20 px: too many"):
        animation.read(save(tmp_path / "a.gif"))


def test_a_file_that_breaks_off_within_a_frame_is_refused(tmp_path):
    path = save(tmp_path / "a.gif")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Refusal, match="damaged"):
        animation.read(path)
