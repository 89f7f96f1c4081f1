"""How the threads of one process wait for each other: asleep, so that whoever shares the processor with them can work.

Importing this needs no torch, and must not: the policy is read once, when the threads' library is loaded.
"""

import os


def wait_asleep() -> None:
    """Threads that have nothing to do sleep instead of spinning, unless OMP_WAIT_POLICY says otherwise.  To be called before torch loads.

    Spinning threads lose no time when they are alone on their cores, and nearly all of it when another process is there too: each
    operation then waits for a thread that waits for its turn.  bench/step_cost.py measures both.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
