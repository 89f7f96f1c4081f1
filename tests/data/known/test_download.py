"""Fetching from a server that breaks off, knows no ranges, or lies: a real one, on this machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import numpy as np
import pytest
import safetensors.torch
import torch

from sfumato.core.errors import Refusal
from sfumato.data.known import catalogue, get
from sfumato.data.known.catalogue import Entry, Source
from sfumato.data.known.download import download
from sfumato.nets.surgery.borrow import open_classifier

WHOLE = np.random.default_rng(5).bytes(1_000_000)
MD5, SHA256 = hashlib.md5(WHOLE).hexdigest(), hashlib.sha256(WHOLE).hexdigest()


@dataclass
class Manners:
    """How the server behaves."""

    data: bytes = WHOLE
    breaks_after: int = 1 << 30  # bytes of each answer, while `breaks` is not used up
    breaks: int = 0
    ranges: bool = True
    chunked: bool = False
    asked: list[str] = field(default_factory=list)  # the range of each request
    status: int = 200
    leads_to: str = ""
    paths: list[str] = field(default_factory=list)  # what was asked for


class Server(ThreadingHTTPServer):
    daemon_threads = True
    manners: Manners


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        manners = self.server.manners
        asked = self.headers.get("Range", "")
        manners.asked.append(asked)
        manners.paths.append(self.path)
        if manners.leads_to:
            return self.answer(302, b"", Location=manners.leads_to)
        if manners.status != 200:
            return self.answer(manners.status, b"")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and manners.ranges else 0
        total = len(manners.data)
        if start >= total and asked and manners.ranges:
            return self.answer(416, b"", **{"Content-Range": f"bytes */{total}"})
        if asked and manners.ranges:
            return self.answer(206, manners.data[start:], **{"Content-Range": f"bytes {start}-{total - 1}/{total}"})
        return self.answer(200, manners.data)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        manners = self.server.manners
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        breaks = len(body) > manners.breaks_after and manners.breaks > 0
        manners.breaks -= breaks
        sent = body[: manners.breaks_after] if breaks else body
        if manners.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) + (b"" if breaks else b"0\r\n\r\n"))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(sent)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.manners = Manners()
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def url(server, monkeypatch) -> str:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return f"http://127.0.0.1:{server.server_address[1]}/set.bin"


@pytest.mark.parametrize("checksum", [MD5, SHA256, ""])
def test_a_file_comes_whole_and_nothing_is_left_beside_it(url, tmp_path, checksum):
    assert download(url, tmp_path / "in" / "set.bin", checksum=checksum).read_bytes() == WHOLE
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["set.bin"]


def test_weights_come_by_the_name_they_have_at_their_hub(server, url, tmp_path, monkeypatch):
    """And are what a classifier is opened with, where timm is there."""
    monkeypatch.setenv("HF_ENDPOINT", url.removesuffix("/set.bin"))
    tensors, name = {"weight": torch.rand(3)}, "test_resnet.r160_in1k"
    if find_spec("timm"):
        import timm

        tensors = timm.create_model(name, pretrained=False).state_dict()
    server.manners.data = safetensors.torch.save(tensors)
    path = get.get_weights(name, tmp_path)
    assert path.name == f"{name}.safetensors" and path.read_bytes() == server.manners.data
    assert server.manners.paths == [f"/timm/{name}/resolve/main/model.safetensors"]
    if find_spec("timm"):
        _, network = open_classifier(f"timm:{name}:{path}")
        first = next(tensor for tensor in tensors.values() if tensor.ndim == 4)
        assert any(torch.equal(one, first) for one in network.state_dict().values())
    with pytest.raises(Refusal, match="full name at timm"):
        get.get_weights("../resnet34", tmp_path)


def test_a_connection_that_breaks_off_is_made_anew_where_it_was(server, url, tmp_path):
    server.manners.breaks_after, server.manners.breaks = 300_000, 3
    assert download(url, tmp_path / "set.bin", checksum=SHA256).read_bytes() == WHOLE
    assert server.manners.asked == ["", "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_a_later_call_goes_on_where_the_last_one_stopped(server, url, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(WHOLE[:700_000])
    assert download(url, tmp_path / "set.bin", checksum=SHA256).read_bytes() == WHOLE
    assert server.manners.asked == ["bytes=700000-"]


def test_a_server_that_knows_no_ranges_is_asked_for_all_again(server, url, tmp_path):
    server.manners.breaks_after, server.manners.breaks, server.manners.ranges = 300_000, 1, False
    assert download(url, tmp_path / "set.bin", checksum=SHA256).read_bytes() == WHOLE
    assert len(server.manners.asked) == 2


@pytest.mark.parametrize("checksum", [SHA256, ""])
def test_an_answer_without_a_length_that_breaks_off_is_not_taken_for_whole(server, url, tmp_path, checksum):
    server.manners.chunked, server.manners.breaks_after, server.manners.breaks = True, 300_000, 2
    assert download(url, tmp_path / "set.bin", checksum=checksum, pause=0).read_bytes() == WHOLE


def test_a_part_that_is_whole_already_only_gets_its_name(server, url, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(WHOLE)
    assert download(url, tmp_path / "set.bin", checksum=SHA256).read_bytes() == WHOLE


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server, url, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(WHOLE + b"more")
    assert download(url, tmp_path / "set.bin", checksum=SHA256, pause=0).read_bytes() == WHOLE


def test_a_part_of_another_file_is_found_out_by_its_sum_and_removed(url, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(b"x" * 500_000)
    with pytest.raises(Refusal, match=f"but {SHA256} was expected"):
        download(url, tmp_path / "set.bin", checksum=SHA256)
    assert list(tmp_path.iterdir()) == []
    assert download(url, tmp_path / "set.bin", checksum=SHA256).read_bytes() == WHOLE


def test_another_file_than_was_published_never_gets_its_name(server, url, tmp_path):
    server.manners.data = WHOLE[:-1] + b"?"
    with pytest.raises(Refusal, match="not the published file"):
        download(url, tmp_path / "set.bin", checksum=MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_brings_nothing_more_is_given_up_and_what_came_is_kept(server, url, tmp_path):
    server.manners.breaks_after, server.manners.breaks, server.manners.ranges = 300_000, 99, False
    with pytest.raises(Refusal, match=r"the connection broke off\. What came so far \(0\.3 MB\) is kept"):
        download(url, tmp_path / "set.bin", checksum=SHA256, pause=0)
    assert (tmp_path / "set.bin.part").read_bytes() == WHOLE[:300_000]


def test_what_is_there_already_is_not_fetched_again(server, url, tmp_path):
    (tmp_path / "set.bin").write_bytes(WHOLE)
    download(url, tmp_path / "set.bin", checksum=SHA256)
    assert server.manners.asked == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_not_to_be_had_is_not_asked_for_again(server, url, tmp_path, status):
    server.manners.status = status
    with pytest.raises(Refusal, match=f"the server says {status}"):
        download(url, tmp_path / "set.bin", checksum=SHA256)
    assert len(server.manners.asked) == 1


def test_a_server_that_is_not_there_is_named(url, server, tmp_path):
    server.shutdown()
    server.socket.close()
    with pytest.raises(Refusal, match=r"set\.bin cannot be fetched: .*refused"):
        download(url, tmp_path / "set.bin", checksum=SHA256, pause=0)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/set.bin", "data:,x", "/etc/hostname"])
def test_only_http_is_fetched(address, tmp_path):
    with pytest.raises(Refusal, match="http:// or https://"):
        download(address, tmp_path / "set.bin")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/set.bin"])
def test_an_address_that_leads_elsewhere_is_not_followed(server, url, tmp_path, address):
    server.manners.leads_to = address
    with pytest.raises(Refusal):
        download(url, tmp_path / "set.bin", checksum=SHA256, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_came(url, tmp_path, sizes_limited):
    sizes_limited(400_000)
    with pytest.raises(Refusal, match=r"set\.bin could not be written: .*What came so far is kept"):
        download(url, tmp_path / "set.bin", checksum=SHA256)
    assert (tmp_path / "set.bin.part").stat().st_size == 400_000


def packed_set() -> bytes:
    """An archive as CIFAR-10 comes in: one folder with all in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name in ("data_batch_1.bin", "test_batch.bin"):
            info = tarfile.TarInfo(f"made-set/{name}")
            info.size = 10
            tar.addfile(info, io.BytesIO(bytes(10)))
    return data.getvalue()


def test_a_set_is_fetched_unpacked_and_found_from_then_on(server, url, tmp_path, monkeypatch):
    server.manners.data = packed_set()
    source = Source(url.replace("set.bin", "set.tar.gz"), hashlib.md5(server.manners.data).hexdigest())
    made = Entry(
        says="made",
        licence="none",
        classes=10,
        parts=("train",),
        opener="cifar:open_batches",
        folder="made-set",
        marks=("data_batch_1.bin", "test_batch.bin"),
        sources=(source,),
    )
    monkeypatch.setattr(catalogue, "SETS", {"made": made})
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path))
    assert get.get("made") == tmp_path / "sets" / "made-set" == catalogue.where("made")
    assert sorted(path.name for path in (tmp_path / "sets" / "made-set").iterdir()) == ["data_batch_1.bin", "test_batch.bin"]
    asked = len(server.manners.asked)
    get.get("made")
    assert len(server.manners.asked) == asked


def test_a_set_that_nobody_may_fetch_is_refused_with_how_it_is_got(tmp_path):
    with pytest.raises(Refusal, match="Accept its terms on Kaggle"):
        get.get("imagenet", tmp_path)
