"""The verb restore on what people have: films, animations, other formats, files that should not tell who took them."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.use.test_photograph import camera_exif

TITLE = "a title"


@pytest.fixture
def photo(portrait, tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(portrait[:48, :64]).save(path, quality=92, exif=camera_exif(1), comment=TITLE)
    return path


def test_what_tells_of_its_maker_is_left_out_where_that_is_asked_for(photo, sfumato, tmp_path):
    for name, words in (("kept", ()), ("bare", ("--strip",))):
        assert sfumato("restore", photo, "--out", tmp_path / f"{name}.jpg", *words).returncode == 0
    kept, bare = (Image.open(tmp_path / f"{name}.jpg") for name in ("kept", "bare"))
    assert kept.getexif()[0x010F] == "Maker" and not len(bare.getexif()) and "comment" not in bare.info
    assert np.array_equal(np.asarray(kept), np.asarray(bare))


def test_how_far_a_repair_goes_and_what_it_leaves_is_said_by_options(photo, type_in, tmp_path):
    made = {}
    for name, words in {"plain": (), "none": ("--strength", "0"), "half": ("--strength", "0.5"), "kept": ("--keep-colour",)}.items():
        assert type_in("restore", photo, "--out", tmp_path / f"{name}.png", *words)[0] == 0
        made[name] = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(float)
    assert type_in("restore", photo, "--out", tmp_path / "eight.png", "--ensemble")[0] == 0
    came, eight = np.asarray(Image.open(photo)).astype(float), np.asarray(Image.open(tmp_path / "eight.png")).astype(float)
    assert np.array_equal(made["none"], came) and np.abs(made["half"] - (came + made["plain"]) / 2).max() <= 1
    assert np.abs(made["kept"].mean((0, 1)) - came.mean((0, 1))).max() < 0.1 < np.abs(made["kept"] - came).max()
    assert 0 < np.abs(eight - made["plain"]).mean() < 3


def test_all_pictures_of_a_folder_become_png(photo, sfumato, tmp_path):
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "a.jpg")
    assert sfumato("restore", tmp_path / "in", "--format", "png", "--out", tmp_path / "out").returncode == 0
    assert Image.open(tmp_path / "out" / "a.png").format == "PNG"
    assert sfumato("restore", tmp_path / "in" / "a.jpg", "--format", "webp").returncode == 0
    assert Image.open(tmp_path / "in" / "a-restored.webp").format == "WEBP"
    done = sfumato("restore", tmp_path / "in" / "a.jpg", "--format", "png", "--out", tmp_path / "b.jpg")
    assert done.returncode == 2 and "unlike formats" in done.stderr


def test_an_animation_is_repaired_frame_by_frame(portrait, sfumato, tmp_path):
    first, second = (Image.fromarray(portrait[at : at + 40, :60]) for at in (0, 30))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=[50, 70], loop=0)
    assert sfumato("restore", tmp_path / "a.gif").returncode == 0
    with Image.open(tmp_path / "a-restored.gif") as out:
        assert out.n_frames == 2 and out.size == (60, 40) and out.info["duration"] == 50


def test_a_film_is_repaired_and_one_in_a_folder_is_left_alone(sfumato, tmp_path, photo):
    films = pytest.importorskip("tests.use.film")
    (tmp_path / "in").mkdir()
    films.make(tmp_path / "in" / "clip.mp4", pixels=films.frames(3))
    photo.rename(tmp_path / "in" / "a.jpg")
    done = sfumato("restore", tmp_path / "in" / "clip.mp4", "--format", "png")
    assert done.returncode == 0 and films.seen(tmp_path / "in" / "clip-restored.mp4")[0].shape == (3, 48, 64, 3)
    (tmp_path / "in" / "clip-restored.mp4").unlink()
    done = sfumato("restore", tmp_path / "in", "--out", tmp_path / "out")
    assert done.returncode == 0 and sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["a.jpg"]
    assert "1 film left alone: name each" in " ".join(done.stderr.split())


def test_a_film_that_is_only_read_becomes_matroska_or_what_is_asked_for(type_in, tmp_path):
    films = pytest.importorskip("tests.use.film")
    clip = films.make(tmp_path / "clip.MTS", pixels=films.frames(2))
    assert type_in("restore", clip)[0] == 0 and type_in("restore", clip, "--out", tmp_path / "clean.mp4")[0] == 0
    for name in ("clip.MTS-restored.mkv", "clean.mp4"):
        assert films.seen(tmp_path / name)[0].shape == (2, 48, 64, 3)
    code, _, said = type_in("restore", clip, "--out", tmp_path / "b.mts")
    assert code == 2 and "b.mts cannot be written: films are written as .mp4" in " ".join(said.split())
    code, _, said = type_in("restore", clip.rename(tmp_path / "clip.rm"), "--out", tmp_path / "c.mp4")
    assert code == 2 and "clip.rm is no film that is taken: their names end in .3gp, .avi" in " ".join(said.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.mp4", "clip.MTS-restored.mkv", "clip.rm"]


def test_a_file_of_an_unknown_kind_leaves_nothing_behind(photo, sfumato, tmp_path):
    odd = photo.rename(tmp_path / "photo.dng")
    done = sfumato("restore", odd)
    assert done.returncode == 2 and "say what is to be made, by --out" in done.stderr
    assert list(tmp_path.iterdir()) == [odd]
    assert sfumato("restore", odd, "--out", tmp_path / "photo.jpg").returncode == 0


def test_a_good_picture_is_never_the_place_of_a_spoilt_one(photo, sfumato, tmp_path):
    """As where a shell makes two names of `*.jpg`."""
    other = tmp_path / "other.jpg"
    other.write_bytes(photo.read_bytes())
    done = sfumato("crappify", photo, other, "--spoil", "jpeg 5")
    assert done.returncode == 2 and "exists already" in done.stderr and other.read_bytes() == photo.read_bytes()
    assert sfumato("crappify", photo, other, "--spoil", "jpeg 5", "--overwrite", "--keep-format").returncode == 0
    assert other.read_bytes() != photo.read_bytes()


def test_several_pictures_go_into_one_folder_and_a_second_run_does_what_is_new(photo, sfumato, tmp_path):
    photos = [photo, tmp_path / "b.jpg"]
    photos[1].write_bytes(photo.read_bytes())
    first = sfumato("restore", *photos, "--out", tmp_path / "out")
    assert first.returncode == 0 and "2 files done" in " ".join(first.stderr.split())
    photos.append(tmp_path / "c.jpg")
    photos[2].write_bytes(photo.read_bytes())
    second = sfumato("restore", *photos, "--out", tmp_path / "out")
    assert second.returncode == 0 and "1 file done, 2 skipped (done before)" in " ".join(second.stderr.split())
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["b.jpg", "c.jpg", "photo.jpg"]


def test_a_dry_run_of_each_verb_says_what_would_become_what(photo, type_in, tmp_path):
    folder, out = photo.parent, tmp_path / "out"
    code, told, said = type_in("restore", folder, "--out", tmp_path.parent / "out", "--dry-run")
    assert (code, told.strip()) == (0, f"{photo} -> {tmp_path.parent / 'out' / 'photo.jpg'}") and "1 file to do" in said
    code, told, _ = type_in("restore", photo, "--dry-run", "--json")
    planned = [{"file": str(photo), "out": str(tmp_path / "photo-restored.jpg")}]
    assert code == 0 and json.loads(told)["planned"] == planned
    sheet = tmp_path / "sheet.png"
    code, told, _ = type_in("crappify", photo, out, "--spoil", "jpeg 30", "--preview", sheet, "--dry-run")
    assert (code, told.splitlines()) == (0, [f"{photo} -> {sheet}", f"{photo} -> {out / 'photo.png'}"])
    assert list(tmp_path.iterdir()) == [photo]


def test_no_output_falls_on_another_or_on_an_input(photo, type_in, tmp_path):
    twin, made = tmp_path / "photo.png", tmp_path / "photo-restored.jpg"
    Image.open(photo).save(twin)
    made.write_bytes(photo.read_bytes())
    before = made.read_bytes()
    code, _, said = type_in("restore", photo, twin, "--format", "webp", "--overwrite")
    assert code == 2 and "would both become" in " ".join(said.split())
    code, _, said = type_in("restore", photo, made, "--overwrite")
    assert code == 2 and "is an input itself" in " ".join(said.split()) and made.read_bytes() == before


def test_several_pictures_go_on_where_what_was_made_of_some_lies_beside_them(photo, type_in, tmp_path):
    """As after a kill, where a shell makes names of `*.jpg` once more."""
    (tmp_path / "other.jpg").write_bytes(photo.read_bytes())
    assert type_in("restore", photo)[0] == 0
    made = tmp_path / "photo-restored.jpg"
    before = made.stat().st_mtime_ns
    code, _, said = type_in("restore", *sorted(tmp_path.glob("*.jpg")))
    said = " ".join(said.split())
    assert code == 0 and "1 file done, 1 skipped (there already; --overwrite replaces them)" in said
    assert f"1 input(s) are what is made of others, and are left out, such as {made.resolve()}." in said
    names = ["other-restored.jpg", "other.jpg", "photo-restored.jpg", "photo.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names and made.stat().st_mtime_ns == before
    code, _, said = type_in("restore", photo)
    assert code == 2 and "photo-restored.jpg exists already" in " ".join(said.split())


def test_an_out_that_cannot_be_meant_is_refused(photo, type_in, tmp_path):
    for words, reason in (
        (("--out", tmp_path / "a.avif"), "cannot be written"),
        ((photo.with_name("b.jpg"), "--out", tmp_path / "c.jpg"), "is one file, but there are 2 inputs"),
    ):
        photo.with_name("b.jpg").write_bytes(photo.read_bytes())
        code, _, said = type_in("restore", photo, *words)
        assert code == 2 and reason in " ".join(said.split())
    assert not (tmp_path / "a.avif").exists() and not (tmp_path / "c.jpg").exists()
    assert type_in("restore", photo, "--format", "jpg", "--out", tmp_path / "d.jpeg")[0] == 0


def test_what_is_made_of_a_link_lies_beside_the_link(photo, type_in, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.jpg").symlink_to(photo)
    assert type_in("restore", tmp_path / "links" / "a.jpg")[0] == 0
    assert (tmp_path / "links" / "a-restored.jpg").is_file() and not (tmp_path / "photo-restored.jpg").exists()


def test_a_preview_never_falls_on_a_picture(photo, type_in):
    before = photo.read_bytes()
    code, _, said = type_in("crappify", photo, "--preview", photo)
    assert code == 2 and "exists already" in " ".join(said.split()) and photo.read_bytes() == before


def test_a_model_among_the_pictures_is_no_picture(photo, type_in):
    """Other verbs take it first."""
    from sfumato.tasks.parts.restorer import shipped

    code, _, said = type_in("restore", shipped(), photo)
    assert code == 2 and f"is a model and no picture: name it by --model {shipped()}" in said.replace("\n", " ")


def test_letters_that_a_terminal_lacks_are_written_by_their_numbers(photo, sfumato, monkeypatch):
    """What was done must be told even so."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    named = photo.rename(photo.with_name("\u56fe.jpg"))
    done = sfumato("restore", named, "--dry-run")
    assert done.returncode == 0 and "\\u56fe.jpg ->" in done.stdout
    done = sfumato("restore", named, "--dry-run", "--json")
    assert json.loads(done.stdout)["planned"][0]["file"] == str(named)
