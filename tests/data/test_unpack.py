"""Unpacking: what comes out, and what is refused by the names of archive and member."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from sfumato.core.errors import Refusal
from sfumato.data.unpack import Limits, unpack

FILES = {"photos/a.jpg": b"one", "photos/deep/b.png": b"two" * 1000, "readme.txt": b""}
KINDS = ["tar", "tar.gz", "tgz", "tar.xz", "txz", "tar.bz2", "zip"]


def pack(path, files, links=None):
    """A tar or a zip of these files, and of links with their targets."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
            for name, target in (links or {}).items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, target)
        return path
    squeeze = {".tar": "", ".gz": "gz", ".tgz": "gz", ".xz": "xz", ".txz": "xz", ".bz2": "bz2"}[path.suffix]
    with tarfile.open(path, f"w:{squeeze}") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def found(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(tmp_path):
    """The sentence with which an archive is refused, after which nothing is left behind."""

    def refused(path, **options):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(Refusal) as refusal:
            unpack(path, tmp_path / "out", **options)
        assert sorted(tmp_path.rglob("*")) == before
        assert path.name in str(refusal.value)
        return str(refusal.value)

    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_packed_comes_out(kind, tmp_path):
    archive = pack(tmp_path / f"set.{kind}", FILES)
    assert found(unpack(archive, tmp_path / "out")) == FILES


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    assert found(unpack(pack(tmp_path / "set.zip", FILES), tmp_path / "out")) == FILES


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    archive = pack(tmp_path / "set.zip", FILES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(Refusal, match="out exists already"):
        unpack(archive, tmp_path / "out")
    assert found(tmp_path / "out") == {"mine.txt": b"mine"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../out.jpg", "leads out"),
        ("photos/../../out.jpg", "leads out"),
        ("..\\out.jpg", "leads out"),
        ("/etc/out.jpg", "root of the disk"),
        ("\\\\host\\out.jpg", "root of the disk"),
        ("C:out.jpg", "not every system"),
        ("a?.jpg", "not every system"),
        ("a\nb.jpg", "not every system"),
        ("a.", "not every system"),
        ("Aux.jpg", "device of Windows"),
        ("photos/com1", "device of Windows"),
        ("PHOTOS/a.jpg", "falls on 'photos'"),
        ("photos/A.JPG", "falls on 'photos/a.jpg'"),
        ("photos/a.jpg/b", "falls on 'photos/a.jpg'"),
        ("/".join("abcdefghijklmnopqrstuvwxyzabcdefghijk"), "folders deep"),
        ("/".join(["x" * 200] * 30), "1000 bytes in its name"),
    ],
)
def test_a_name_is_refused_that_leads_elsewhere_or_is_none_somewhere(kind, name, why, tmp_path, refused):
    assert why in refused(pack(tmp_path / f"set.{kind}", {**FILES, name: b"x"}))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize("target", ["..", "/etc", "photos/a.jpg"])
def test_links_are_refused_wherever_they_lead(kind, target, tmp_path, refused):
    said = refused(pack(tmp_path / f"set.{kind}", FILES, links={"door": target}))
    assert "'door' is a link" in said


def test_devices_are_refused(tmp_path, refused):
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("null")
        info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 3
        tar.addfile(info)
    assert "neither a file nor a folder" in refused(path)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_a_bomb_is_refused_while_it_swells(kind, tmp_path, refused):
    archive = pack(tmp_path / f"set.{kind}", {"zeros": bytes(3 << 20)})
    assert "as of a bomb" in refused(archive, limits=Limits(spare=1 << 20))


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_more_bytes_or_members_than_allowed_are_refused(kind, tmp_path, refused):
    archive = pack(tmp_path / f"set.{kind}", FILES)
    assert "more than 2,000 bytes" in refused(archive, limits=Limits(size=2000))
    assert "more than 2 members" in refused(archive, limits=Limits(members=2))


def test_a_name_larger_than_any_file_is_refused_before_it_is_read(tmp_path, refused):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 40 << 20
    path = tmp_path / "set.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(info.size)))
    assert f"a note of {40 << 20} bytes" in refused(path)


def test_an_encrypted_zip_is_refused(tmp_path, refused):
    path = pack(tmp_path / "set.zip", FILES)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "'photos/a.jpg' is encrypted" in refused(path)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_was_cut_off_is_refused(kind, tmp_path, refused):
    path = pack(tmp_path / f"set.{kind}", {"noise.bin": bytes(range(256)) * 50})
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - (9000 if kind == "tar" else 1)):
        path.write_bytes(whole[:length])
        assert "damaged" in refused(path) or "empty" in refused(path)


def test_a_tar_with_a_broken_header_in_its_middle_is_no_shorter_tar(tmp_path, refused):
    path = pack(tmp_path / "set.tar", {"a": b"1", "b": b"2"})
    data = bytearray(path.read_bytes())
    data[1024 + 10] ^= 1  # in the second member's name; its checksum no longer fits
    path.write_bytes(data)
    assert "damaged" in refused(path)


def test_what_stands_behind_the_end_of_a_tar_is_not_passed_over(tmp_path, refused):
    one, other = (pack(tmp_path / name, {"a": name.encode()}) for name in ("one.tar", "other.tar"))
    one.write_bytes(one.read_bytes() + other.read_bytes())
    assert "behind its end" in refused(one)


@pytest.mark.parametrize("name", ["set.rar", "set.gz", "set"])
def test_what_is_no_archive_we_know_is_refused_with_those_we_know(name, tmp_path, refused):
    (tmp_path / name).write_bytes(b"x")
    assert ".tar.xz" in refused(tmp_path / name)


def test_an_archive_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"There is no archive .*set\.zip"):
        unpack(tmp_path / "set.zip", tmp_path / "out")
