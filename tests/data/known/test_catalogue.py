"""Known data sets: the published layouts, read from small made ones always, and from the real ones where SFUMATO_DATA names them."""

import gzip
import hashlib
import json
import os
import struct
import tarfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data.known import catalogue, cifar, examine
from sfumato.data.known.catalogue import SETS, open_any, open_scenes, open_set
from sfumato.data.known.idx import read_idx

DATA = os.environ.get("SFUMATO_DATA", "")
real = pytest.mark.skipif(not DATA or not Path(DATA, "SHA256SUMS").is_file(), reason="SFUMATO_DATA names no data")


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path_factory.mktemp("cache")))
    if "real" not in request.node.name:
        monkeypatch.delenv("SFUMATO_DATA", raising=False)
        monkeypatch.delenv("SFUMATO_UNPACKED", raising=False)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def picture(path: Path, level: int = 100, side: int = 8, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), level if mode == "L" else (level,) * 3).save(path)


def make_mnist(root: Path, called: str = "mnist") -> None:
    root = root / called
    root.mkdir(parents=True)
    for begins, count in (("train", 5), ("t10k", 3)):
        pixels = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
        (root / f"{begins}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (root / f"{begins}-labels-idx1-ubyte").write_bytes(idx(np.arange(count, dtype=np.uint8)[::-1]))


def make_cifar(root: Path) -> None:
    root = root / "cifar-10-batches-bin"
    root.mkdir(parents=True)
    for number, name in enumerate([*cifar.FILES["train"], *cifar.FILES["test"]]):
        record = bytes([number]) + bytes([number]) * 1024 + bytes([100]) * 1024 + bytes([200]) * 1024
        (root / name).write_bytes(record * 2)


def make_tiny(root: Path) -> None:
    root = root / "tiny-imagenet-200"
    ids = [f"n{number:02}" for number in range(22)][::-1]  # the order of the file is not that of the alphabet
    for number, one in enumerate(ids):
        for count in (10, 2):
            picture(root / "train" / one / "images" / f"{one}_{count}.JPEG", 10 * number, mode="L" if number % 2 else "RGB")
        picture(root / "val" / "images" / f"val_{number}.JPEG", 10 * number)
    (root / "wnids.txt").write_text("\n".join(ids))
    (root / "words.txt").write_text("\n".join(f"{one}\tthing {one[1:]}, other name" for one in ids[1:]))
    (root / "val" / "val_annotations.txt").write_text("\n".join(f"val_{number}.JPEG\t{one}\t0\t0\t5\t5" for number, one in enumerate(ids)))


def make_flowers(root: Path) -> None:
    for kind in ("daisy", "tulip", "rose"):
        for number in range(30):
            picture(root / "flowers-64" / kind / f"{number}.jpg")


def make_pets(root: Path) -> None:
    root = root / "oxford-iiit-pet"
    for name in ("Abyssinian_1", "Abyssinian_2", "great_pyrenees_7", "great_pyrenees_8"):
        picture(root / "images" / f"{name}.jpg")
    (root / "annotations").mkdir()
    (root / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\ngreat_pyrenees_7 2 2 1\n")
    (root / "annotations" / "test.txt").write_text("great_pyrenees_8 2 2 1\nAbyssinian_2 1 1 1\n")


def make_camvid(root: Path) -> None:
    root = root / "camvid-small"
    for part in ("train", "val", "test"):
        for number in (2, 10):
            picture(root / part / f"{number}.jpg")
            picture(root / f"{part}annot" / f"{number}.png", number % 12, mode="L")
    (root / "classes.txt").write_text("".join(f"{number}\tkind{number}\t0,0,{number}\n" for number in range(12)))


def make_photographs(root: Path, *names: str) -> None:
    for name in names:
        picture(root / name)


def make_bedrooms(root: Path) -> None:
    picture(root / "lsun-bedrooms" / "0" / "a" / "1.jpg")
    picture(root / "lsun-bedrooms" / "2.webp")


def make_imagenet(root: Path) -> None:
    root = root / "imagenet"
    pictures = root / "ILSVRC" / "Data" / "CLS-LOC"
    for one in ("n02", "n01"):
        picture(pictures / "train" / one / f"{one}_1.JPEG")
    for number in (1, 2):
        picture(pictures / "val" / f"val_{number}.JPEG")
        picture(pictures / "test" / f"test_{number}.JPEG")
    (root / "LOC_synset_mapping.txt").write_text("n02 crane, bird\nn01 crane, machine\n")
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\nval_1,n01 1 2 3 4 n01 5 6 7 8 \nval_2,n02 1 2 3 4\n")


MAKERS: dict[str, Callable[[Path], None]] = {
    "mnist": make_mnist,
    "fashion-mnist": lambda root: make_mnist(root, "fashion-mnist"),
    "cifar-10": make_cifar,
    "tiny-imagenet": make_tiny,
    "tiny-imagenet-20": make_tiny,
    "flowers-64": make_flowers,
    "pets": make_pets,
    "camvid": make_camvid,
    "lsun-bedrooms": make_bedrooms,
    "bsds": lambda root: make_photographs(root / "bsds", "train/1.jpg", "train/2.jpg", "valid/3.jpg"),
    "set5": lambda root: make_photographs(root / "set5", "baby.png", "butterfly.png"),
    "set14": lambda root: make_photographs(root / "set14", "baboon.png", "zebra.png"),
    "imagenet": make_imagenet,
}


def test_every_set_of_the_table_is_tried_here():
    assert set(MAKERS) == set(SETS)


@pytest.mark.parametrize("name", MAKERS)
def test_a_set_is_found_below_a_folder_and_each_picture_can_be_decoded(name, tmp_path):
    MAKERS[name](tmp_path)
    for part in SETS[name].parts:
        if (name, part) != ("tiny-imagenet", "test"):
            found = open_set(name, part=part, root=tmp_path)
            assert len(found) and all(found[index][0].dtype == np.uint8 for index in range(len(found)))


@pytest.mark.parametrize("name", MAKERS)
def test_a_set_may_be_named_by_its_own_folder_too(name, tmp_path):
    MAKERS[name](tmp_path)
    part = SETS[name].parts[0]
    assert len(open_set(name, part=part, root=tmp_path / SETS[name].folder)) == len(open_set(name, part=part, root=tmp_path))


@pytest.mark.parametrize("name", MAKERS)
def test_a_set_that_is_not_here_is_refused_with_how_to_get_it(name, tmp_path):
    with pytest.raises(Refusal) as refusal:
        open_set(name, part=SETS[name].parts[0])
    known = SETS[name]
    assert "SFUMATO_DATA" in str(refusal.value) and (f"sfumato data get {name}" if known.sources else known.by_hand) in str(refusal.value)


def test_an_unknown_set_gets_the_nearest_name():
    with pytest.raises(Refusal, match="Did you mean 'fashion-mnist'"):
        open_set("fasion-mnist", part="train")


def test_a_part_that_a_set_has_not_is_refused_with_those_it_has(tmp_path):
    with pytest.raises(Refusal, match=r"no part 'valid'\. There are: train, test\. Hold out a share of train"):
        open_set("mnist", part="valid", root=tmp_path)


@pytest.mark.parametrize("variable", ["SFUMATO_DATA", "SFUMATO_UNPACKED"])
def test_a_set_is_found_where_the_environment_says(variable, tmp_path, monkeypatch):
    make_flowers(tmp_path)
    monkeypatch.setenv(variable, str(tmp_path))
    assert len(open_set("flowers-64", part="train")) and catalogue.where("flowers-64") == tmp_path / "flowers-64"


@pytest.mark.parametrize(
    ("name", "archive", "inside"), [("tiny-imagenet", "tiny-imagenet-part.tar.xz", True), ("camvid", "camvid-small.tar", False)]
)
def test_an_archive_is_unpacked_once_whether_it_holds_a_folder_or_not(name, archive, inside, tmp_path, monkeypatch):
    MAKERS[name](tmp_path / "made")
    (tmp_path / "data").mkdir()
    with tarfile.open(tmp_path / "data" / archive, "w:xz" if archive.endswith("xz") else "w") as tar:
        folder = tmp_path / "made" / SETS[name].folder
        for path in [folder] if inside else sorted(folder.iterdir()):
            tar.add(path, path.relative_to(folder.parent if inside else folder))
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path / "data"))
    first = open_set(name, part="valid")
    monkeypatch.setattr(catalogue, "unpack", lambda *_: pytest.fail("it was unpacked again"))
    assert [item.path for item in open_set(name, part="valid").pictures] == [item.path for item in first.pictures]


def test_an_archive_that_several_ask_for_at_once_is_unpacked_for_all(tmp_path, monkeypatch):
    make_camvid(tmp_path / "made")
    with tarfile.open(tmp_path / "camvid-small.tar", "w") as tar:
        tar.add(tmp_path / "made" / "camvid-small", ".")
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: len(open_set("camvid", part=part)), ["train", "valid", "test"] * 4)) == [2] * 12


def test_mnist_pairs_pictures_with_labels_and_is_unpacked_once(tmp_path, monkeypatch):
    make_mnist(tmp_path)
    first = open_set("mnist", part="train", root=tmp_path)
    monkeypatch.setattr("sfumato.data.known.idx._chunks", lambda *_: pytest.fail("it was unpacked again"))
    again = open_set("mnist", part="train", root=tmp_path)
    assert again.pictures[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and again.labels.tolist() == [4, 3, 2, 1, 0]
    assert first.pictures.shape == (5, 4, 4, 1) and first.classes == tuple("0123456789")


def test_labels_of_another_length_do_not_belong_to_the_pictures(tmp_path):
    make_mnist(tmp_path)
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(6, np.uint8)))
    with pytest.raises(Refusal, match="5 pictures, but .* has 6 labels"):
        open_set("mnist", part="train", root=tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (idx(np.zeros((2, 3), np.uint8))[:-1], "but holds 5"),
        (idx(np.zeros((2, 3), np.uint8)) + b"x", "but holds more"),
        (b"\0\0\x0d\x01" + struct.pack(">I", 1) + bytes(4), "type 13"),
        (b"\0\0\x08\x09" + bytes(36), "9 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">3I", *[2**32 - 1] * 3), "more than the limit"),
        (b"\0\0\x08\x03" + bytes(5), "cut off within its head"),
        (b"PNG!", "no IDX file"),
        (b"", "no IDX file"),
    ],
)
def test_an_idx_file_that_lies_is_refused(data, why, zipped, tmp_path):
    path = tmp_path / "file-idx"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(Refusal, match=why):
        read_idx(path)


def test_a_gzip_that_was_cut_off_is_refused(tmp_path):
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx(np.arange(200, dtype=np.uint8)))[:-30])
    with pytest.raises(Refusal, match="damaged or was cut off"):
        read_idx(tmp_path / "file.gz")


def test_a_file_that_swells_is_read_no_further_than_it_promises(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(idx(np.zeros(10, np.uint8)) + bytes(64 << 20)))
    with pytest.raises(Refusal, match="promises 10 bytes .* but holds more"):
        read_idx(tmp_path / "bomb.gz")


def test_cifars_planes_become_colours_and_its_batches_come_in_order(tmp_path):
    make_cifar(tmp_path)
    found = open_set("cifar-10", part="train", root=tmp_path)
    assert found.pictures[:, 5, 7].tolist() == [[number, 100, 200] for number in range(5) for _ in range(2)]
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and found.classes[3] == "cat"
    assert open_set("cifar-10", part="test", root=tmp_path).labels.tolist() == [5, 5]


def test_a_cifar_file_of_no_whole_records_is_refused(tmp_path):
    (tmp_path / "batch.bin").write_bytes(bytes(5000))
    with pytest.raises(Refusal, match="5,000 bytes"):
        cifar.read_batch(tmp_path / "batch.bin")


def test_tiny_imagenets_classes_have_the_order_of_its_ids_and_the_first_of_their_names(tmp_path):
    make_tiny(tmp_path)
    found = open_set("tiny-imagenet", part="train", root=tmp_path)
    assert found.ids[:2] == ("n21", "n20") and found.classes[:2] == ("n21", "thing 20")  # n21 has no words
    assert found.labels.tolist() == [label for label in range(22) for _ in range(2)]
    assert found.name(0) == "train/n21/images/n21_2.JPEG" and found[2][0].shape == (8, 8, 3)  # grey is made colour


def test_tiny_imagenets_validation_has_the_labels_of_its_annotations(tmp_path):
    make_tiny(tmp_path)
    found = open_set("tiny-imagenet", part="valid", root=tmp_path)
    assert [int(found[index][0][0, 0, 0]) // 10 for index in range(22)] == found.labels.tolist() == list(range(22))


def test_the_small_tiny_imagenet_is_the_first_twenty_ids_of_both_parts(tmp_path):
    make_tiny(tmp_path)
    train, valid = (open_set("tiny-imagenet-20", part=part, root=tmp_path) for part in ("train", "valid"))
    assert train.ids == valid.ids and len(train.ids) == 20 and train.counts().tolist() == [2] * 20 and valid.counts().tolist() == [1] * 20


def test_annotations_that_do_not_match_the_pictures_are_refused(tmp_path):
    make_tiny(tmp_path)
    (tmp_path / "tiny-imagenet-200" / "val" / "images" / "val_3.JPEG").unlink()
    with pytest.raises(Refusal, match=r"1 label\(s\) match no picture"):
        open_set("tiny-imagenet", part="valid", root=tmp_path)


def test_a_class_of_tiny_imagenet_without_pictures_is_named(tmp_path):
    make_tiny(tmp_path)
    for path in (tmp_path / "tiny-imagenet-200" / "train" / "n07" / "images").iterdir():
        path.unlink()
    with pytest.raises(Refusal, match="The class 'n07' is empty"):
        open_set("tiny-imagenet", part="train", root=tmp_path)


def test_flowers_parts_share_no_picture_and_are_all_of_it(tmp_path):
    make_flowers(tmp_path)
    train, test = (open_set("flowers-64", part=part, root=tmp_path) for part in ("train", "test"))
    names = [found.name(index) for found in (train, test) for index in range(len(found))]
    assert len(names) == len(set(names)) == 90 and 5 <= len(test) <= 35 and train.classes == test.classes == ("daisy", "rose", "tulip")


def test_a_pets_breed_is_in_its_name(tmp_path):
    make_pets(tmp_path)
    train, test = (open_set("pets", part=part, root=tmp_path) for part in ("train", "test"))
    assert train.classes == ("Abyssinian", "great_pyrenees") and (train.labels.tolist(), test.labels.tolist()) == ([0, 1], [1, 0])


def test_camvids_frames_come_with_a_mask_each_in_the_same_order(tmp_path):
    make_camvid(tmp_path)
    frames, scenes = open_set("camvid", part="valid", root=tmp_path), open_scenes("camvid", part="valid", root=tmp_path)
    assert [frames.name(index) for index in range(2)] == ["val/2.jpg", "val/10.jpg"] and frames.labels.tolist() == [-1, -1]
    assert [item.name for item in scenes.pictures] == ["val/2.jpg", "val/10.jpg"]
    assert [int(scenes.map(index)[0, 0]) for index in range(2)] == [2, 10] and len(frames.classes) == 12


def test_a_set_without_masks_says_which_has_some(tmp_path):
    with pytest.raises(Refusal, match="no masks. There are: camvid"):
        open_scenes("mnist", part="train", root=tmp_path)


def test_imagenet_has_the_order_and_names_of_its_mapping_and_the_labels_of_its_solution(tmp_path):
    make_imagenet(tmp_path)
    train, valid, test = (open_set("imagenet", part=part, root=tmp_path) for part in ("train", "valid", "test"))
    assert train.ids == valid.ids == ("n02", "n01") and train.classes == ("crane (n02)", "crane (n01)") == test.classes
    assert (train.labels.tolist(), valid.labels.tolist(), test.labels.tolist()) == ([1, 0], [1, 0], [-1, -1])


def test_a_persons_own_folder_is_opened_by_its_parts(tmp_path):
    for name in ("train/cat/1.png", "train/dog/2.png", "val/dog/3.png", "test/4.png"):
        picture(tmp_path / "own" / name)
    train, valid, test = (open_any(str(tmp_path / "own"), part=part) for part in ("train", "valid", "test"))
    assert (train.labels.tolist(), valid.labels.tolist(), test.labels.tolist()) == ([0, 1], [1], [-1])
    assert train.classes == valid.classes == test.classes == ("cat", "dog")
    assert catalogue.parts_of(str(tmp_path / "own")) == ("train", "valid", "test")


def test_a_validation_folder_with_a_class_of_its_own_is_refused(tmp_path):
    for name in ("train/cat/1.png", "valid/elk/3.png"):
        picture(tmp_path / "own" / name)
    with pytest.raises(Refusal, match="no class called 'elk'"):
        open_any(str(tmp_path / "own"), part="valid")


def test_damaged_pictures_are_named_with_the_reason(tmp_path):
    make_bedrooms(tmp_path)
    (tmp_path / "lsun-bedrooms" / "2.webp").write_bytes(b"")
    [said] = examine.damaged(open_set("lsun-bedrooms", part="train", root=tmp_path))
    assert "2.webp is empty" in said


def test_a_file_with_another_sum_than_the_list_beside_it_is_refused(tmp_path, monkeypatch):
    make_mnist(tmp_path)
    path = tmp_path / "mnist" / "t10k-labels-idx1-ubyte"
    (tmp_path / "SHA256SUMS").write_text(f"{examine.sum_of(path, '0' * 64)}  mnist/{path.name}\n")
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    assert examine.check_sums("mnist") == 1
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Refusal, match="t10k-labels-idx1-ubyte is not what"):
        examine.check_sums("mnist")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  mnist/train-images.gz\n")
    with pytest.raises(Refusal, match=r"train-images.gz is missing, which .*SHA256SUMS lists"):
        examine.check_sums("mnist")


def test_a_test_set_with_another_a_missing_or_a_further_picture_is_refused_by_name(tmp_path, monkeypatch):
    pictures = {name: np.full((8, 9, 3), level, np.uint8) for level, name in enumerate(("baby.png", "butterfly.png"))}
    (tmp_path / "set5").mkdir()
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / "set5" / name)
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    sums = {name: hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest() for name, pixels in pictures.items()}
    (tmp_path / "published.json").write_text(json.dumps({"set5": sums}))
    monkeypatch.setattr(examine, "PUBLISHED", tmp_path / "published.json")
    assert (examine.check_published("set5"), examine.check_published("mnist")) == (2, 0)
    Image.fromarray(pictures["baby.png"]).save(tmp_path / "set5" / "baby.png", compress_level=0)
    assert examine.check_published("set5") == 2  # packed otherwise
    Image.fromarray(pictures["baby.png"] + 1).save(tmp_path / "set5" / "baby.png")
    with pytest.raises(Refusal, match=r"baby.png of set5 is not the published picture"):
        examine.check_published("set5")
    Image.fromarray(pictures["baby.png"]).save(tmp_path / "set5" / "baby.png")
    Image.fromarray(pictures["baby.png"]).save(tmp_path / "set5" / "other.png")
    with pytest.raises(Refusal, match=r"other.png does not belong to set5"):
        examine.check_published("set5")
    (tmp_path / "published.json").write_text(json.dumps({"set5": {**sums, "other.png": "", "woman.png": ""}}))
    (tmp_path / "set5" / "other.png").unlink()
    with pytest.raises(Refusal, match=r"(woman|other).png of set5 is missing"):
        examine.check_published("set5")


@real
@pytest.mark.parametrize(("name", "count"), [("set5", 5), ("set14", 14), ("bsds", 100)])
def test_the_real_test_sets_are_the_published_ones(name, count):
    assert examine.check_published(name) == count


@real
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_digits_and_clothes_are_all_there(name):
    train, test = open_set(name, part="train"), open_set(name, part="test")
    assert (train.pictures.shape, test.pictures.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1)) and examine.check_sums(name) == 4
    digits = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # LeCun, Cortes, Burges 1998
    assert train.counts().tolist() == (digits if name == "mnist" else [6000] * 10)


@real
def test_the_real_digits_have_the_mean_and_spread_that_everybody_uses():
    from sfumato.data.packed import statistics

    mean, spread = statistics(open_set("mnist", part="train").pictures)
    assert (round(mean[0], 4), round(spread[0], 4)) == (0.1307, 0.3081)


@real
def test_the_real_part_of_tiny_imagenet_is_what_its_notes_say():
    train, valid = (open_set("tiny-imagenet", part=part) for part in ("train", "valid"))
    assert Counter(train.counts()[:20].tolist()) == {500: 20} and Counter(train.counts()[20:].tolist()) == {50: 180}
    assert Counter(valid.counts()[:20].tolist()) == {50: 20} and Counter(valid.counts()[20:].tolist()) == {10: 180}
    few = open_set("tiny-imagenet-20", part="train")
    assert few.classes == train.classes[:20] and len(few) == 10_000 and few[0][0].shape == (64, 64, 3)


@real
def test_the_real_flowers_and_streets_are_all_there():
    flowers = [open_set("flowers-64", part=part) for part in ("train", "test")]
    assert sum(found.counts() for found in flowers).tolist() == [764, 1052, 780, 731, 980]
    assert [len(open_set("camvid", part=part)) for part in ("train", "valid", "test")] == [367, 101, 233]
