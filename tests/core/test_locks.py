"""A run folder belongs to one process at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


FORKED = """
import os, sys, time
from pathlib import Path
from sfumato.core.system import locks
with locks.owned(Path(sys.argv[1])):
    if os.fork() == 0:
        time.sleep(1.5)
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody inherits a lock here")
def test_who_comes_right_after_a_kill_waits_for_the_workers_of_the_dead(tmp_path: Path) -> None:
    """They hold the lock that they were forked with, until they see that they are orphans."""
    with subprocess.Popen([sys.executable, "-c", FORKED, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "held\n"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert locks.is_owned(tmp_path / "run")
        with locks.owned(tmp_path / "run"):
            assert locks.is_owned(tmp_path / "run")
