"""A safetensors file, read with suspicion: JSON and raw numbers, where every length is checked before memory is taken for it.

Stricter than the format asks for: no key twice, tensors one after the other without a gap, and nothing behind the last one.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import Refusal, shortened

HEADER_LIMIT = 8 << 20  # bytes, refused before anything is parsed
_BRACKETS = 200_000  # in a header: a pair of them takes 4 bytes to write, and a hundred once it is parsed
_DIMENSIONS = 8
_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "U8": torch.uint8}


@dataclass(frozen=True)
class Place:
    """One tensor's type and shape, and where its bytes lie among those behind the header."""

    type: torch.dtype
    shape: tuple[int, ...]
    low: int
    high: int


@dataclass(frozen=True)
class TensorFile:
    """What a file says of itself: its notes, and every tensor's place."""

    path: Path
    start: int  # byte at which the tensors begin
    room: int  # bytes of all of them
    notes: dict[str, Any]
    places: dict[str, Place]

    def data(self) -> bytes:
        """The bytes of all tensors."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.start)
                data = file.read(self.room)
        except OSError as error:
            raise Refusal(f"{self.path} could not be read: {error.strerror or error}.") from error
        if len(data) != self.room:
            raise Refusal(f"{self.path} became shorter while it was read. Try again.")
        return data

    def tensor(self, name: str, data: bytes) -> Tensor:
        """A copy of one tensor."""
        place = self.places[name]
        if place.low == place.high:
            return torch.empty(place.shape, dtype=place.type)
        return torch.frombuffer(bytearray(data[place.low : place.high]), dtype=place.type).reshape(place.shape)


def look(path: Path) -> TensorFile:
    """Read the header of a file; refused, by name, where it lies about anything that can be seen without the tensors."""
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            start = file.read(8)
            size = struct.unpack("<Q", start)[0] if len(start) == 8 else HEADER_LIMIT + 1
            if size > HEADER_LIMIT:
                raise Refusal(
                    f"{path} is not a model file: it does not begin like a safetensors file, or its header is over {HEADER_LIMIT >> 20} MB."
                )
            text = file.read(size)
    except OSError as error:
        raise Refusal(f"{path} could not be read: {error.strerror or error}.") from error
    table = parse(path, text)
    notes = table.pop("__metadata__", {})
    room = length - 8 - size
    return TensorFile(path, 8 + size, room, notes if isinstance(notes, dict) else {}, _places(path, table, room))


def parse(path: Path, text: bytes) -> dict[str, Any]:
    """A table from JSON; refused when it is none, says a thing twice, or would take far more memory than its length."""
    try:
        if text.count(b"[") + text.count(b"{") > _BRACKETS:
            raise ValueError(f"more than {_BRACKETS} brackets")
        table = json.loads(text.decode(), object_pairs_hook=_once)
        if not isinstance(table, dict):
            raise ValueError("it is no table")
        if b"\\ud" in text.lower():
            json.dumps(table, ensure_ascii=False).encode()  # half a character, as JSON can spell it, no program could show
    except (ValueError, RecursionError) as error:
        reason = "brackets without end" if isinstance(error, RecursionError) else shortened(str(error), 120)
        raise Refusal(f"{path} is not a model file, or its header is damaged: {reason}.") from error
    return table


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands there twice")
    return table


def _places(path: Path, table: dict[str, Any], room: int) -> dict[str, Place]:
    """Every tensor's place, checked against the file's length and against each other."""
    places = {}
    for name, entry in table.items():
        try:
            places[name] = _place(entry)
        except ValueError as error:
            raise Refusal(f"{path} is damaged: the tensor {shortened(name)!r} {error}.") from error
    end = 0
    for name, place in sorted(places.items(), key=lambda each: (each[1].low, each[1].high)):
        if place.low != end or place.high > room:
            raise Refusal(f"{path} is damaged: the tensor {shortened(name)!r} lies beyond the file, upon another, or behind a gap.")
        end = place.high
    if end != room:
        raise Refusal(f"{path} is damaged: its tensors end at byte {end}, but {room} bytes are there.")
    return places


def _place(entry: Any) -> Place:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError("has no type, shape and place")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"is of a type that is not read; there are {', '.join(_TYPES)}")
    if not _whole(shape) or len(shape) > _DIMENSIONS or not _whole(offsets) or len(offsets) != 2:
        raise ValueError("has a shape or place that is none")
    low, high = offsets
    if math.prod(shape) * _TYPES[kind].itemsize != high - low:
        raise ValueError("has another shape than place")
    return Place(_TYPES[kind], tuple(shape), low, high)


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)
