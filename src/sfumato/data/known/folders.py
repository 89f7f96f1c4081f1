"""Sets that are folders of picture files: folder/class/picture, pets, CamVid, bedrooms without labels, ImageNet as Kaggle ships it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

from sfumato.core.errors import Refusal, shortened
from sfumato.data import labelling
from sfumato.data.items import Item, Items, from_folder
from sfumato.data.labelled import Labelled
from sfumato.data.masks import Scenes, legend, with_legend
from sfumato.data.split import place

Part = Literal["train", "valid", "test"]
FOLDERS = {"train": ("train", "training"), "valid": ("valid", "val", "validation"), "test": ("test", "testing")}
SHARE = 0.2  # of a set that is published in one piece, held out as test by the hash of names


def open_folders(root: Path, part: str) -> Labelled:
    """Any folder/class/picture.  Where `root` holds a folder train, the parts are its folders; else all of it is for training.

    Validation and test have the classes of training; a test folder of bare pictures has no labels.
    """
    train = _part_of(root, "train")
    if train is None:
        if part != "train":
            raise Refusal(f"{root} holds no folder called train, so it has no part {part!r}: hold out a share of it instead.")
        return labelling.of_classes(root)
    learnt = labelling.of_classes(train)
    if part == "train":
        return learnt
    folder = _part_of(root, part)
    if folder is None:
        raise Refusal(f"{root} has no part {part!r}: a folder called {' or '.join(FOLDERS[part])} is expected.")
    items = from_folder(folder)
    if part == "test" and all("/" not in item.name for item in items):
        return labelling.unlabelled(items, learnt.classes)
    return labelling.of_classes(folder, learnt.classes)


def parts_of(root: Path) -> tuple[Part, ...]:
    """The parts that `open_folders` finds."""
    parts: tuple[Part, ...] = ("train", "valid", "test")
    return tuple(part for part in parts if _part_of(root, part) is not None) if _part_of(root, "train") else ("train",)


def _part_of(root: Path, part: str) -> Path | None:
    return next((root / name for name in FOLDERS[part] if (root / name).is_dir()), None)


def open_whole(root: Path, part: str) -> Labelled:
    """A folder/class/picture published in one piece: a fifth of it, by the hash of its names, is the part test."""
    everything = labelling.of_classes(root)
    return everything.filter(lambda index: (place(everything.name(index)) < SHARE) == (part == "test"))


def open_pets(root: Path, part: str) -> Labelled:
    """Oxford-IIIT pets (Parkhi et al. 2012): images/, annotations/trainval.txt and test.txt; the class is in the file's name."""
    path = root / "annotations" / ("trainval.txt" if part == "train" else "test.txt")
    names = [line.split()[0] for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]
    items = Items(tuple(Item(f"images/{name}.jpg", root / "images" / f"{name}.jpg") for name in names))
    missing = [item.name for item in items if item.path is not None and not item.path.is_file()]
    if missing or not items.items:
        raise Refusal(f"{path} names {len(missing)} picture(s) that are not there, such as {missing[0] if missing else 'any'!r}.")
    return labelling.by_pattern(items, r"(.+)_[0-9]+[.]jpg")


def open_camvid(root: Path, part: str) -> Labelled:
    """Frames of CamVid (Brostow et al. 2009) without labels, for each pixel has one: `camvid_scenes` has them."""
    everything = legend(root / "classes.txt").names
    return labelling.unlabelled(_frames(root, "val" if part == "valid" else part), everything)


def camvid_scenes(root: Path, part: Part) -> Scenes:
    """Frames and their masks, as SegNet has them: eleven classes and what is unlabelled."""
    name = "val" if part == "valid" else part
    frames = _frames(root, name)
    masks = [Item(f"{name}annot/{found}.png", root / f"{name}annot" / f"{found}.png") for found in (_stem(frame) for frame in frames)]
    missing = [mask.name for mask in masks if mask.path is not None and not mask.path.is_file()]
    if missing:
        raise Refusal(f"{len(missing)} frame(s) of {root} have no mask, such as {missing[0]!r}.")
    known = legend(root / "classes.txt", void=("unlabelled",))
    return Scenes(frames, with_legend(masks, known), known)


def _stem(item: Item) -> str:
    return PurePosixPath(item.name).stem


def _frames(root: Path, name: str) -> Items:
    return Items(tuple(Item(f"{name}/{item.name}", item.path) for item in from_folder(root / name)))


def open_photographs(root: Path, part: str) -> Labelled:
    """Photographs without labels, in a folder for each part, or all of them the part test."""
    return labelling.unlabelled(from_folder(_part_of(root, part) or root))


def open_unlabelled(root: Path, part: str) -> Labelled:
    """Any folder of pictures, at any depth, as a subset of LSUN bedrooms (Yu et al. 2015) is: nobody says what they show."""
    return labelling.unlabelled(from_folder(root))


def open_imagenet(root: Path, part: str) -> Labelled:
    """ImageNet (Russakovsky et al. 2015) as Kaggle ships it: the ids and names of LOC_synset_mapping.txt, in its order.

    train : folders named by their id.  valid : labels from LOC_val_solution.csv.  test : without labels.
    """
    ids, names = _synsets(root / "LOC_synset_mapping.txt")
    classes = labelling.distinct(names, ids)
    pictures = root / "ILSVRC" / "Data" / "CLS-LOC" / {"train": "train", "valid": "val", "test": "test"}[part]
    if part == "test":
        return labelling.unlabelled(from_folder(pictures), classes)
    if part == "train":
        found = labelling.of_classes(pictures, ids)
    else:
        table = root / "LOC_val_solution.csv"
        boxes = labelling.read_csv(table, name="ImageId", label="PredictionString")
        firsts = {name: box.split()[0] if box.split() else "" for name, box in boxes.items()}  # an id, then the corners of its box
        found = labelling.by_dict(from_folder(pictures), firsts, ids, where=str(table))
    return Labelled(found.pictures, found.labels, classes, ids)


def _synsets(path: Path) -> tuple[tuple[str, ...], list[str]]:
    """`n01440764 tench, Tinca tinca`: ids, and what people call them, up to the comma."""
    rows = [line.split(maxsplit=1) for line in _text(path).splitlines() if line.strip()]
    short = next((row for row in rows if len(row) < 2), None)
    if short is not None or not rows:
        raise Refusal(
            f"{path} should hold an id and its names in each line, but holds {repr(shortened(short[0])) if short else 'nothing'}."
        )
    return tuple(row[0] for row in rows), [row[1].partition(",")[0].strip() for row in rows]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path} cannot be read: {error}.") from error
