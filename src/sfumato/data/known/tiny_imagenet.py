"""Tiny ImageNet (Le, Yang; Stanford CS231n 2015) in the layout of tiny-imagenet-200.zip."""

from __future__ import annotations

from pathlib import Path

from sfumato.core.errors import Refusal
from sfumato.data import labelling
from sfumato.data.items import Item, Items, from_folder
from sfumato.data.labelled import Labelled
from sfumato.data.reading.find import PICTURE_SUFFIXES, natural


def open_tiny(folder: Path, part: str, most: int | None = None) -> Labelled:
    """One part: train, valid (labels from val_annotations.txt), or test (without labels, where it is there).

    The classes are the ids of wnids.txt in their order, the first `most` of them; their names are those of words.txt, up to the comma.
    """
    ids = read_ids(folder)[:most]
    classes = labelling.distinct(read_names(folder / "words.txt", ids), ids)
    if part == "test":
        pictures = folder / "test" / "images"
        if not pictures.is_dir():
            raise Refusal(f"{folder} has no test part (it is not published with labels anyway). Use valid.")
        return labelling.unlabelled(_beside(folder, from_folder(pictures)), classes)
    found = _train(folder, ids) if part == "train" else _valid(folder, ids)
    return Labelled(found.pictures, found.labels, classes, ids)


def _train(folder: Path, ids: tuple[str, ...]) -> Labelled:
    """train/<id>/images/<id>_<number>.JPEG, class by class."""
    return labelling.by_grandparent(Items(tuple(item for one in ids for item in _of_class(folder, folder / "train" / one / "images"))), ids)


def _of_class(root: Path, folder: Path) -> list[Item]:
    if not folder.is_dir():
        raise Refusal(f"The class {folder.parent.name!r} of wnids.txt has no folder {folder}.")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")]
    if not paths:
        raise Refusal(f"The class {folder.parent.name!r} is empty: {folder} holds no picture.")
    names = sorted((path.relative_to(root).as_posix() for path in paths), key=lambda name: (natural(name), name))
    return [Item(name, root / name) for name in names]


def _valid(folder: Path, ids: tuple[str, ...]) -> Labelled:
    """val/images/<name>, of the classes asked for."""
    annotations = folder / "val" / "val_annotations.txt"
    items = _beside(folder, from_folder(folder / "val" / "images"))
    labels = labelling.read_list(annotations)
    everything = labelling.by_dict(items, labels, read_ids(folder), where=str(annotations))
    return everything if len(ids) == len(everything.classes) else everything.only(ids)


def _beside(root: Path, items: Items) -> Items:
    """The same files, named from the root of the set: so are those of the other parts."""
    return Items(tuple(Item(item.path.relative_to(root).as_posix(), item.path) for item in items if item.path is not None))


def read_ids(folder: Path) -> tuple[str, ...]:
    """The ids of wnids.txt, in the order that numbers the classes."""
    path = folder / "wnids.txt"
    try:
        ids = tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The ids of the classes cannot be read from {path}: {error}.") from error
    if not ids or len(set(ids)) != len(ids):
        raise Refusal(f"{path} names no class, or one of them twice.")
    return ids


def read_names(path: Path, ids: tuple[str, ...]) -> list[str]:
    """What people call each id: of a file `id, tab, names` the first name, up to the comma; where it has none, the id."""
    words = labelling.read_list(path) if path.is_file() else {}
    return [words.get(one, one).partition(",")[0].strip() or one for one in ids]
