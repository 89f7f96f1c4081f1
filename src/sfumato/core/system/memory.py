"""How much memory can still be had, and what the process does with what it has freed."""

import ctypes
import platform
from pathlib import Path

import psutil

LARGEST = 32 << 20  # bytes of a block that the heap serves; the C library takes no more
KEPT = 512 << 20  # bytes of freed memory that are kept at the end of the heap
GROUP = Path("/sys/fs/cgroup")  # where Linux tells what the container that this runs in may take (cgroup v2), if it runs in one
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h


def free_bytes() -> int:
    """Memory that can still be had, by the machine and by the limit of the container this runs in."""
    free = int(psutil.virtual_memory().available)
    try:
        most, taken, parts = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current", "memory.stat"))
        if most == "max":
            return free
        sizes = dict(line.split() for line in parts.splitlines())
        files = int(sizes["active_file"]) + int(sizes["inactive_file"])  # kept in memory only while nobody asks for it
        return max(0, min(free, int(most) - int(taken) + files))
    except (OSError, ValueError, KeyError):
        return free


def keep_freed() -> bool:
    """Keep freed memory for the next tensor instead of handing it back to the system; whether this C library can.

    Unless told, glibc hands megabytes back at once, and the next batch finds every page of its tensors missing: what touches each number
    once or twice, as augmentation does, then takes half as long again.  For processes that make tensors of like sizes again and again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_THRESHOLD, LARGEST) and library.mallopt(_TRIM_THRESHOLD, KEPT))
