"""Where a recipe's pictures would come from, told without torch and without opening a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def check_known(data: Any) -> None:
    """Refuse a known data set that nobody knows, where no folders stand in for it."""
    from sfumato.data.known import catalogue

    if not data.folders:
        catalogue.entry(data.known)


def told(data: Any, **maps: str) -> list[str]:
    """The known data set, or how many pictures its folders hold.  maps : what else is counted, by the keys of `data` that name folders."""
    if not data.folders:
        return [f"the known data set {data.known}"]
    from sfumato.data.reading.find import find_pictures

    places = [*(("pictures", name) for name in data.folders), *((what, getattr(data, key)) for key, what in maps.items())]
    return [f"{len(find_pictures(Path(name)))} {what} in {name}" for what, name in places]
