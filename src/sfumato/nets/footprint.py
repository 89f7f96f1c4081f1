"""How much memory a network holds while it works: counted from the tensors that live at once, on torch's device without data."""

from __future__ import annotations

import copy
import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

_SIDE = 256  # px of the picture it is counted for, at least


def bytes_per_pixel(network: nn.Module, channels: int = 3) -> float:
    """Bytes of float32 that input, outputs and everything between take at most, per pixel of the input, without weights.

    What a library's kernels need for themselves comes on top.  Takes some milliseconds and no memory.
    """
    stride: int = getattr(network, "stride", 1)
    side = -(-_SIDE // stride) * stride
    probe = copy.deepcopy(network).to("meta").eval()
    with torch.no_grad(), _Alive() as alive:
        picture = torch.empty(1, channels, side, side, device="meta")
        kept = probe(picture)
        del picture, kept
    return float(alive.most) / side**2


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors made inside it that are still alive, and remembers the most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, self._note, made)
        return made

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()  # views share one
        name, size = storage._cdata, storage.nbytes()
        if name in self.known:
            return
        self.known.add(name)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, name, size)

    def _forget(self, name: int, size: int) -> None:
        self.known.discard(name)
        self.now -= size
