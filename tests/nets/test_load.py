"""Model files: what was written comes back, and what is wrong with a file is said."""

import dataclasses
import json
import struct

import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.nets import arguments, catalogue, load
from sfumato.nets.load import Contract, Header

SPEC = arguments.UNet(widths=(8, 12), blocks=(1, 1), blocks_up=(1,))
HEADER = Header(
    task="restore",
    network=json.loads(json.dumps(dataclasses.asdict(SPEC))),
    contract=Contract(channels=3, stride=4, reach=20, tiles=True),
    recipe={},
    scores={},
    versions={"sfumato": "0.1.0"},
    data={},
    licence="CC0",
    card={},
)


@pytest.fixture
def network():
    return catalogue.build(SPEC).eval()


@pytest.fixture
def model_file(tmp_path, network):
    path = tmp_path / "model.safetensors"
    load.write(path, network.state_dict(), HEADER)
    return path


def test_a_network_comes_back_bit_for_bit(model_file, network):
    back = load.read(model_file).network.state_dict()
    assert all(torch.equal(back[name], tensor) for name, tensor in network.state_dict().items())


def test_the_header_comes_back(model_file):
    assert dataclasses.replace(load.read_header(model_file), sha256="") == HEADER


def test_half_precision_takes_half_the_room(tmp_path, model_file, network):
    load.write(tmp_path / "half.safetensors", network.state_dict(), HEADER, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.65 * model_file.stat().st_size
    assert load.read(tmp_path / "half.safetensors").network.state_dict()["head.weight"].dtype == torch.float32


def test_one_flipped_bit_in_the_weights_is_noticed(model_file):
    raw = bytearray(model_file.read_bytes())
    raw[-5] ^= 1
    model_file.write_bytes(raw)
    with pytest.raises(Refusal, match="damaged"):
        load.read(model_file)


def test_a_newer_version_is_refused_with_the_cure(model_file):
    raw = model_file.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + size])
    note = json.loads(table["__metadata__"]["sfumato"])
    table["__metadata__"]["sfumato"] = json.dumps({**note, "version": 99})
    text = json.dumps(table).encode()
    model_file.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    with pytest.raises(Refusal, match="update sfumato"):
        load.read(model_file)


def test_a_model_of_another_task_is_refused(model_file):
    with pytest.raises(Refusal, match="task 'restore'"):
        load.read(model_file, task="classify")


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64, struct.pack("<Q", 10) + b"not json !" + b"\0" * 8])
def test_what_is_no_model_file_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(Refusal, match=r"model\.safetensors"):
        load.read(path)


def test_a_missing_tensor_is_refused_by_name(tmp_path, network):
    state = {name: tensor for name, tensor in network.state_dict().items() if name != "head.bias"}
    load.write(tmp_path / "model.safetensors", state, HEADER)
    with pytest.raises(Refusal, match=r"head\.bias"):
        load.read(tmp_path / "model.safetensors")


def test_other_software_reads_the_weights(model_file):
    from safetensors.torch import load_file

    assert set(load_file(model_file)) == {f"network.{name}" for name in load.read(model_file).network.state_dict()}
