"""Errors as sentences a person can act on: what was asked, what was found, what was expected, what to do."""

import difflib
from collections.abc import Iterable

DONE, OURS, REFUSED, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130  # exit codes of the command line

MANY = 40  # names that a sentence lists


class Refusal(Exception):
    """The request is wrong, or nothing could be done.  Its text is shown to the person as it is (exit code 2)."""


class Unwritable(Refusal):
    """A file or folder could not be written.  full: for want of room, so the next one could not be either."""

    def __init__(self, words: str, full: bool = False):
        super().__init__(words)
        self.full = full


class Undecodable(Refusal):
    """A picture's file cannot be read, or holds no picture that can be used: one of many may be left out."""


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, after the step was finished and everything was saved (exit code 130)."""


def shortened(text: str, most: int = 60) -> str:
    """A text of others as a sentence can hold it: no longer than `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def unknown(kind: str, name: str, known: Iterable[str]) -> Refusal:
    """A name that is not in a list: the nearest one, or the whole list."""
    names, name = sorted(known), shortened(name)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    few = ", ".join(names) if len(names) <= MANY else f"{', '.join(names[:MANY])} and {len(names) - MANY} more"
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {few}."
    return Refusal(f"There is no {kind} called {name!r}. {hint}")


def check_range(what: str, pair: tuple[float, float], within: tuple[float, float]) -> None:
    """Refuse a (low, high) range that is written from high to low or leaves `within`."""
    low, high = pair
    least, most = within
    if not least <= low <= high <= most:
        raise Refusal(f"{what} is {low:g}..{high:g}, but must run from low to high within {least:g}..{most:g}.")
