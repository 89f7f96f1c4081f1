"""Devices are those that are there, what is free is known, and what was freed is kept where that was asked for."""

import platform
import subprocess
import sys

import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.core.system import devices, memory

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


@pytest.mark.parametrize(("most", "free"), [("5000000", 1_750_000), ("3000000", 0), ("max", None)])
def test_a_containers_limit_counts_but_not_what_it_holds_of_files(tmp_path, monkeypatch, most, free):
    told = {"max": most, "current": "4000000", "stat": "anon 3000000\nfile 800000\ninactive_file 500000\nactive_file 250000"}
    for name, words in told.items():
        (tmp_path / f"memory.{name}").write_text(f"{words}\n")
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 9_000_000}))
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.free_bytes() == devices.free_bytes(torch.device("cpu")) == (9_000_000 if free is None else free)


def test_where_nothing_is_told_of_a_container_all_that_the_machine_has_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 9_000_000}))
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.free_bytes() == 9_000_000
