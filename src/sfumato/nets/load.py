"""Model files: one safetensors file, tensors by part and one JSON header.  The only way a file becomes modules.

Reading parses JSON and raw numbers; it never unpickles, runs a person's code or parses a chain.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.nets import catalogue

VERSION = 1  # of the header; a file from a newer version is refused, an older one migrated
_HEADER_LIMIT = 8 << 20  # bytes, refused before anything is parsed
_NOTE_LIMIT = 1 << 20  # bytes, our part of it
_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "U8": torch.uint8}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a network promises to whoever uses it."""

    channels: int  # of input and output
    stride: int  # px; the network pads to it by itself, tiles are cut on it
    reach: int  # px, theoretical: nothing farther away changes an output
    tiles: bool  # may a picture be repaired in pieces
    enlarges: int = 1
    effective: int | None = None  # px, measured: a margin with which outputs change by at most a quarter of a level; None: not measured
    colours: bool = False  # it gives colour to grey pictures; without it grey in means grey out
    low: float = 0.0  # range of the input
    high: float = 1.0

    def margin(self, *, exact: bool) -> int:
        """px of context for a tile."""
        return self.reach if exact or self.effective is None else min(self.effective, self.reach)


@dataclass(frozen=True, kw_only=True)
class Header:
    """All that a model file says of itself."""

    task: str
    network: dict[str, Any]  # kind and arguments
    contract: Contract
    recipe: dict[str, Any]
    scores: dict[str, Any]
    versions: dict[str, str]
    data: dict[str, Any]  # fingerprint: folders, number of pictures, digest of their names
    licence: str
    card: dict[str, Any]
    sha256: str = ""  # of the weights; filled in when a file is written


@dataclass(frozen=True)
class Model:
    """A header and the network it describes, in evaluation mode on the CPU."""

    header: Header
    network: nn.Module


def write(path: Path, network_state: dict[str, Tensor], header: Header, *, half: bool = False) -> None:
    """Write a model file at once, or not at all.  `half` keeps weights as float16."""
    tensors = {f"network.{name}": _kept(tensor, half) for name, tensor in sorted(network_state.items())}
    note: dict[str, Any] = {"version": VERSION, **header.__dict__, "contract": header.contract.__dict__}
    note["sha256"] = _digest_of_tensors(save(tensors))
    text = json.dumps(note, sort_keys=True, ensure_ascii=False)
    if len(text.encode()) > _NOTE_LIMIT:
        raise Refusal(
            f"The header of {path} would hold {len(text.encode())} bytes, but at most {_NOTE_LIMIT} are kept: shorten the card."
        )
    files.write_bytes(path, save(tensors, metadata={"sfumato": text}))


def _kept(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor.clone()


def read_header(path: Path) -> Header:
    """Only the header; the weights are not looked at."""
    with open(_existing(path), "rb") as file:
        note, _ = _parse(path, file.read(8 + _HEADER_LIMIT))
    return _header(path, note)


def read(path: Path, *, task: str | None = None) -> Model:
    """Build the network a file describes and give it its weights; refused with the reason when that cannot be done."""
    raw = _existing(path).read_bytes()
    note, table = _parse(path, raw)
    header = _header(path, note)
    if task is not None and header.task != task:
        raise Refusal(f"{path} is a model of the task {header.task!r}, but {task!r} was asked for. See: sfumato models {path}")
    if header.sha256 != _digest_of_tensors(raw):
        raise Refusal(f"{path} is damaged: its weights do not match the checksum in its header. Copy or train it again.")
    network = catalogue.build(catalogue.specification(str(header.network.get("kind")), header.network), header.contract.channels)
    state = _tensors(path, raw, table)
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name not in state or state[name].shape != tensor.shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise Refusal(f"{path} does not fit the network it names: {name!r} should be {tuple(tensor.shape)}, the file holds {found}.")
    if extra := sorted(set(state) - set(wanted)):
        raise Refusal(f"{path} does not fit the network it names: the file also holds {extra[0]!r}.")
    network.load_state_dict({name: state[name].to(tensor.dtype) for name, tensor in wanted.items()})
    return Model(header, network.eval())


def _existing(path: Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise Refusal(
            f"There is no model file {path}. Train one (sfumato train restore PICTURES), "
            "or leave the model out to use the one that comes along."
        )
    return path


def _parse(path: Path, raw: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our note and the table of tensors, from the first bytes of a safetensors file."""
    size = struct.unpack("<Q", raw[:8])[0] if len(raw) >= 8 else _HEADER_LIMIT + 1
    if size > _HEADER_LIMIT:
        raise Refusal(
            f"{path} is not a model file: it does not begin like a safetensors file, or its header is over {_HEADER_LIMIT >> 20} MB."
        )
    try:
        table = json.loads(raw[8 : 8 + size])
        note = json.loads(table.pop("__metadata__")["sfumato"])
        if not isinstance(note, dict) or not isinstance(note.get("version"), int):
            raise ValueError("the header is no table with a version")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refusal(f"{path} is not a model of sfumato, or its header is damaged ({type(error).__name__}).") from error
    if note["version"] > VERSION:
        made = note.get("versions", {}).get("sfumato", "unknown") if isinstance(note.get("versions"), dict) else "unknown"
        raise Refusal(f"{path} has format {note['version']} (sfumato {made}), but this sfumato reads up to {VERSION}: update sfumato.")
    return note, table


def _header(path: Path, note: dict[str, Any]) -> Header:
    try:
        contract = Contract(**note["contract"])
        header = Header(**{name: note[name] for name in Header.__dataclass_fields__ if name != "contract"}, contract=contract)
        if (
            not isinstance(header.network, dict)
            or not 1 <= contract.channels <= 64
            or not 1 <= contract.enlarges <= 8
            or contract.reach < 0
            or (contract.effective is not None and contract.effective < 0)
        ):
            raise ValueError("a value is out of range")
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(f"The header of {path} is damaged: {error}.") from error
    return header


def _digest_of_tensors(raw: bytes) -> str:
    size = struct.unpack("<Q", raw[:8])[0]
    return hashlib.sha256(memoryview(raw)[8 + size :]).hexdigest()


def _tensors(path: Path, raw: bytes, table: dict[str, Any]) -> dict[str, Tensor]:
    """Copies of the tensors of the part `network.`; every offset and length is checked against the file."""
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    found = {}
    for name, entry in table.items():
        try:
            low, high = entry["data_offsets"]
            dtype, shape = _TYPES[entry["dtype"]], [int(side) for side in entry["shape"]]
            count = int(torch.Size(shape).numel())
            if not 0 <= low <= high <= len(raw) - start or count * dtype.itemsize != high - low or min(shape, default=0) < 0:
                raise ValueError("lying about its size")
        except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise Refusal(f"{path} is damaged: the tensor {name!r} is not described rightly.") from error
        data = torch.frombuffer(bytearray(raw[start + low : start + high]), dtype=dtype) if count else torch.empty(0, dtype=dtype)
        found[name.removeprefix("network.")] = data.reshape(shape)
    return found
