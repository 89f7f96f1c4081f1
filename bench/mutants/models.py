"""Hostile model files by number: number -> a name and its bytes, always the same.  Each is loaded as `sfumato models`, `doctor` and
`restore` do, and repairs a small picture if it can be loaded.

Every second number gets its checksum made right again after the harm, so that what lies behind it is reached too.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from mutants import lying_headers as lies
from mutants.good_models import EXTREMES, ODD, Draw, a_file, a_tensor, parts_of_one, pick, righted
from mutants.trial import Mutant
from sfumato.core.errors import Refusal

SEED = 20
SIDE = 16  # px of the picture that is repaired
RAN = "SFUMATO_MUTANT_RAN"  # set by code that must not run
CODE = f"__import__('os').environ.__setitem__({RAN!r}, '1')"


def make(number: int) -> Mutant:
    """The hostile file of this number."""
    rng = np.random.default_rng([SEED, number])
    how = WAYS[number // 2 % len(WAYS)]
    data = how(rng, number % 2 == 1)
    return Mutant(f"{number:05}.safetensors", how.__name__.strip("_"), data)


def probe(path: Path, aside: Path, watch: Any) -> str:
    """Say what it is, look whether it is sound, load it, and repair a picture with it."""
    from sfumato.cli import look
    from sfumato.tasks.parts import restorer

    try:
        for as_json in (False, True):
            with watch, open(os.devnull, "w", encoding="utf-8") as away, redirect_stdout(away):
                look.models([path], as_json=as_json)
        with watch:
            model = restorer.load(path, device="cpu")
        picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        with watch:
            repaired = _repaired(model, picture, path)
    finally:
        if os.environ.pop(RAN, None):
            raise RuntimeError("code from the file was run")
    side = SIDE * model.contract.enlarges
    if repaired.shape != (side, side, 3) or repaired.dtype != np.uint8:
        raise ValueError(f"it gave {repaired.dtype} {repaired.shape}")
    return f"{model.header.network['kind']} {side}"


def _repaired(model: Any, picture: Any, path: Path) -> Any:
    try:
        return model.restore(picture)
    except Refusal as refusal:  # the verb names the picture; here the model is what is tried
        raise Refusal(f"{path}: {refusal}") from refusal


# -- Harm to bytes ------------------------------------------------------------------------------------------------------


def _truncated(rng: Draw, right: bool) -> bytes:
    raw = a_file(rng)
    return righted(raw[: int(rng.integers(len(raw)))], right)


def _truncated_header(rng: Draw, right: bool) -> bytes:
    return a_file(rng)[: int(rng.integers(80))]


def _lying_length(rng: Draw, right: bool) -> bytes:
    raw = a_file(rng)
    (size,) = struct.unpack("<Q", raw[:8])
    lie = pick(rng, [0, 1, 2, size - 1, size + 1, size + 100, len(raw), len(raw) - 8, 8 << 20, (8 << 20) + 1, 2**31, 2**63, 2**64 - 1])
    return struct.pack("<Q", lie) + raw[8:]


def _flipped_header(rng: Draw, right: bool) -> bytes:
    raw = bytearray(a_file(rng))
    (size,) = struct.unpack("<Q", raw[:8])
    for at in rng.integers(8, 8 + size, int(rng.integers(1, 6))):
        raw[at] ^= 1 << int(rng.integers(8))
    return righted(bytes(raw), right)


def _flipped_tensors(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    data = bytearray(parts.data)
    for at in rng.integers(0, len(data), int(rng.integers(1, 40))):
        data[at] ^= 1 << int(rng.integers(8))
    parts.data = bytes(data)
    return parts.file(right=right)


def _random_tensors(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    parts.data = rng.bytes(len(parts.data))
    return parts.file(right=right)


def _stuffed(rng: Draw, right: bool) -> bytes:
    raw = a_file(rng)
    at = int(rng.integers(len(raw) + 1))
    return righted(raw[:at] + rng.bytes(int(rng.integers(1, 300))) + raw[at:], right)


def _cut_out(rng: Draw, right: bool) -> bytes:
    raw = a_file(rng)
    at = int(rng.integers(len(raw)))
    return righted(raw[:at] + raw[at + int(rng.integers(1, 300)) :], right)


def _appended(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    parts.data += rng.bytes(int(rng.integers(1, 5000)))
    return parts.file(right=right)


def _noise(rng: Draw, right: bool) -> bytes:
    return a_file(rng)[: 8 * int(rng.integers(2))] + rng.bytes(int(rng.integers(5000)))


def _other_kind(rng: Draw, right: bool) -> bytes:
    """A pickle, a zip or a picture called a model; the pickles say that they were opened."""
    choice = int(rng.integers(6))
    pickled = pickle.dumps(_Runs(), protocol=int(rng.integers(6)))
    if choice == 0:
        return pickled
    if choice == 1:  # as torch.save writes
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/version", "3\n")
        return file.getvalue()
    if choice == 2:  # a pickle where the header should be
        return struct.pack("<Q", len(pickled)) + pickled
    if choice == 3:
        parts = parts_of_one(rng)
        parts.note["card"] = {"__reduce__": CODE, "py/object": "os.system", "__class__": "os.system"}
        return parts.file(right=right)
    if choice == 4:
        return b"\x89PNG\r\n\x1a\n" + rng.bytes(500)
    return b"#!/usr/bin/env python3\n" + CODE.encode() + b"\n"


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (CODE,)


# -- Harm to the table of tensors ---------------------------------------------------------------------------------------


def _shapes(rng: Draw, right: bool) -> bytes:
    """Terabytes, nothing, below nothing, or no shape at all."""
    parts = parts_of_one(rng)
    entry = a_tensor(rng, parts)
    choice = int(rng.integers(6))
    if choice == 0:
        entry["shape"] = [10**6, 10**6, 3, 3]
    elif choice == 1:
        entry["shape"] = [int(side) for side in rng.integers(1, 2**40, int(rng.integers(1, 30)))]
    elif choice == 2:
        entry["shape"] = [2**62, 2**62, 0]
    elif choice == 3:
        entry["shape"] = [pick(rng, EXTREMES), *entry["shape"][1:]]
    elif choice == 4:
        entry["shape"] = [-side for side in entry["shape"]]
    else:
        entry["shape"] = pick(rng, ODD)
    return parts.file(right=right)


def _offsets(rng: Draw, right: bool) -> bytes:
    """Out of the file, below nothing, upon each other, with gaps, from high to low, or no numbers at all."""
    parts = parts_of_one(rng)
    entry = a_tensor(rng, parts)
    low, high = entry["data_offsets"]
    entry["data_offsets"] = pick(
        rng,
        [
            [low + 10**6, high + 10**6],
            [-low - 8, -low - 8 + high - low],
            [low - 4, high - 4],
            [0, high - low],
            [high, low],
            [low, high + 4],
            [low, pick(rng, EXTREMES)],
            [pick(rng, EXTREMES), high],
            [float(low), float(high)],
            [str(low), str(high)],
            [low],
            [low, high, high],
            [low == 0, high],
            pick(rng, ODD),
        ],
    )
    return parts.file(right=right)


def _dtypes(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    entry = a_tensor(rng, parts)
    others = ["F64", "F32", "F16", "BF16", "I64", "U8", "I32", "BOOL", "F8_E4M3", "f32", "float32", "torch.float32", "os:system"]
    entry["dtype"] = pick(rng, [*others, *ODD])
    if rng.random() < 0.3:  # all of them, rightly measured
        for each in parts.table.values():
            each["dtype"], each["shape"] = "U8", [each["data_offsets"][1] - each["data_offsets"][0]]
    return parts.file(right=right)


def _reread(rng: Draw, right: bool) -> bytes:
    """The same bytes taken for numbers of another type of the same size."""
    parts = parts_of_one(rng)
    for entry in parts.table.values():
        entry["dtype"] = {"F16": "BF16", "F64": "I64", "I64": "F64"}.get(entry["dtype"], entry["dtype"])
    return parts.file(right=right)


def _entries(rng: Draw, right: bool) -> bytes:
    """Tensors that are missing, too many, called otherwise, or no tables."""
    parts = parts_of_one(rng)
    name = pick(rng, sorted(parts.table))
    choice = int(rng.integers(7))
    if choice == 0:
        del parts.table[name]
    elif choice == 1:
        parts.table["network.extra.weight"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    elif choice == 2:
        parts.table[pick(rng, ["", "x", name.removeprefix("network."), f"critic.{name}", "../x", "\0", "\ud800"])] = parts.table.pop(name)
    elif choice == 3:
        parts.table[name] = pick(rng, ODD)
    elif choice == 4:
        parts.table = {}
    elif choice == 5:
        parts.table.update({f"x{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(40_000)})
    else:
        parts.table[name][pick(rng, ["x", "strides", ""])] = pick(rng, ODD)
    return parts.file(right=right)


def _numberless(rng: Draw, right: bool) -> bytes:
    """Weights that are no numbers, or the largest there are."""
    parts = parts_of_one(rng)
    data = bytearray(parts.data)
    value = pick(rng, [float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e30])
    for entry in parts.table.values():
        low, high = entry["data_offsets"]
        if entry["dtype"] == "F32" and rng.random() < 0.4:
            data[low:high] = np.full((high - low) // 4, value, np.float32).tobytes()
        elif entry["dtype"] == "F16" and rng.random() < 0.4:
            data[low:high] = np.full((high - low) // 2, min(max(value, -65504), 65504), np.float16).tobytes()
    parts.data = bytes(data)
    return parts.file(right=right)


WAYS: tuple[Callable[[Draw, bool], bytes], ...] = (
    lies.harmless,
    _truncated,
    _truncated_header,
    _lying_length,
    _flipped_header,
    _flipped_tensors,
    _random_tensors,
    _stuffed,
    _cut_out,
    _appended,
    _noise,
    _other_kind,
    _shapes,
    _offsets,
    _dtypes,
    _reread,
    _entries,
    _numberless,
    lies.deep,
    lies.wide,
    lies.literals,
    lies.twice,
    lies.encoded,
    lies.gigantic,
    lies.kinds,
    lies.arguments,
    lies.contract,
    lies.contract,
    lies.fields,
    lies.notes,
    lies.long_texts,
    lies.tasks,
    lies.versions,
)
