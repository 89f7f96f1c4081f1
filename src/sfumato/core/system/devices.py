"""Where tensors live: resolved once, explained by `sfumato doctor`.  The only place that names CUDA or MPS."""

import os
from dataclasses import dataclass

import torch

from sfumato.core.errors import Refusal
from sfumato.core.system import memory


@dataclass(frozen=True)
class Choice:
    """A device and the sentence that says why it was taken."""

    device: torch.device
    why: str


def resolve(name: str = "auto") -> Choice:
    """cuda, then mps, then cpu; or the one that was asked for, refused in words when it is not there."""
    if name == "auto":
        found = next(device for device in ("cuda", "mps", "cpu") if _there(device))
        return Choice(torch.device(found), f"{found}: the first of cuda, mps, cpu that is here")
    kind, _, number = name.partition(":")
    if kind not in ("cuda", "mps", "cpu") or not (number.isdecimal() or name == kind):
        raise Refusal(f"There is no device called {name!r}. There are: auto, cuda, mps, cpu.")
    if not _there(kind) or (kind == "cuda" and int(number or 0) >= torch.cuda.device_count()):
        raise Refusal(
            f"The device {name!r} was asked for, but this machine, or this build of torch ({torch.__version__}), has none. "
            "Use device = 'auto' or 'cpu'."
        )
    return Choice(torch.device(name), f"{name}: it was asked for")


def _there(kind: str) -> bool:
    return kind == "cpu" or (torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available())


def free_bytes(device: torch.device) -> int:
    """Memory that can still be had on a device; on mps and cpu that of the machine, or of the container this runs in."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory.free_bytes()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: by type, or by the words of libraries that have no type for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def cores() -> int:
    """Processors this process may use (a container often grants fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
