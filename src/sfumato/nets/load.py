"""Model files: one safetensors file, tensors by part and one JSON header.  The only way a file becomes modules.

Reading parses JSON and raw numbers; it never unpickles, runs a person's code or parses a chain.  What a file promises is compared
before memory is taken: its tensors with its length (tensor_file.py), the network it names with its tensors, its contract with the network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked
from safetensors.torch import save
from torch import Tensor, nn

from sfumato.core import files
from sfumato.core.errors import Refusal, shortened
from sfumato.core.system import devices
from sfumato.nets import catalogue, tensor_file
from sfumato.nets.reach import LIMIT, farthest, reach
from sfumato.nets.tensor_file import TensorFile

VERSION = 1  # of the header; a file from a newer version is refused, an older one migrated
_NOTE_LIMIT = 1 << 20  # bytes of our part of the header
_DEEPEST = 32  # tables and lists within each other; whoever copies or writes them goes down as deep
_PART = "network."  # what the names of its tensors begin with
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@checked(frozen=True, kw_only=True, config=_STRICT)
class Contract:
    """What a network promises to whoever uses it."""

    channels: int = Field(ge=1, le=64)  # of a picture: what goes in, of a restorer what comes out too, of a generator that alone
    stride: int = Field(ge=1, le=LIMIT)  # px; the network pads to it by itself, tiles are cut on it
    reach: int = Field(ge=0, le=LIMIT)  # px, theoretical: nothing farther away changes an output
    tiles: bool  # may a picture be repaired in pieces
    enlarges: int = Field(default=1, ge=1, le=16)
    effective: Annotated[int, Field(ge=0, le=LIMIT)] | None = (
        None  # px, measured: a margin with which outputs change by at most a quarter of a level; None: not measured
    )
    up: Literal["", "nearest", "bilinear", "bicubic", "lanczos"] = ""  # the kernel that had enlarged its inputs; "": none had
    colours: bool = False  # it gives colour to grey pictures; without it grey in means grey out
    greys: bool = False  # it has learnt from grey inputs alone
    mirrors: bool = True  # a picture is continued beyond its sides by its mirror image; False: not at all, as it was while it learnt
    low: float = 0.0  # range of the input
    high: float = 1.0

    @classmethod
    def of(cls, network: nn.Module, **more: Any) -> Self:
        """Of a network that turns RGB into something of each pixel: its reach is measured, and one that looks everywhere is not cut."""
        looks = reach(network)
        local = bool(network.tiles) and looks < LIMIT
        return cls(channels=3, stride=network.stride, reach=looks, tiles=local, **more)  # type: ignore[arg-type]

    def margin(self, *, exact: bool) -> int:
        """px of context for a tile."""
        return self.reach if exact or self.effective is None else min(self.effective, self.reach)


@checked(frozen=True, kw_only=True, config=_STRICT)
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
    tensors = {_PART + name: _kept(tensor, half) for name, tensor in sorted(network_state.items())}
    note: dict[str, Any] = {"version": VERSION, **header.__dict__, "contract": header.contract.__dict__}
    bare = save(tensors)
    note["sha256"] = files.digest(bare[8 + int.from_bytes(bare[:8], "little") :])
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
    return _header(tensor_file.look(_existing(path)))


def read(path: Path, *, task: str | None = None) -> Model:
    """Build the network a file describes and give it its weights; refused with the reason when that cannot be done."""
    file = tensor_file.look(_existing(path))
    header = _header(file)
    if task is not None and header.task != task:
        raise Refusal(
            f"{path} is a model of the task {shortened(header.task)!r}, but {task!r} was asked for: `sfumato models {path}` says more."
        )
    spec = _specification(path, header)
    outline = catalogue.outline(spec, header.contract.channels)
    _check_tensors(file, outline.state_dict())
    _check_contract(path, header.contract, outline)
    data = file.data()
    if header.sha256 != files.digest(data):
        raise Refusal(f"{path} is damaged: its weights do not match the checksum in its header. Copy or train it again.")
    network = catalogue.build(spec, header.contract.channels)
    network.load_state_dict({name: _weights(file, data, name, like) for name, like in network.state_dict().items()})
    return Model(header, network.eval())


def ready(path: str | Path, task: str, device: str) -> tuple[Header, nn.Module, torch.device]:
    """A model of a task for use: its header, its network on a device and in the layout that convolutions are fastest in, and the device."""
    place = devices.resolve(device).device
    model = read(Path(path), task=task)
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
    return model.header, model.network.to(place), place


def _existing(path: Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise Refusal(
            f"There is no model file {path}. Train one (sfumato train restore PICTURES), "
            "or leave the model out to use the one that comes along."
        )
    return path


def _header(file: TensorFile) -> Header:
    """Our note in the header, every value of the type and in the range it must have."""
    text = file.notes.get("sfumato")
    if not isinstance(text, str):
        raise Refusal(f"{file.path} is not a model of sfumato: its header has no note of ours.")
    raw = text.encode()
    if len(raw) > _NOTE_LIMIT:
        raise Refusal(f"{file.path} is damaged: our note in its header has {len(raw)} bytes, but at most {_NOTE_LIMIT} are kept.")
    note = tensor_file.parse(file.path, raw)
    if _deeper(note, _DEEPEST):
        raise Refusal(f"The header of {file.path} is damaged: more than {_DEEPEST} tables and lists stand in each other.")
    _check_version(file.path, note)
    try:
        contract = Contract(**note["contract"])
        return Header(**{name: note[name] for name in Header.__dataclass_fields__ if name != "contract"}, contract=contract)
    except KeyError as error:
        raise Refusal(f"The header of {file.path} is damaged: it says nothing of {error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = shortened(".".join(map(str, first["loc"])))
        raise Refusal(f"The header of {file.path} is damaged: {place}: {first['msg']}.") from error
    except TypeError as error:
        raise Refusal(f"The header of {file.path} is damaged: its contract is no table.") from error


def _deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_deeper(each, levels - 1) for each in inner)


def _check_version(path: Path, note: dict[str, Any]) -> None:
    version = note.get("version")
    if type(version) is not int or version < 1:
        raise Refusal(f"{path} is not a model of sfumato: its header names no version of its format.")
    if version > VERSION:
        versions = note.get("versions")
        made = versions.get("sfumato", "unknown") if isinstance(versions, dict) else "unknown"
        raise Refusal(
            f"{path} has format {shortened(str(version))} (sfumato {shortened(str(made))}), but this sfumato reads up to {VERSION}: "
            "update sfumato."
        )


def _specification(path: Path, header: Header) -> Any:
    try:
        spec = catalogue.bare(catalogue.specification(str(header.network.get("kind")), header.network))
    except Refusal as refusal:
        raise Refusal(f"{path} names a network that cannot be built. {refusal}") from refusal
    if spec.kind not in catalogue.table(header.task):
        raise Refusal(f"{path} is damaged: no model of the task {shortened(header.task)!r} has a network of the kind {spec.kind!r}.")
    return spec


def _check_tensors(file: TensorFile, wanted: Mapping[str, Tensor]) -> None:
    """Refuse a file whose tensors are not those of its network, before any of them is read."""
    for name, tensor in wanted.items():
        place = file.places.get(_PART + name)
        if place is None or place.shape != tuple(tensor.shape):
            found = place.shape if place else "nothing"
            raise Refusal(
                f"{file.path} does not fit the network it names: {name!r} should be {tuple(tensor.shape)}, the file holds {found}."
            )
    if extra := sorted(set(file.places) - {_PART + name for name in wanted}):
        raise Refusal(f"{file.path} does not fit the network it names: the file also holds {shortened(extra[0])!r}.")


def _check_contract(path: Path, contract: Contract, network: nn.Module) -> None:
    """Refuse promises that the network cannot keep; a reach too far would be paid for with every tile."""
    has = {
        "stride": network.stride,
        "enlarges": getattr(network, "enlarges", 1),
        "low": 0.0,
        "high": 1.0,
    }
    for name, value in has.items():
        if getattr(contract, name) != value:
            said = getattr(contract, name)
            raise Refusal(f"{path} does not fit the network it names: its contract says {name} {said}, but it is {value}.")
    if contract.tiles and not network.tiles:
        raise Refusal(f"{path} does not fit the network it names: its contract says tiles True, but it looks at the whole picture.")
    limit = farthest(network)
    if contract.tiles and contract.reach > limit:
        raise Refusal(f"{path} does not fit the network it names: its contract says reach {contract.reach}, but it is at most {limit} px.")


def _weights(file: TensorFile, data: bytes, name: str, like: Tensor) -> Tensor:
    tensor = file.tensor(_PART + name, data).to(like.dtype)
    if not torch.isfinite(tensor).all():
        raise Refusal(f"{file.path} is damaged: the tensor {name!r} holds values that are no numbers.")
    return tensor
