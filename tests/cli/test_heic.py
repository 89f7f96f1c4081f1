"""Pictures as phones take them: read with all they say, made into JPEG; and a sentence where the library is not there."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.data.reading import read
from sfumato.use import photograph
from tests.data import icc
from tests.use.test_photograph import camera_exif

heif = pytest.importorskip("pillow_heif")


@pytest.fixture
def phone(portrait, tmp_path):
    """Turned, of Display P3."""
    heif.register_heif_opener()
    path = tmp_path / "in" / "IMG 1.HEIC"
    path.parent.mkdir()
    Image.fromarray(portrait[:48, :64]).save(path, "HEIF", quality=95, exif=camera_exif(6), icc_profile=icc.profile("Display P3"))
    return path


def test_it_is_read_upright_in_srgb_with_all_it_says(phone, portrait):
    stored = np.rot90(portrait[:48, :64], -1)
    wanted, found = icc.converted(stored, "Display P3", "sRGB"), read.read_levels(phone)
    assert read.read_size(phone) == (48, 64)
    assert np.abs(found - wanted).mean() < min(6, 0.8 * np.abs(found.astype(float) - stored).mean())
    found = photograph.read(phone)
    assert found.profile == icc.profile("Display P3") and found.notes.exif is not None and found.format == "HEIF"


def test_what_is_made_of_it_is_a_jpeg(phone, type_in, tmp_path):
    assert type_in("restore", phone)[0] == 0 and type_in("restore", phone.parent, "--out", tmp_path / "out")[0] == 0
    beside, inside = phone.with_name("IMG 1.HEIC-restored.jpg"), tmp_path / "out" / "IMG 1.HEIC.jpg"
    for path in (beside, inside):
        with Image.open(path) as made:
            assert (made.format, made.size, made.getexif()[0x010F]) == ("JPEG", (48, 64), "Maker")
            assert made.info["icc_profile"] == icc.profile("Display P3")
    code, _, said = type_in("restore", phone, "--out", tmp_path / "b.heic")
    assert code == 2 and "b.heic cannot be written. Take another kind, such as b.png, or a folder." in " ".join(said.split())


def test_one_beside_a_jpeg_of_its_name_falls_on_nothing(phone, portrait, type_in, tmp_path):
    Image.fromarray(portrait[:40, :40]).save(phone.with_name("IMG 1.JPG"))
    assert type_in("restore", phone.parent, "--out", tmp_path / "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["IMG 1.HEIC.jpg", "IMG 1.JPG"]


def test_one_of_several_pictures_is_refused(portrait, tmp_path):
    several = heif.from_pillow(Image.fromarray(portrait[:48, :64]))
    several.add_from_pillow(Image.fromarray(portrait[48:96, :64]))
    several.save(tmp_path / "burst.heic")
    with pytest.raises(Refusal, match="more than one picture"):
        photograph.read(tmp_path / "burst.heic")


def test_a_damaged_one_is_named(phone):
    raw = phone.read_bytes()
    for cut in (40, len(raw) // 2, len(raw) - 30):
        phone.write_bytes(raw[:cut])
        with pytest.raises(Refusal, match=r"IMG 1.HEIC"):
            read.read_levels(phone)


def test_without_the_library_it_says_what_to_install(phone, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(Refusal, match=r"pip install 'sfumato\[heic\]'"):
        read.read_levels(phone)


def test_without_the_library_one_in_a_folder_is_named_and_the_others_are_repaired(phone, portrait, type_in, tmp_path, monkeypatch):
    Image.fromarray(portrait[:40, :40]).save(phone.with_name("b.png"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    code, out, _ = type_in("restore", phone.parent, "--out", tmp_path / "out", "--json")
    told = json.loads(out)
    assert (code, told["done"], told["ignored"]) == (3, 1, 0) and "pip install 'sfumato[heic]'" in told["failed"][0]["reason"]
