"""A run folder belongs to one process at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from sfumato.core.errors import Refusal
from sfumato.core.system import locks

HOLD = """
import sys, time
from pathlib import Path
from sfumato.core.system import locks
with locks.owned(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_owner_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    with locks.owned(tmp_path / "run"), pytest.raises(Refusal, match=f"process {os.getpid()} on "), locks.owned(tmp_path / "run"):
        pass


def test_a_run_is_free_again_after_its_block(tmp_path: Path) -> None:
    with locks.owned(tmp_path / "run"):
        assert locks.is_owned(tmp_path / "run")
    assert not locks.is_owned(tmp_path / "run")


def test_asking_who_owns_a_folder_leaves_no_file_in_it(tmp_path: Path) -> None:
    assert not locks.is_owned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_nobody_may_lock_is_not_said_to_be_owned(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()  # in the way, as a read-only disk is
    assert not locks.is_owned(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_the_lock_of_a_killed_process_falls(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(Refusal, match=f"process {holder.pid} "), locks.owned(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
    with locks.owned(tmp_path):
        pass


def test_who_comes_right_after_a_kill_waits_until_the_dead_are_gone(tmp_path: Path) -> None:
    """A process that was killed keeps its lock, and so do those it forked, until the system has taken it apart."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        pass
    (tmp_path / ".owner").write_text(json.dumps({"pid": dead.pid, "host": socket.gethostname(), "time": "just now"}))
    held = FileLock(tmp_path / ".lock", thread_local=False)
    held.acquire()
    threading.Timer(0.5, held.release).start()
    with locks.owned(tmp_path):
        assert locks.is_owned(tmp_path)
