"""Progress: what a person sees on a terminal, in a file, and when quiet."""

import io
import sys

import pytest
from rich.console import Console

from sfumato.core import progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(progress, "console", lambda: console)
    return written


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=False, width=100, soft_wrap=True)
    monkeypatch.setattr(progress, "console", lambda: console)
    return written


def test_without_a_terminal_there_are_plain_lines(plain: io.StringIO) -> None:
    with progress.Progress(3, "restoring") as bar:
        bar.advance(3, note="beach.jpg")
    assert plain.getvalue() == "restoring: 3 of 3, 0:00 (beach.jpg)\n"


def test_without_a_terminal_lines_come_now_and_then_only(plain: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 400))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds) * 1.0)
    with progress.Progress(60, "restoring") as bar:
        for _ in range(60):
            bar.advance()
    assert 2 <= plain.getvalue().count("\n") <= 14  # a minute or two of made-up time, a line every ten seconds


def test_the_time_left_is_told_from_the_pace_here_and_not_from_what_was_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress(100, "training", quiet=True, done=50) as bar:
        now[0] = 20.0
        bar.advance(10)
        assert bar.left == pytest.approx(80.0)  # 10 steps took 20 s, and 40 remain


def test_on_a_terminal_a_bar_ends_full(terminal: io.StringIO) -> None:
    assert list(progress.track("abc", "reading")) == ["a", "b", "c"]
    assert "3 of 3" in terminal.getvalue()


def test_a_bar_inside_a_bar_works(terminal: io.StringIO) -> None:
    for _ in progress.track("ab", "outer"):
        assert list(progress.track("cd", "inner")) == ["c", "d"]


def test_names_with_brackets_are_shown_as_they_are(terminal: io.StringIO) -> None:
    with progress.Progress(1, "reading [/red]") as bar:
        bar.advance(note="[/bold].jpg")
    assert "[/bold].jpg" in terminal.getvalue()


def test_quiet_says_nothing(plain: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_quiet", True)
    progress.say("something")
    list(progress.track("abc", "reading"))
    assert plain.getvalue() == ""


def test_nothing_to_do_needs_no_line(plain: io.StringIO) -> None:
    assert list(progress.track([], "reading")) == [] and plain.getvalue() == ""


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert progress.console.__wrapped__().no_color


def test_an_error_inside_leaves_the_terminal_in_order(terminal: io.StringIO) -> None:
    with pytest.raises(KeyError), progress.Progress(2, "reading"):
        raise KeyError
    assert "\x1b[?25h" in terminal.getvalue()  # the cursor is shown again


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (65, "1:05"), (3599.6, "1:00:00"), (7200, "2:00:00")])
def test_a_clock_reads_as_people_read_it(seconds: float, shown: str) -> None:
    assert progress.clock(seconds) == shown


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
def test_words_for_which_there_is_no_room_stop_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "w", buffering=1) as full:  # raised when it is closed
        monkeypatch.setattr(sys, "stderr", full)
        progress.say("nobody hears this")
        with progress.Progress(2, "nor this") as bar:
            bar.advance(2)
        monkeypatch.undo()
