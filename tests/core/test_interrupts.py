"""Ctrl-C at chosen places."""

import signal
import threading

import pytest

from sfumato.core.system.interrupts import CtrlC


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_where_it_is_heeded_it_comes_at_once():
    with pytest.raises(KeyboardInterrupt), CtrlC() as ctrl_c, ctrl_c.heeded():
        press()
        pytest.fail("it went on")


def test_elsewhere_it_waits_for_the_next_such_place_and_comes_once():
    reached = []
    with CtrlC() as ctrl_c:
        press()
        reached.append("after it")
        with pytest.raises(KeyboardInterrupt), ctrl_c.heeded():
            pytest.fail("it was forgotten")
        with ctrl_c.heeded():
            reached.append("once only")
    assert reached == ["after it", "once only"]


def test_a_second_one_comes_at_once_wherever_it_is():
    with CtrlC() as ctrl_c:
        with pytest.raises(KeyboardInterrupt), ctrl_c.heeded():
            press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_with_no_such_place_left_it_comes_at_the_end():
    reached = []
    with pytest.raises(KeyboardInterrupt), CtrlC() as ctrl_c:
        with ctrl_c.heeded():
            reached.append("heeded")
        press()
        reached.append("the last")
    assert reached == ["heeded", "the last"]


def test_it_hides_no_error():
    with pytest.raises(ValueError, match="itself"), CtrlC():
        press()
        raise ValueError("itself")


def test_afterwards_all_is_as_before():
    with CtrlC():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_with_a_handler_of_its_own_keeps_it():
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with CtrlC() as ctrl_c, ctrl_c.heeded():
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_other_threads_are_left_alone():
    done = []

    def work() -> None:
        with CtrlC() as ctrl_c, ctrl_c.heeded():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
