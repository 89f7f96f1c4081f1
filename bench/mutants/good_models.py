"""Small whole model files, and the parts that they are taken into to be harmed."""

from __future__ import annotations

import json
import struct
import tempfile
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

Draw = np.random.Generator
Table = dict[str, Any]
EXTREMES = (0, 1, -1, 2, 255, 4096, 4097, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**9, 10**12, 10**30, -(10**9))
ODD: tuple[Any, ...] = (None, True, False, "", "3", "x", 3.5, 3.0, [], [3], {}, {"x": 1}, [[[]]], "\ud800", "\0", "a\x1b[2Jb", -0.0)


@dataclass
class Parts:
    """A model file taken apart: its note, its table of tensors and their bytes, to be harmed and put together again."""

    note: Table
    table: Table
    data: bytes
    others: Table  # what else stands among the metadata

    def file(self, *, right: bool) -> bytes:
        """Put together; `right`: with the checksum of the bytes it holds now."""
        if right and isinstance(self.note, dict):
            self.note["sha256"] = sha256(self.data).hexdigest()
        return self.with_text(json.dumps({"__metadata__": {"sfumato": json.dumps(self.note), **self.others}, **self.table}))

    def with_text(self, text: str | bytes) -> bytes:
        """Put together, with this as the header's text."""
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(raw)) + raw + self.data


@cache
def wholes() -> tuple[bytes, ...]:
    """Small models of every kind: with and without norms, one that enlarges, one in half precision."""
    from sfumato.nets import arguments

    unet = {"widths": (4, 6), "blocks": (1, 1), "blocks_up": (1,)}
    return (
        _written(arguments.UNet(**unet)),
        _written(arguments.UNet(**unet, norm="batch", cross=True)),
        _written(arguments.Residual(width=4, blocks=2, enlarges=2)),
        _written(arguments.Residual(width=4, blocks=1, norm="group", stem="half"), half=True),
    )


def _written(spec: Any, *, half: bool = False) -> bytes:
    import torch

    from sfumato.nets import catalogue, load
    from sfumato.nets.reach import reach

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network: Any = catalogue.build(spec)
    header = load.Header(
        task="restore",
        network=asdict(spec),
        contract=load.Contract(
            channels=3, stride=network.stride, reach=reach(network), tiles=network.tiles, enlarges=getattr(spec, "enlarges", 1), effective=4
        ),
        recipe={"task": "restore", "spoil": {"chain": "jpeg 20..60"}},
        scores={"psnr_rgb": {"mean": 30.0, "n": 4}},
        versions={"sfumato": "0.1.0", "torch": "2.9.0"},
        data={"folders": ["photos"], "pictures": 3},
        licence="CC0",
        card={"steps": 3, "spoil": "jpeg 20..60"},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        load.write(path, network.state_dict(), header, half=half)
        return path.read_bytes()


def a_file(rng: Draw) -> bytes:
    return wholes()[int(rng.integers(len(wholes())))]


def parts_of_one(rng: Draw) -> Parts:
    return apart(a_file(rng))


def apart(raw: bytes) -> Parts:
    (size,) = struct.unpack("<Q", raw[:8])
    table = json.loads(raw[8 : 8 + size])
    others = table.pop("__metadata__")
    return Parts(json.loads(others.pop("sfumato")), table, raw[8 + size :], others)


def righted(raw: bytes, right: bool) -> bytes:
    """The same file with the checksum made right, where its header can still be understood."""
    if right:
        try:
            return apart(raw).file(right=True)
        except (ValueError, KeyError, TypeError, AttributeError, struct.error, UnicodeError):
            pass
    return raw


def pick(rng: Draw, choices: Any) -> Any:
    return deepcopy(choices[int(rng.integers(len(choices)))])


def a_tensor(rng: Draw, parts: Parts) -> Table:
    """The entry of one tensor."""
    entry: Table = parts.table[pick(rng, sorted(parts.table))]
    return entry
