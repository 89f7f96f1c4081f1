"""Devices are those that are there, and freed memory is kept where that was asked for."""

import platform
import subprocess
import sys

import pytest

from sfumato.core.errors import Refusal
from sfumato.core.system import devices

CODE = """
import resource, sys
import numpy as np
from sfumato.core.system import memory

kept = memory.keep_freed() if sys.argv[1] == "kept" else True
def batches():
    for _ in range(50):
        three = [np.ones(1_500_000, np.float32) for _ in range(3)]
batches()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
batches()
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_memory_that_was_freed_is_there_for_the_next_batch():
    missing = {}
    for how in ("kept", "unless told"):
        ended = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, timeout=60, check=True)
        could, missing[how] = map(int, ended.stdout.split())
        assert could
    assert missing["kept"] < 100 < missing["unless told"]  # pages; three arrays have 4400


@pytest.mark.parametrize("name", ["cpu:x", "cuda:99", "gpu"])
def test_a_device_that_is_none_is_refused_by_its_name(name):
    with pytest.raises(Refusal, match=name):
        devices.resolve(name)
