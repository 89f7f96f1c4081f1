"""What a process owes the one that started it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import ForkContext, ForkProcess

import psutil
import pytest

from sfumato.core.system import parents

pytestmark = pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="nobody can tell here who sent a signal")

PARENT = """
import multiprocessing, time
from sfumato.core.system import parents

def child():
    parents.end_with_it()
    time.sleep(60)

for _ in range(2):
    multiprocessing.get_context("fork").Process(target=child).start()
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
time.sleep(60)
"""
STRANGER = "import os, sys; os.kill(int(sys.argv[1]), int(sys.argv[2]))"


def wait_long(ready: "multiprocessing.synchronize.Event") -> None:
    parents.leave_signals()
    ready.set()
    time.sleep(60)


@pytest.fixture
def child() -> Iterator[ForkProcess]:
    """A process that leaves signals to this one."""
    context: ForkContext = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=wait_long, args=(ready,))
    process.start()
    ready.wait(10)
    yield process
    process.kill()
    process.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_reaches_every_process_of_a_job_is_left_to_the_parent(child: ForkProcess, number: signal.Signals) -> None:
    subprocess.run([sys.executable, "-c", STRANGER, str(child.pid), str(int(number))], check=True)
    child.join(0.3)
    assert child.exitcode is None


def test_the_parent_itself_may_terminate(child: ForkProcess) -> None:
    child.terminate()
    child.join(5)
    assert child.exitcode == 0


def test_children_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 3
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (len(children), [runs(one) for one in children]) == (2, [False, False])


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
