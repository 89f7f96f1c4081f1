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


def test_a_network_that_is_not_to_be_cut_comes_back(tmp_path, network):
    """As one that looks farther than can be measured."""
    whole = dataclasses.replace(HEADER, contract=dataclasses.replace(HEADER.contract, tiles=False, reach=load.LIMIT))
    load.write(tmp_path / "whole.safetensors", network.state_dict(), whole)
    assert not load.read(tmp_path / "whole.safetensors").header.contract.tiles


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


def rewritten(path, change):
    """The same file after `change(note, table)`; its checksum stays right, for the tensors are not touched."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + size])
    note = json.loads(table["__metadata__"]["sfumato"])
    change(note, table)
    table["__metadata__"]["sfumato"] = json.dumps(note)
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    return path


def refusal(path):
    with pytest.raises(Refusal, match=r"model\.safetensors") as caught:
        load.read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "named",
    [
        {"kind": "unet", "widths": [4096] * 8, "blocks": [32] * 8, "blocks_up": [32] * 7},
        {"kind": "unet", "widths": [10**9], "blocks": [1], "blocks_up": []},
        {"kind": "residual", "width": 8, "blocks": 10**6},
        {"kind": "residual", "width": 4096, "blocks": 256},
    ],
)
def test_a_small_file_that_names_a_gigantic_network_is_refused_at_once(named, model_file):
    assert "network" in refusal(rewritten(model_file, lambda note, table: note.update(network=named)))


@pytest.mark.parametrize("kind", ["os:system", "sfumato.nets.unet:build", "", None, ["unet"]])
def test_a_kind_is_a_name_of_the_catalogue_and_nothing_else(kind, model_file):
    assert "no network called" in refusal(rewritten(model_file, lambda note, table: note["network"].update(kind=kind)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stride", 0),
        ("stride", 8),
        ("stride", True),
        ("channels", 0),
        ("channels", 1),
        ("channels", 3.0),
        ("enlarges", 2),
        ("reach", -1),
        ("reach", 4096),
        ("reach", 10**30),
        ("effective", -1),
        ("tiles", "yes"),
        ("low", float("nan")),
        ("high", 255.0),
        ("depth", 3),
    ],
)
def test_a_contract_the_network_cannot_keep_is_refused(name, value, model_file):
    assert name in refusal(rewritten(model_file, lambda note, table: note["contract"].update({name: value}))) or name == "channels"


@pytest.mark.parametrize("field", ["task", "network", "recipe", "scores", "versions", "licence", "card", "sha256"])
@pytest.mark.parametrize("value", [None, 3, [], "\ud800"])
def test_a_field_of_another_type_is_refused(field, value, model_file):
    refusal(rewritten(model_file, lambda note, table: note.update({field: value})))


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [10**6, 10**6, 3]},
        {"shape": [-8]},
        {"shape": "8"},
        {"shape": [8.0]},
        {"data_offsets": [10**9, 10**9 + 32]},
        {"data_offsets": [-32, 0]},
        {"data_offsets": [0, 32]},
        {"data_offsets": [0.0, 32.0]},
        {"data_offsets": None},
        {"dtype": "I32"},
        {"dtype": ["F32"]},
        {"more": 1},
    ],
)
def test_a_tensor_that_is_described_wrongly_is_refused_by_name(entry, model_file):
    assert "network.head.bias" in refusal(rewritten(model_file, lambda note, table: table["network.head.bias"].update(entry))) or (
        entry == {"data_offsets": [0, 32]}
    )


def test_what_stands_behind_the_last_tensor_is_refused(model_file):
    model_file.write_bytes(model_file.read_bytes() + b"\0" * 8)
    assert "damaged" in refusal(model_file)


def test_a_key_that_stands_there_twice_is_refused(model_file):
    raw = model_file.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    text = raw[8 : 8 + size].rstrip()[:-1] + b',"__metadata__":{}}'
    model_file.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    assert "twice" in refusal(model_file)


def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, network):
    with torch.no_grad():
        network.head.bias[0] = float("nan")
    load.write(tmp_path / "model.safetensors", network.state_dict(), HEADER)
    assert "head.bias" in refusal(tmp_path / "model.safetensors")


@pytest.mark.parametrize("depth", [1000, 100_000, 2_000_000])
def test_brackets_without_end_are_refused(depth, model_file):
    text = b"[" * depth
    model_file.write_bytes(struct.pack("<Q", len(text)) + text)
    refusal(model_file)


@pytest.mark.parametrize("field", ["card", "recipe", "network", "scores", "data"])
def test_tables_too_deep_to_be_shown_are_refused(field, model_file):
    deep = {"a": 1}
    for _ in range(200):
        deep = {"a": deep}
    assert "in each other" in refusal(rewritten(model_file, lambda note, table: note.update({field: deep})))


def test_a_network_of_more_weights_than_a_machine_holds_is_refused_before_it_is_built():
    with pytest.raises(Refusal, match="weights"):
        catalogue.build(arguments.UNet(widths=(4096,) * 8, blocks=(32,) * 8, blocks_up=(32,) * 7))


def test_an_outline_names_what_the_network_holds_and_takes_no_memory_for_it(network):
    outline = catalogue.outline(SPEC).state_dict()
    assert {name: tensor.shape for name, tensor in outline.items()} == {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert all(tensor.is_meta for tensor in outline.values())
