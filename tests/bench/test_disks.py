"""Full and forbidden disks: nothing is lost, and what is wrong is said.  bench/disks.py counts the same cases."""

import os
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the faults are made as Linux makes them")
def test_no_fault_of_a_disk_or_a_clock_loses_anything(bench):
    import disks

    verdicts = disks.tried(jobs=os.cpu_count() or 1)
    assert [(verdict.case.fault, verdict.case.name, verdict.problems) for verdict in verdicts if verdict.problems] == []
