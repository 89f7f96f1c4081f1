"""Kills, stops and second starts, one of each.  bench/kills.py tries more of the same."""

import os

import pytest


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_no_kill_and_no_stop_loses_anything(bench, tmp_path):
    import kills

    ground = kills.prepare(tmp_path, seed=7, workers=(0, 2))
    assert kills.differences(ground, ground.whole(2)) == ()
    assert {fault.words: kills.lost(kills.tried(ground, fault, jobs=2)) for fault in kills.faults(ground, 1)} == {
        fault.words: "nothing" for fault in kills.faults(ground, 1)
    }
