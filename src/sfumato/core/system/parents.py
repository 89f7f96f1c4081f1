"""What a process owes the one that started it: it leaves signals to it, and ends with it."""

import os
import signal
import threading
from multiprocessing import parent_process


def leave_signals() -> None:
    """Ctrl-C, and SIGTERM of a scheduler, reach every process of a job: the parent decides what they mean.

    SIGTERM that the parent itself sends still ends this process.  Where nobody can tell who sent it (macOS, Windows), and where other
    threads run already (a process that was spawned, not forked), it ends it always.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_the_parent_only, daemon=True).start()


def _obey_the_parent_only() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


def end_with_it() -> None:
    """From now on, end when the parent does, however it ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()  # returns too when the parent was killed and could tell nobody
        os._exit(1)
