"""Unpack an archive that nobody vouches for: nothing leaves its folder, nothing grows beyond its limits, and half of it never stands there.

Sizes and counts are taken while unpacking, and not believed from headers.  Only plain files and folders are made, with names that can stand
on every system; whatever else an archive holds is refused by name, and with it the whole archive.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, cast

from sfumato.core import files
from sfumato.core.errors import Refusal, shortened

_OPENERS: dict[str, Callable[[Path], Any]] = {  # each gives a stream of bytes
    ".tar": partial(open, mode="rb"),
    ".tar.gz": partial(gzip.open, mode="rb"),
    ".tgz": partial(gzip.open, mode="rb"),
    ".tar.xz": partial(lzma.open, mode="rb"),
    ".txz": partial(lzma.open, mode="rb"),
    ".tar.bz2": partial(bz2.open, mode="rb"),
}
KINDS = (*_OPENERS, ".zip")
_BLOCK = 1 << 20  # bytes read at once
_NOTE = 1 << 20  # bytes of a tar's long name or of its notes on a member: they are read whole
_DAMAGE = (  # what the libraries raise about an archive that is none, or is broken
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    OverflowError,
    MemoryError,
    KeyError,
    IndexError,
)
_FORBIDDEN = frozenset('<>:"|?*')  # on Windows; a colon is a drive or a hidden stream there
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", *(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³")]
)
_LONGEST = 240  # bytes of one name
_FARTHEST = 1000  # bytes of the whole way to a member
_DEEPEST = 32  # folders in each other


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much may come out of an archive."""

    size: int = 256 << 30  # bytes
    ratio: float = 200  # bytes for each of the archive's own: photographs have about 1, text about 10, drawings up to 100
    spare: int = 64 << 20  # bytes that may come out of any archive, however small
    members: int = 1_000_000

    def __post_init__(self) -> None:
        if self.size < 0 or self.ratio <= 0 or self.spare < 0 or self.members < 0:
            raise Refusal(f"The limits of unpacking cannot be negative, but they are {self}.")


@dataclass(frozen=True)
class Member:
    """One thing in an archive.  `source`: its bytes, to be read before the next member is asked for; None for a folder."""

    name: str
    source: IO[bytes] | None


def unpack(archive: Path, folder: Path, *, limits: Limits = Limits()) -> Path:
    """Unpack an archive (.tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.bz2 or .zip) into a new folder; returns the folder.

    Refuses, by the names of archive and member, a name that leads out of the folder, that some system cannot hold, or that falls on
    another's where upper and lower case are alike; links and devices; what is encrypted; what is damaged; and what grows beyond `limits`.
    The folder appears whole or not at all.
    """
    archive, folder = Path(archive), Path(folder)
    suffix = _suffix(archive)
    if not archive.is_file():
        raise Refusal(f"There is no archive {archive}.")
    count = _Count(archive, archive.stat().st_size, limits)
    with files.making_folder(folder) as aside:
        tree = _Tree(archive, aside)
        for member in _zipped(archive, count) if suffix == ".zip" else _tarred(archive, suffix, count):
            count.member()
            tree.add(member)
    return folder


def _suffix(archive: Path) -> str:
    name = archive.name.lower()
    found = next((suffix for suffix in KINDS if name.endswith(suffix)), None)
    if found is None:
        raise Refusal(f"{archive} is no archive that can be unpacked. There are: {', '.join(KINDS)}.")
    return found


class _Count:
    """What has come out of an archive so far."""

    def __init__(self, archive: Path, packed: int, limits: Limits):
        self.archive, self.packed, self.limits = archive, packed, limits
        self.size = self.members = 0

    def member(self) -> None:
        self.members += 1
        if self.members > self.limits.members:
            raise Refusal(f"{self.archive} was not unpacked: it holds more than {self.limits.members:,} members.")

    def bytes(self, count: int) -> None:
        self.size += count
        if self.size > self.limits.size:
            raise Refusal(f"{self.archive} was not unpacked: more than {self.limits.size:,} bytes come out of it.")
        if self.size > max(self.limits.spare, self.limits.ratio * self.packed):
            raise Refusal(
                f"{self.archive} was not unpacked: it has {self.packed:,} bytes, and more than {self.limits.ratio:g} times as many "
                "come out of it, as of a bomb."
            )


@contextmanager
def _reading(archive: Path, what: str = "") -> Iterator[None]:
    """Turn what the libraries say about a broken archive into a sentence."""
    try:
        yield
    except _DAMAGE as error:
        at = f", at {shortened(what)!r}" if what else ""
        reason = shortened(str(error) or type(error).__name__, 120)
        raise Refusal(f"{archive} was not unpacked: it is damaged, or no archive of its kind{at} ({reason}).") from error


# -- Where members go ----------------------------------------------------------------------------------------------------


class _Tree:
    """The folder that is filled, and every name in it as the strictest of systems would see it."""

    def __init__(self, archive: Path, folder: Path):
        self.archive, self.folder = archive, folder
        self.taken: dict[str, tuple[str, Literal["file", "folder"]]] = {}

    def add(self, member: Member) -> None:
        """Make a folder, or write a file."""
        parts = self._parts(member.name)
        for depth in range(1, len(parts) + (member.source is None)):
            self._take(member.name, "/".join(parts[:depth]), "folder")
        if member.source is None:
            self.folder.joinpath(*parts).mkdir(parents=True, exist_ok=True)
            return
        if not parts:
            raise self._refusal(member.name, "has no name")
        self._take(member.name, "/".join(parts), "file")
        target = self.folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            while block := self._read(member.name, member.source):
                file.write(block)

    def _read(self, name: str, source: IO[bytes]) -> bytes:
        with _reading(self.archive, name):
            return source.read(_BLOCK)

    def _parts(self, name: str) -> tuple[str, ...]:
        """The way to a member, folder by folder; refused where it leads out, or cannot stand on some system."""
        if name.startswith(("/", "\\")):
            raise self._refusal(name, "begins at the root of the disk")
        parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        if len(parts) > _DEEPEST or len(name.encode(errors="replace")) > _FARTHEST:
            raise self._refusal(name, f"lies more than {_DEEPEST} folders deep, or has more than {_FARTHEST} bytes in its name")
        for part in parts:
            if part == "..":
                raise self._refusal(name, "leads out of the folder")
            if not part.isprintable() or _FORBIDDEN & set(part) or len(part.encode(errors="replace")) > _LONGEST or part[-1] in ". ":
                raise self._refusal(name, "has a name that not every system can hold")
            if part.partition(".")[0].rstrip().casefold() in _RESERVED:
                raise self._refusal(name, "is called like a device of Windows")
        return parts

    def _take(self, name: str, path: str, kind: Literal["file", "folder"]) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        known = self.taken.get(key)
        if known is not None and not (known == (path, "folder") and kind == "folder"):
            raise self._refusal(name, f"falls on {shortened(known[0])!r}, which it also holds")
        self.taken[key] = (path, kind)

    def _refusal(self, name: str, why: str) -> Refusal:
        return Refusal(f"{self.archive} was not unpacked: its member {shortened(name)!r} {why}.")


# -- What an archive holds -----------------------------------------------------------------------------------------------


class _Counted:
    """A stream that counts what is read from it: names and notes too, for a bomb need not be a file."""

    def __init__(self, stream: IO[bytes], count: _Count):
        self.stream, self.count = stream, count

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.count.bytes(len(data))
        return data


class _Info(tarfile.TarInfo):
    """A tar's header; long names and notes are read into memory whole, so they have a measure."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> _Info:
        try:
            info = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]  # what tarfile says None for is the default
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):  # the end, as it should be
                raise
            raise ValueError(str(error)) from error  # tarfile itself takes this for the end
        noted = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if info.type in noted and not 0 <= info.size <= _NOTE:
            raise ValueError(f"a note of {info.size} bytes on one member")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("a file with holes")
        return info


def _tarred(archive: Path, suffix: str, count: _Count) -> Iterator[Member]:
    """Members of a tar, read once from its beginning to its end."""
    with ExitStack() as stack:
        with _reading(archive):
            counted = cast(Any, _Counted(stack.enter_context(_OPENERS[suffix](archive)), count))
            tar = stack.enter_context(tarfile.open(fileobj=counted, mode="r|", tarinfo=_Info))
        while True:
            with _reading(archive):
                info = tar.next()
                tar.members = []  # type: ignore[attr-defined]  # else every header that was read is kept
            if info is None:
                break
            yield Member(info.name, _of_tar(archive, tar, info))
        with _reading(archive):  # to the end, where the checksums stand
            while rest := counted.read(_BLOCK):
                if rest.strip(b"\0"):
                    raise ValueError("something stands behind its end")
        if not count.members:
            raise Refusal(f"{archive} was not unpacked: it is empty.")


def _of_tar(archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes] | None:
    if info.isdir():
        return None
    if not info.isreg() or info.issparse():
        what = "a link" if info.islnk() or info.issym() else "neither a file nor a folder"
        raise Refusal(f"{archive} was not unpacked: its member {shortened(info.name)!r} is {what}.")
    with _reading(archive, info.name):
        return tar.extractfile(info)


def _zipped(archive: Path, count: _Count) -> Iterator[Member]:
    """Members of a zip, in the order of its directory."""
    with ExitStack() as stack:
        with _reading(archive):
            _check_directory(archive, count.limits.members)
            whole = stack.enter_context(zipfile.ZipFile(archive))
        for info in whole.infolist():
            name = info.orig_filename
            _check_zipped(archive, name, info)
            if name.endswith("/"):
                yield Member(name, None)
                continue
            with _reading(archive, name):
                source = whole.open(info)
            with source:
                yield Member(name, cast(IO[bytes], _Counted(source, count)))
        if not count.members:
            raise Refusal(f"{archive} was not unpacked: it is empty.")


def _check_zipped(archive: Path, name: str, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "neither a file nor a folder"
        raise Refusal(f"{archive} was not unpacked: its member {shortened(name)!r} is {what}.")
    if info.flag_bits & 0x1:
        raise Refusal(f"{archive} was not unpacked: its member {shortened(name)!r} is encrypted.")


def _check_directory(archive: Path, most: int) -> None:
    """Refuse a zip whose directory would fill the memory once it is read: each entry takes 46 bytes there, and here a thousand."""
    with open(archive, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found, at = 0, data.find(b"PK\x01\x02")
        while at >= 0 and found <= most:
            found, at = found + 1, data.find(b"PK\x01\x02", at + 4)
    if found > most:
        raise Refusal(f"{archive} was not unpacked: it holds more than {most:,} members.")
