"""Ways to say what pictures show: by the folder they lie in, by their names, or by a list.

Each takes items and gives them labels.  `classes` fixes names and order, as those of training do for validation; unless given, the
classes are what was found, in natural order.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from sfumato.core.errors import Refusal, shortened, unknown
from sfumato.core.progress import say
from sfumato.data.items import Item, Items, from_folder
from sfumato.data.labelled import Labelled
from sfumato.data.reading.find import PICTURE_SUFFIXES, natural

Unmatched = Literal["refuse", "drop"]
LONGEST = 64 << 20  # bytes of a list of labels: that of ImageNet's validation has 2 MB


def by_parent(items: Items, classes: Sequence[str] | None = None) -> Labelled:
    """The class is the folder a picture lies in: cat/1.jpg."""
    return _labelled(items, [_folder(item, 1) for item in items], classes)


def by_grandparent(items: Items, classes: Sequence[str] | None = None) -> Labelled:
    """The class is the folder above the one a picture lies in: cat/images/1.jpg."""
    return _labelled(items, [_folder(item, 2) for item in items], classes)


def by_name(items: Items, name_of: Callable[[str], str], classes: Sequence[str] | None = None) -> Labelled:
    """The class is what a function makes of each item's name, which has forward slashes."""
    return _labelled(items, [name_of(item.name) for item in items], classes)


def by_pattern(items: Items, pattern: str, classes: Sequence[str] | None = None) -> Labelled:
    """The class is the first group of a pattern that each whole file name must match: `(.+)_[0-9]+[.]jpg` for great_pyrenees_12.jpg."""
    compiled = re.compile(pattern)
    if not compiled.groups:
        raise Refusal(f"The pattern {pattern!r} has no group that is the class: put brackets around it, as in (.+)_[0-9]+[.]jpg.")

    def name_of(name: str) -> str:
        found = compiled.fullmatch(PurePosixPath(name).name)
        if found is None:
            raise Refusal(f"The file name of {name!r} does not match the pattern {pattern!r}, so its class is not known.")
        return found[1]

    return by_name(items, name_of, classes)


def by_dict(
    items: Items,
    labels: Mapping[str, str],
    classes: Sequence[str] | None = None,
    *,
    unmatched: Unmatched = "refuse",
    where: str = "the list",
) -> Labelled:
    """The class is what a table says of each name: of the whole name, of the file's, or of the file's without its suffix.

    unmatched : what becomes of pictures without a label and of labels without a picture.
    """
    key_of = [next((key for key in _keys(item.name) if key in labels), None) for item in items]
    bare = [item.name for item, key in zip(items, key_of) if key is None]
    twice = [key for key, count in Counter(key for key in key_of if key is not None).items() if count > 1]
    lost = sorted(set(labels) - {key for key in key_of if key is not None})
    if twice:
        raise Refusal(f"Several pictures are called {twice[0]!r}, which {where} names once. Name them with their folders.")
    for found, words in ((bare, "picture(s) have no label in"), (lost, "label(s) match no picture, in")):
        if found and unmatched == "refuse":
            raise Refusal(f"{len(found)} {words} {where}, such as {shortened(found[0])!r}. Is it the list of these pictures?")
        if found:
            say(f"{len(found)} {words} {where}, such as {shortened(found[0])!r}: left out.")
    kept = [(item, labels[key]) for item, key in zip(items, key_of) if key is not None]
    return _labelled(Items(tuple(item for item, _ in kept)), [name for _, name in kept], classes)


def by_csv(
    items: Items,
    table: Path,
    classes: Sequence[str] | None = None,
    *,
    name: str,
    label: str,
    unmatched: Unmatched = "refuse",
) -> Labelled:
    """The class is what a CSV file with a line of titles says: `name` and `label` are the titles of two of its columns."""
    return by_dict(items, read_csv(table, name=name, label=label), classes, unmatched=unmatched, where=str(table))


def by_list(items: Items, lines: Path, classes: Sequence[str] | None = None, *, unmatched: Unmatched = "refuse") -> Labelled:
    """The class is what a text file says: a name, a tab, the class; what stands after a further tab is passed over."""
    return by_dict(items, read_list(lines), classes, unmatched=unmatched, where=str(lines))


def read_csv(table: Path, *, name: str, label: str) -> dict[str, str]:
    """Two columns of a CSV file with a line of titles."""
    rows = csv.DictReader(_lines(table), strict=True)
    for column in (name, label):
        if column not in (rows.fieldnames or ()):
            raise unknown(f"column in {table}", column, rows.fieldnames or ())
    try:
        pairs = [(str(row[name]), str(row[label])) for row in rows if row[name] is not None and row[label] is not None]
    except csv.Error as error:
        raise Refusal(f"{table} is no table that can be read, at line {rows.line_num}: {error}.") from error
    return _once(pairs, table)


def read_list(path: Path) -> dict[str, str]:
    """The first two of the tab-separated columns of a text file."""
    rows = [line.split("\t") for line in _lines(path) if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            raise Refusal(f"{path} names no class in its line {number}: {shortened(row[0])!r} should be a name, a tab and a class.")
    return _once([(row[0].strip(), row[1].strip()) for row in rows], path)


def unlabelled(items: Items, classes: Sequence[str] = ()) -> Labelled:
    """A test set: nobody says what it shows."""
    return Labelled(items, np.full(len(items), -1, np.int64), tuple(classes))


def of_classes(folder: Path, classes: Sequence[str] | None = None) -> Labelled:
    """Pictures in folders that are named by their class, at any depth below: folder/class/picture.

    Refuses a class whose folder holds no picture, and pictures that lie in no class's folder.
    """
    folder = Path(folder)
    items = from_folder(folder)
    loose = [item.name for item in items if "/" not in item.name]
    if loose:
        raise Refusal(f"{len(loose)} picture(s) lie in {folder} itself, such as {loose[0]!r}, and not in a folder named by their class.")
    filled = {item.name.partition("/")[0] for item in items}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in filled:
            suffixes = ", ".join(sorted(PICTURE_SUFFIXES))
            raise Refusal(f"The class {entry.name!r} is empty: {entry} holds no picture ({suffixes}). Fill the folder or remove it.")
    return by_name(items, lambda name: name.partition("/")[0], classes)


def distinct(names: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Names people read, one of a kind: where two classes share one, the id stands behind it."""
    counts = Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} ({one})" for name, one in zip(names, ids))


def _labelled(items: Items, names: Sequence[str], classes: Sequence[str] | None) -> Labelled:
    found = sorted(set(names), key=lambda name: (natural(name), name))
    order = tuple(found if classes is None else classes)
    number = {name: label for label, name in enumerate(order)}
    if strange := [name for name in found if name not in number]:
        item = items[list(names).index(strange[0])].name
        raise Refusal(f"{unknown('class', strange[0], order)} {item!r} is said to show it, but the classes are given.")
    return Labelled(items, np.array([number[name] for name in names], np.int64), order)


def _folder(item: Item, above: int) -> str:
    parts = PurePosixPath(item.name).parts
    if len(parts) <= above:
        raise Refusal(
            f"{item.name!r} lies in no folder that could name its class: {'class/' + 'folder/' * (above - 1)}picture is expected."
        )
    return parts[-1 - above]


def _keys(name: str) -> Iterable[str]:
    """What a list may call a picture."""
    path = PurePosixPath(name)
    return name, path.with_suffix("").as_posix(), path.name, path.stem


def _once(pairs: Sequence[tuple[str, str]], path: Path) -> dict[str, str]:
    table: dict[str, str] = {}
    for name, label in pairs:
        if table.setdefault(name, label) != label:
            raise Refusal(f"{path} says two things of {shortened(name)!r}: {table[name]!r} and {label!r}.")
    return table


def _lines(path: Path) -> list[str]:
    """Of a text file (UTF-8)."""
    try:
        if path.stat().st_size > LONGEST:
            raise Refusal(f"{path} is no list of labels: it has {path.stat().st_size >> 20} MB.")
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise Refusal(f"The list of labels {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is no list of labels: it is not text in UTF-8.") from error
