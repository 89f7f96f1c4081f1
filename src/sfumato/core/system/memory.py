"""What the process does with memory it has freed."""

import ctypes
import platform

LARGEST = 32 << 20  # bytes of a block that the heap serves; the C library takes no more
KEPT = 512 << 20  # bytes of freed memory that are kept at the end of the heap
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h


def keep_freed() -> bool:
    """Keep freed memory for the next tensor instead of handing it back to the system; whether this C library can.

    Unless told, glibc hands megabytes back at once, and the next batch finds every page of its tensors missing: what touches each number
    once or twice, as augmentation does, then takes half as long again.  For processes that make tensors of like sizes again and again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_THRESHOLD, LARGEST) and library.mallopt(_TRIM_THRESHOLD, KEPT))
