"""Hostile archives by number: number -> a name and its bytes, always the same.  Each is unpacked, and then looked for elsewhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mutants.trial import Mutant
from sfumato.data.unpack import Limits, unpack

SEED = 30
KINDS = ("tar", "zip", "tar.gz", "tgz", "tar.xz", "tar.bz2")
LIMITS = Limits(members=300, spare=4 << 20)  # small, so that bombs need not be large
ELSEWHERE = "sfumato-mutant-escaped"  # the name under which something out of its folder would be found
Draw = np.random.Generator


@dataclass(frozen=True)
class Member:
    """One thing in an archive; a link has a `target`."""

    name: str
    data: bytes = b"some bytes"
    kind: Literal["file", "folder", "symlink", "hardlink", "device", "block", "pipe"] = "file"
    target: str = ""


def make(number: int) -> Mutant:
    """The hostile file of this number."""
    rng = np.random.default_rng([SEED, number])
    kind = KINDS[number % len(KINDS)]
    how = WAYS[number // len(KINDS) % len(WAYS)]
    return Mutant(f"{number:05}.{kind}", how.__name__.strip("_"), how(rng, kind))


def probe(path: Path, aside: Path, watch: Any) -> str:
    """Unpack it; whatever it says, nothing may appear but plain files in the folder it was given, and all of it or nothing."""
    canary, out = aside / "canary", aside / "out"
    canary.write_text("untouched")
    places = (aside, aside.parent, path.parent, Path(tempfile.gettempdir()), Path.cwd())
    try:
        with watch:
            unpack(path, out, limits=LIMITS)
        found = sorted(out.rglob("*"))
        for each in found:
            if not stat.S_ISREG(each.lstat().st_mode) and not stat.S_ISDIR(each.lstat().st_mode):
                raise ValueError(f"{each.name} is neither a file nor a folder")
        return f"{len(found)} files and folders"
    finally:
        shutil.rmtree(out, ignore_errors=True)
        left = {each.name for each in aside.iterdir()} - {"canary"}
        gone = [str(place) for place in places if (place / ELSEWHERE).exists()]
        if left or gone or canary.read_text() != "untouched":
            raise RuntimeError(f"something was left behind: {sorted(left)} {gone}")


# -- Packing -----------------------------------------------------------------------------------------------------------------


def packed(kind: str, members: Sequence[Member]) -> bytes:
    """An archive of these members."""
    return _zipped(members) if kind == "zip" else _squeezed(kind, _tarred(members))


def _squeezed(kind: str, data: bytes) -> bytes:
    squeeze: dict[str, Callable[[bytes], bytes]] = {
        "tar": bytes,
        "tar.gz": lambda raw: gzip.compress(raw, 6, mtime=0),
        "tgz": lambda raw: gzip.compress(raw, 6, mtime=0),
        "tar.xz": lambda raw: lzma.compress(raw, preset=1),
        "tar.bz2": bz2.compress,
    }
    return squeeze[kind](data)


def _tarred(members: Sequence[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    kinds = {
        "file": tarfile.REGTYPE,
        "folder": tarfile.DIRTYPE,
        "symlink": tarfile.SYMTYPE,
        "hardlink": tarfile.LNKTYPE,
        "device": tarfile.CHRTYPE,
        "block": tarfile.BLKTYPE,
        "pipe": tarfile.FIFOTYPE,
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type, info.linkname, info.mode = kinds[member.kind], member.target, 0o7777
            info.size = len(member.data) if member.kind == "file" else 0
            tar.addfile(info, io.BytesIO(member.data))
    return file.getvalue()


def _zipped(members: Sequence[Member]) -> bytes:
    modes = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "symlink": stat.S_IFLNK, "hardlink": stat.S_IFLNK, "device": stat.S_IFCHR}
    modes |= {"block": stat.S_IFBLK, "pipe": stat.S_IFIFO}
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            name = member.name + "/" if member.kind == "folder" and not member.name.endswith("/") else member.name
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.external_attr, info.compress_type = (modes[member.kind] | 0o777) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, member.target.encode() or member.data)
    return file.getvalue()


def _good(rng: Draw) -> list[Member]:
    names = ["photos/a.jpg", "photos/b.jpg", "photos/deep/er/c.png", "liesmich.txt", "photos/ümläut é.png", "empty"]
    files = [Member(name, rng.bytes(int(rng.integers(0, 5000)))) for name in names]
    return [Member("photos", kind="folder"), *files, Member("nothing in it", kind="folder")]


def _pick(rng: Draw, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _among(rng: Draw, kind: str, *bad: Member) -> bytes:
    """Bad members among good ones."""
    good = _good(rng)
    at = int(rng.integers(len(good) + 1))
    return packed(kind, [*good[:at], *bad, *good[at:]])


# -- Names -----------------------------------------------------------------------------------------------------------------------


def _harmless(rng: Draw, kind: str) -> bytes:
    """Nothing is wrong with it: what a trial that always refuses would miss."""
    return packed(kind, _good(rng))


def _leads_out(rng: Draw, kind: str) -> bytes:
    ways = (
        "../{}",
        "../../{}",
        "photos/../../{}",
        "photos/./../../{}",
        "..\\{}",
        "photos\\..\\..\\{}",
        "./../{}",
        "photos/..",
        "..",
        ".. /{}",
    )
    return _among(rng, kind, Member(_pick(rng, ways).format(ELSEWHERE)))


def _from_the_root(rng: Draw, kind: str) -> bytes:
    there = f"{tempfile.gettempdir()}/{ELSEWHERE}"
    ways = (
        there,
        f"/{there}",
        f"C:{there}",
        f"C:\\{ELSEWHERE}",
        f"C:{ELSEWHERE}",
        f"\\\\host\\share\\{ELSEWHERE}",
        f"\\\\?\\C:\\{ELSEWHERE}",
    )
    return _among(rng, kind, Member(_pick(rng, ways)))


def _odd_names(rng: Draw, kind: str) -> bytes:
    """Names that some system cannot hold, or takes for something else."""
    devices = ("CON", "nul.txt", "photos/Aux", "COM1.jpg", "lpt9", "con .png", "PRN.tar.gz", "COM¹", "CONIN$")
    others = ("", ".", "/", "a.", "a ", "a:stream", "a?b", "a*", "a<b", "a|b", 'a"b', "a\nb", "a\x1b[2Jb", "a\x7f", "x" * 300, "ü" * 200)
    deep = ("/".join("x" * 60), "/".join(["x" * 200] * 30))
    return _among(rng, kind, Member(_pick(rng, (*devices, *others, *deep))))


def _collides(rng: Draw, kind: str) -> bytes:
    """Two members that would be one file, on this system or on another."""
    names = _pick(
        rng,
        (
            ("photos/x.jpg", "photos/x.jpg"),
            ("photos/x.jpg", "photos/X.JPG"),
            ("photos/x.jpg", "Photos/y.jpg"),
            ("photos/x", "photos/x/y"),
            ("photos/x/y", "photos/x"),
            ("photos/é", "photos/e\u0301"),
            ("straße", "STRASSE"),
            ("photos/./x", "photos//x"),
            ("photos\\x", "photos/x"),
        ),
    )
    return _among(rng, kind, *map(Member, names))


# -- What is no file ---------------------------------------------------------------------------------------------------------------


def _links(rng: Draw, kind: str) -> bytes:
    """Links out and in, and files that would be written through them."""
    target = _pick(rng, ("..", "../..", tempfile.gettempdir(), "/etc/passwd", "photos/a.jpg", "door", "../canary", "."))
    link = Member("door", kind=_pick(rng, ("symlink", "hardlink")), target=target)
    return _among(rng, kind, link, Member(_pick(rng, ("door", f"door/{ELSEWHERE}", "photos/z.jpg"))))


def _devices(rng: Draw, kind: str) -> bytes:
    return _among(rng, kind, Member("device", kind=_pick(rng, ("device", "block", "pipe"))))


# -- Bombs --------------------------------------------------------------------------------------------------------------------------


def _bomb(rng: Draw, kind: str) -> bytes:
    return _zeros(kind, 8 << 20)


@cache
def _zeros(kind: str, size: int) -> bytes:
    return packed(kind, [Member("photos/a.jpg"), Member("zeros.bin", bytes(size if kind != "tar" else 1000))])


def _many_bombs(rng: Draw, kind: str) -> bytes:
    """Many files of middling size, each harmless by itself."""
    return _many_zeros(kind)


@cache
def _many_zeros(kind: str) -> bytes:
    return packed(kind, [Member(f"{number}.bin", bytes((1 << 20) if kind != "tar" else 100)) for number in range(8)])


def _too_many(rng: Draw, kind: str) -> bytes:
    return _crowd(kind)


@cache
def _crowd(kind: str) -> bytes:
    return packed(kind, [Member(f"{number}", b"") for number in range(400)])


def _long_note(rng: Draw, kind: str) -> bytes:
    """A tar whose name for a member, or whose notes on it, are larger than any file; a zip of one member that is listed again and again."""
    if kind == "zip":
        return _listed_again(100)
    header = tarfile.TarInfo("././@LongLink")
    header.type = _pick(rng, (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE))
    header.size = size = int(_pick(rng, (2 << 20, 20 << 20)))
    body = bytes(size if kind != "tar" else 3 << 20)
    return _squeezed(kind, header.tobuf(tarfile.GNU_FORMAT) + body + _tarred(_good(rng)))


@cache
def _listed_again(times: int) -> bytes:
    """Overlapping members: every entry of the directory names the same compressed bytes."""
    data = packed("zip", [Member("zeros", bytes(2 << 20))])
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[start:end]
    again = b"".join(entry.replace(b"zeros", f"{number:05}".encode()) for number in range(times))
    local = data[:start]
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, times, times, len(again), len(local), 0)
    return local + again + tail


# -- Damage -----------------------------------------------------------------------------------------------------------------------


def _truncated(rng: Draw, kind: str) -> bytes:
    data = packed(kind, _good(rng))
    return data[: int(rng.integers(len(data)))]


def _flipped(rng: Draw, kind: str) -> bytes:
    data = bytearray(packed(kind, _good(rng)))
    for at in rng.integers(0, len(data), int(rng.integers(1, 20))):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _flipped_inside(rng: Draw, kind: str) -> bytes:
    """Headers of a tar with other bytes and a right checksum; the directory of a zip with other bytes."""
    if kind == "zip":
        data = bytearray(packed(kind, _good(rng)))
        start = data.index(b"PK\x01\x02")
        for at in rng.integers(start, len(data), int(rng.integers(1, 8))):
            data[at] = int(rng.integers(256))
        return bytes(data)
    data = bytearray(_tarred(_good(rng)))
    at = 512 * _pick(rng, [block for block in range(len(data) // 512) if data[512 * block + 257 : 512 * block + 262] == b"ustar"])
    for place in rng.integers(0, 345, int(rng.integers(1, 10))):
        data[at + int(place)] = int(rng.integers(256))
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return _squeezed(kind, bytes(data))


def _lying_size(rng: Draw, kind: str) -> bytes:
    """Sizes that are enormous, negative, or not those of the bytes that follow."""
    if kind == "zip":
        data = bytearray(packed(kind, _good(rng)))
        at = data.index(b"PK\x01\x02") + int(_pick(rng, (20, 24, 42, 16, 10)))
        struct.pack_into("<I", data, at, int(_pick(rng, (0, 1, 2**16, 2**31, 2**32 - 1))))
        return bytes(data)
    raw = bytearray(_tarred(_good(rng), tarfile.USTAR_FORMAT))
    at = 512 * _pick(rng, [block for block in range(len(raw) // 512) if raw[512 * block + 257 : 512 * block + 262] == b"ustar"])
    sizes = (
        b"77777777777\0",
        b"\x80\0\0\0\x7f" + b"\xff" * 7,
        b"\xff" * 12,
        b"\xff" * 11 + b"\0",
        b"-0000000001\0",
        b"00000000001\0",
        b"xyz" * 4,
    )
    raw[at + 124 : at + 136] = _pick(rng, sizes)
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])
    return _squeezed(kind, bytes(raw))


def _notes(rng: Draw, kind: str) -> bytes:
    """Notes of a tar that change what the header says; flags of a zip: encrypted, an unknown method, another name than at the file."""
    if kind == "zip":
        data = bytearray(packed(kind, _good(rng)))
        local, start = 0, data.index(b"PK\x01\x02")
        choice = int(rng.integers(4))
        if choice == 0:
            data[local + 6] |= 1
            data[start + 8] |= 1
        elif choice == 1:
            struct.pack_into("<H", data, start + 10, int(_pick(rng, (1, 9, 12, 14, 93, 99))))
        elif choice == 2:
            data[local + 30] ^= 1
        else:
            struct.pack_into("<H", data, start + 8, int(rng.integers(65536)))
        return bytes(data)
    info = tarfile.TarInfo("photos/noted.jpg")
    info.size = 10
    info.pax_headers = _pick(
        rng,
        (
            {"path": f"../{ELSEWHERE}"},
            {"path": "a\0b"},
            {"size": str(2**62)},
            {"size": "-5"},
            {"linkpath": "/etc/passwd"},
            {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**60), "GNU.sparse.name": "x"},
            {"GNU.sparse.map": "0,10", "GNU.sparse.size": str(2**60)},
            {"GNU.sparse.major": "x"},
            {"path": "x" * 5000},
            {"uid": "9" * 400, "mtime": "nan"},
        ),
    )
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(b"0123456789"))
    return _squeezed(kind, file.getvalue())


def _cut_short(rng: Draw, kind: str) -> bytes:
    """A tar that ends between two members, without an end, or goes on behind it; a zip with something before or behind."""
    good = _good(rng)
    if kind == "zip":
        data = packed(kind, good)
        return _pick(rng, (b"MZ" + rng.bytes(100) + data, data + rng.bytes(100), data + data, data[data.index(b"PK\x05\x06") :]))
    raw = _tarred(good)
    last = max(block for block in range(len(raw) // 512) if raw[512 * block + 257 : 512 * block + 262] == b"ustar")
    broken = bytearray(raw)
    broken[512 * last + 148] ^= 7
    return _squeezed(
        kind, _pick(rng, (raw[: 512 * last], raw + raw, raw + rng.bytes(20_000), bytes(broken), bytes(1024), b"", bytes(20_000)))
    )


def _noise(rng: Draw, kind: str) -> bytes:
    start = _pick(rng, (b"", packed(kind, _good(rng))[:30]))
    return start + rng.bytes(int(rng.integers(3000)))


def _other_kind(rng: Draw, kind: str) -> bytes:
    return packed(_pick(rng, [other for other in KINDS if other != kind]), _good(rng))


WAYS: tuple[Callable[[Draw, str], bytes], ...] = (
    _harmless,
    _leads_out,
    _leads_out,
    _from_the_root,
    _odd_names,
    _odd_names,
    _collides,
    _links,
    _links,
    _devices,
    _bomb,
    _many_bombs,
    _too_many,
    _long_note,
    _truncated,
    _flipped,
    _flipped_inside,
    _lying_size,
    _notes,
    _cut_short,
    _noise,
    _other_kind,
)
