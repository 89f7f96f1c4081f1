"""Fetch a published file: where it broke off the last time, with its sum checked; half of it never has its name."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import Progress

TRIES = 4  # in a row that bring not a single new byte
PAUSE = 1.0  # s before the second of them; each further one waits twice as long
PATIENCE = 30.0  # s that a server may be silent
BLOCK = 1 << 18  # bytes
MOST = 1 << 40  # bytes; no set that is listed comes near
MB = 1e6
_SUMS = {32: "md5", 64: "sha256"}  # by their length in hex


def download(url: str, target: Path, *, checksum: str = "", pause: float = PAUSE) -> Path:
    """Fetch `url` to `target`, which is handed back; what stands there already with the right sum is not fetched again.

    checksum : MD5 or SHA-256 in hex; empty: nobody knows it.
    What has come so far stands beside it as NAME.part, and a later call goes on from there, where the server can.
    Refuses other schemes than http and https (of the address and of where it leads to), and a file with another sum, which is removed.
    """
    target = Path(target)
    _check_scheme(url)
    if target.is_file() and (not checksum or sum_of(target, checksum) == checksum):
        return target
    part = target.with_name(f"{target.name}.part")
    files.make_folder(target.parent)
    try:
        _fetch(url, part, pause)
        found = sum_of(part, checksum) if checksum else ""
        if found != checksum:
            part.unlink()
            raise Refusal(
                f"{url} is not the published file: its sum ({_SUMS[len(checksum)]}) is {found}, but {checksum} was expected. "
                "What came was removed; try again, and if that does not help, the file has changed."
            )
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:  # the disk's
        raise Refusal(f"{target} could not be written: {error.strerror or error}. What came so far is kept.") from error
    return target


def sum_of(path: Path, like: str) -> str:
    """The sum of a file in hex, of the kind that `like` is: MD5 or SHA-256, told by its length."""
    if len(like) not in _SUMS:
        raise Refusal(f"{like!r} is no sum that can be checked: MD5 has 32 hexadecimal digits, SHA-256 has 64.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, _SUMS[len(like)]).hexdigest()


def _check_scheme(url: str) -> None:
    if urllib.parse.urlsplit(url).scheme.lower() not in ("http", "https"):
        raise Refusal(f"{url} is not fetched: only addresses that begin with http:// or https:// are.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only: urllib itself would go to ftp."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request | None:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """No handler for file: and ftp: addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _fetch(url: str, part: Path, pause: float) -> None:
    """Until all of it is there.  A connection that breaks is made anew, as long as each brings something."""
    opener, idle = _opener(), 0
    with Progress(None, f"fetching {part.name.removesuffix('.part')}, MB") as bar:
        while True:
            before = _length(part)
            reason = "the connection broke off"
            try:
                if _append(opener, url, part, bar):
                    return
            except urllib.error.HTTPError as error:
                if error.code in (400, 401, 403, 404, 410):
                    raise Refusal(f"{url} cannot be fetched: the server says {error.code} {error.reason}.") from error
                reason = f"the server says {error.code} {error.reason}"
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            idle = 0 if _length(part) > before else idle + 1
            if idle == TRIES:
                kept = f" What came so far ({before / MB:.1f} MB) is kept; the same command goes on from there." if before else ""
                raise Refusal(f"{url} cannot be fetched: {reason}.{kept}")
            if idle:
                time.sleep(pause * 2 ** (idle - 1))


def _append(opener: urllib.request.OpenerDirector, url: str, part: Path, bar: Progress) -> bool:
    """One connection: what it brings is added to the part; whether the file is whole now."""
    have = _length(part)
    request = urllib.request.Request(url, headers={"User-Agent": "sfumato", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = opener.open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to fetch, or what is here is longer than the file and of another
            if _whole(error.headers) == have:
                return True
            part.unlink(missing_ok=True)
            return False
        raise
    with answer:
        goes_on = answer.status == 206 and _start(answer.headers) == have
        total = _total(answer, have if goes_on else 0)
        if total is not None and total > MOST:
            raise Refusal(f"{url} promises {total / MB:,.0f} MB, more than any set that is listed.")
        if not goes_on:
            have = 0
        bar.done, bar.total = round(have / MB), None if total is None else round(total / MB)
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read1(BLOCK):
                file.write(block)
                have += len(block)
                bar.advance(round(have / MB) - bar.done)
    return total is None or have == total


def _start(headers: Any) -> int | None:
    found = re.match(r"bytes (\d{1,18})-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _whole(headers: Any) -> int | None:
    found = re.match(r"bytes \S+/(\d{1,18})$", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _total(answer: Any, have: int) -> int | None:
    """Bytes of the whole file, as far as the server says."""
    length = answer.headers.get("Content-Length", "")
    return have + int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
