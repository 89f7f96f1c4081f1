"""How the threads of one process wait for each other: awake for a moment, then asleep, so that others can use the processor.

Importing this needs no torch, and must not: the policy is read once, when the threads' library is loaded.
"""

import os

SPINS = "10000"  # turns of GNU's OpenMP, some tens of microseconds; unless told it takes thirty times as many


def wait_shortly() -> None:
    """Threads that have nothing to do spin for a moment and then sleep, unless the environment says otherwise.  Before torch is loaded.

    Threads that only sleep make each operation wait for their waking: a step takes half as long again.  Threads that only spin lose
    nothing while they are alone on their cores, and nearly everything beside another busy process, for which they hold the core that the
    other thread waits for.  bench/step_cost.py measures all three.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
