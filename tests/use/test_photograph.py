"""Photographs go out as they came in: depth, transparency, profile, metadata, name and size."""

import io
import re
import struct
import tracemalloc
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from sfumato.core.errors import Refusal
from sfumato.data.reading import profiles
from sfumato.use import encode, photograph
from sfumato.use.metadata import Notes
from sfumato.use.photograph import Photograph
from tests.data import icc

TOP, TOP16 = 255, 65535
LOSSLESS = (".png", ".tif", ".tiff")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'


@pytest.fixture
def small(portrait):
    """uint8 (40, 57, 3)"""
    return np.ascontiguousarray(portrait[30:70, 40:97])


def around(path, target=None):
    """Read and written again, as a network that changes nothing would."""
    target = target or path.with_name("out" + path.suffix)
    photograph.write(photograph.read(path), target)
    return target


def camera_exif(orientation=6):
    """As a phone writes it: make, orientation, size, a place, a maker's own notes and a thumbnail."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    own = exif.get_ifd(0x8769)
    own[0x829A], own[0xA002], own[0xA003], own[0x927C] = 0.008, 57, 40, b"maker's own notes"
    exif.get_ifd(0x8825)[1] = "N"
    bare = exif.tobytes()
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12), (200, 0, 0)).save(thumbnail, "JPEG")
    return with_thumbnail(bare, thumbnail.getvalue())


def with_thumbnail(exif, thumbnail):
    """EXIF with a second directory that holds a small picture: Pillow writes none."""
    data = bytearray(exif.removeprefix(b"Exif\0\0"))
    order = "little" if data[:2] == b"II" else "big"
    first = int.from_bytes(data[4:8], order)
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], order)
    second = len(data)
    data[link : link + 4] = second.to_bytes(4, order)
    data += (2).to_bytes(2, order)
    for tag, value in ((0x0201, second + 30), (0x0202, len(thumbnail))):
        data += tag.to_bytes(2, order) + (4).to_bytes(2, order) + (1).to_bytes(4, order) + value.to_bytes(4, order)
    return b"Exif\0\0" + bytes(data) + bytes(4) + thumbnail


PICTURES = {  # (H, W) or (H, W, C) from a colour picture of 8 bits and a generator
    "colour": lambda picture, rng: picture,
    "grey": lambda picture, rng: picture[..., 1],
    "colour, transparent": lambda picture, rng: np.dstack([picture, rng.integers(1, TOP + 1, picture.shape[:2])]).astype(np.uint8),
    "colour, evenly transparent": lambda picture, rng: np.dstack([picture, np.full(picture.shape[:2], 77)]).astype(np.uint8),
    "grey, transparent": lambda picture, rng: np.dstack([picture[..., :1], rng.integers(1, TOP + 1, picture.shape[:2])]).astype(np.uint8),
}


HOLDS = {suffix: tuple(PICTURES) for suffix in LOSSLESS} | {".bmp": ("colour", "grey"), ".ppm": ("colour",), ".pgm": ("grey",)}


@pytest.mark.parametrize(("suffix", "kind"), [(suffix, kind) for suffix, kinds in HOLDS.items() for kind in kinds])
def test_eight_bits_come_back_exactly(tmp_path, small, rng, kind, suffix):
    picture = PICTURES[kind](small, rng)
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", compression="tiff_lzw")
    out = Image.open(around(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(np.asarray(out), picture)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("shape", [(9, 14), (9, 14, 3), (9, 14, 4)])
def test_sixteen_bits_come_back_exactly(tmp_path, rng, suffix, shape):
    deep = rng.integers(1, TOP16 + 1, shape).astype(np.uint16)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(cv2.imencode(suffix, deep)[1].tobytes())
    np.testing.assert_array_equal(cv2.imread(str(around(path)), cv2.IMREAD_UNCHANGED), deep)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_dark_picture_of_sixteen_bits_keeps_every_level(tmp_path, suffix):
    dark = np.arange(200, dtype=np.uint16).reshape(10, 20)
    path = tmp_path / f"dark{suffix}"
    path.write_bytes(cv2.imencode(suffix, dark)[1].tobytes())
    assert photograph.read(path).pixels.dtype == np.uint16
    np.testing.assert_array_equal(cv2.imread(str(around(path)), cv2.IMREAD_UNCHANGED), dark)


@pytest.mark.parametrize("white", [1023, 4095, TOP16])
@pytest.mark.parametrize("kind", ["P6", "P5", "P3"])
def test_a_ppm_of_more_than_eight_bits_becomes_a_png_of_sixteen_by_its_own_white(tmp_path, rng, kind, white):
    stored = rng.integers(0, white + 1, (9, 14) if kind == "P5" else (9, 14, 3))
    numbers = " ".join(map(str, stored.ravel())).encode() if kind == "P3" else stored.astype(">u2").tobytes()
    (tmp_path / "a.ppm").write_bytes(f"{kind}\n# by hand\n14 9\n{white}\n".encode() + numbers)
    made = cv2.imread(str(around(tmp_path / "a.ppm", tmp_path / "out.png")), cv2.IMREAD_UNCHANGED)
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(made if kind == "P5" else made[..., ::-1], np.floor(stored * TOP16 / white + 0.5))


def test_four_inks_of_sixteen_bits_are_told_of_once(tmp_path, rng, capsys):
    inks = rng.integers(0, TOP16 + 1, (9, 14, 4)).astype(np.uint16)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, inks, photometric="separated")
        assert photograph.read(tmp_path / name).pixels.dtype == np.uint8
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("inks of 16 bits are read as 8") == 1 and "a.tif: its four inks" in said


def test_grey_of_sixteen_bits_with_transparency_stays_grey(tmp_path, rng):
    deep = rng.integers(1, TOP16 + 1, (9, 14, 2)).astype(np.uint16)
    photo = Photograph(pixels=deep[..., :1], alpha=deep[..., 1])
    photograph.write(photo, tmp_path / "a.png")
    again = photograph.read(tmp_path / "a.png")
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    np.testing.assert_array_equal(again.alpha, photo.alpha)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_another_program_reads_our_tiff(tmp_path, rng, bits, channels):
    levels = rng.integers(1, 2**bits, (9, 14, channels)).astype(np.uint8 if bits == 8 else np.uint16)
    alpha = levels[..., 3] if channels == 4 else None
    photograph.write(Photograph(pixels=levels[..., :3], alpha=alpha), tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), levels.squeeze())


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_palette_with_transparency_comes_back_as_what_it_shows(tmp_path, small, suffix):
    picture = np.dstack([small, np.full(small.shape[:2], TOP, np.uint8)])
    picture[5:9, 5:20, 3] = 0
    few = Image.fromarray(picture).quantize(64)
    few.save(tmp_path / "a.png")
    out = np.asarray(Image.open(around(tmp_path / "a.png", tmp_path / f"out{suffix}")))
    shown = np.asarray(few.convert("RGBA"))
    np.testing.assert_array_equal(out[..., 3], shown[..., 3])
    np.testing.assert_array_equal(out[shown[..., 3] > 0], shown[shown[..., 3] > 0])


@pytest.mark.parametrize("hidden", [(TOP, 0, 0), (0, 0, TOP)])
def test_hidden_colours_do_not_reach_the_network(tmp_path, small, hidden):
    picture = np.dstack([small, np.full(small.shape[:2], TOP, np.uint8)])
    picture[10:20, 10:20] = (*hidden, 0)
    Image.fromarray(picture).save(tmp_path / "a.png")
    picture[10:20, 10:20] = 0
    Image.fromarray(picture).save(tmp_path / "b.png")
    np.testing.assert_array_equal(photograph.read(tmp_path / "a.png").pixels, photograph.read(tmp_path / "b.png").pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_formats_that_lose_lose_little_at_the_default_quality(tmp_path, small, suffix):
    photograph.write(Photograph(pixels=small), tmp_path / f"a{suffix}")
    assert np.abs(np.asarray(Image.open(tmp_path / f"a{suffix}")).astype(int) - small).mean() < 4


def test_jpeg_keeps_colours_at_full_resolution(tmp_path, small):
    photograph.write(Photograph(pixels=small), tmp_path / "a.jpg")
    assert [layer[1:3] for layer in Image.open(tmp_path / "a.jpg").layer] == [(1, 1)] * 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_turned_photograph_comes_back_upright_and_says_so(tmp_path, small, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    Image.fromarray(small).save(path, exif=exif, **({} if suffix in LOSSLESS else {"quality": 95}))
    upright = ImageOps.exif_transpose(Image.open(path))
    out = Image.open(around(path))
    assert out.getexif().get(0x0112, 1) == 1 and out.size == upright.size
    assert np.abs(np.asarray(out.convert("RGB")).astype(int) - np.asarray(upright.convert("RGB"))).mean() < 4


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp"])
def test_exif_is_kept_but_for_orientation_and_thumbnail(tmp_path, small, source, target):
    Image.fromarray(small).save(tmp_path / f"a{source}", exif=camera_exif())
    assert Image.open(tmp_path / f"a{source}").getexif().get_ifd(ExifTags.IFD.IFD1)  # the thumbnail was there
    found = Image.open(around(tmp_path / f"a{source}", tmp_path / f"out{target}")).getexif()
    own = found.get_ifd(0x8769)
    assert (found[0x010F], found.get(0x0112, 1), found.get_ifd(0x8825)[1]) == ("Maker", 1, "N")
    assert (float(own[0x829A]), own[0x927C]) == (pytest.approx(0.008), b"maker's own notes")
    assert not found.get_ifd(ExifTags.IFD.IFD1)


def test_no_byte_of_the_old_thumbnail_is_left(tmp_path, small):
    Image.fromarray(small).save(tmp_path / "a.jpg", exif=camera_exif())
    thumbnail = camera_exif()[-200:]
    assert thumbnail in (tmp_path / "a.jpg").read_bytes() and thumbnail not in around(tmp_path / "a.jpg").read_bytes()


def test_a_makers_own_notes_stay_where_they_are(tmp_path, small):
    Image.fromarray(small).save(tmp_path / "a.jpg", exif=camera_exif())
    before, after = (Image.open(path).info["exif"] for path in (tmp_path / "a.jpg", around(tmp_path / "a.jpg")))
    assert after.index(b"maker's own notes") == before.index(b"maker's own notes")


def test_exif_states_the_size_of_an_enlarged_picture(tmp_path, small):
    Image.fromarray(small).save(tmp_path / "a.jpg", exif=camera_exif(orientation=1))
    photo = photograph.read(tmp_path / "a.jpg")
    photograph.write(replace(photo, pixels=photo.pixels.repeat(2, axis=0).repeat(2, axis=1)), tmp_path / "out.jpg")
    own = Image.open(tmp_path / "out.jpg").getexif().get_ifd(0x8769)
    assert (own[0xA002], own[0xA003]) == (114, 80)


BROKEN = [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0MM\0\xaa\0\0\0\x08\0\0", b"nonsense"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("raw", [*BROKEN, camera_exif(1)[:70], camera_exif(1)[:-300]])
def test_damaged_exif_does_no_harm(tmp_path, small, raw, suffix):
    Image.fromarray(small).save(tmp_path / "a.webp", exif=raw, lossless=True)
    assert Image.open(around(tmp_path / "a.webp", tmp_path / f"out{suffix}")).size == (57, 40)


NAME = "José Müller".encode("latin-1")


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("name", [NAME, "José Müller".encode()], ids=["Latin-1", "UTF-8"])
def test_names_in_a_tiff_keep_every_letter(tmp_path, small, target, name):
    tifffile.imwrite(tmp_path / "a.tif", small, photometric="rgb", extratags=[(0x013B, 2, 0, name, True)])
    found = Image.open(around(tmp_path / "a.tif", tmp_path / f"out{target}")).getexif()
    assert found[0x013B].encode("latin-1") == name  # as Pillow reads whatever it finds there


def test_names_in_exif_keep_every_letter_into_a_tiff_and_out_of_it(tmp_path, small):
    """Of the artist and, in Exif's own directory, of the owner."""
    exif, stands_for = Image.Exif(), "Jos? M?ller"
    exif[0x013B], exif.get_ifd(0x8769)[0xA430] = stands_for, stands_for
    path = tmp_path / "a.jpg"
    Image.fromarray(small).save(path, exif=exif.tobytes().replace(stands_for.encode(), NAME))
    for name in ("b.tif", "c.tif", "d.jpg"):
        path = around(path, tmp_path / name)
        found = Image.open(path).getexif()
        assert (found[0x013B], found.get_ifd(0x8769)[0xA430]) == ("José Müller", "José Müller")


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
def test_notes_of_a_tiff_of_64_bits_can_be_read_elsewhere(tmp_path, small, target):
    """Its addresses have as many (BigTIFF), and those of EXIF 32."""
    tifffile.imwrite(tmp_path / "a.tif", small, photometric="rgb", bigtiff=True, extratags=[(0x013B, 2, 0, "by hand", True)])
    assert Image.open(around(tmp_path / "a.tif", tmp_path / f"out{target}")).getexif()[0x013B] == "by hand"


GEO = {  # code: type, values
    33550: (12, (0.5, 0.5, 0.0)),
    33922: (12, (0.0, 0.0, 0.0, 500_000.0, 5_400_000.0, 0.0)),
    34735: (3, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 25833)),
    34736: (12, (6378137.0, 298.257222101)),
    34737: (2, "ETRS89 / UTM zone 33N|"),
}


def with_map(path, pixels, **options):
    tags = [(code, kind, len(values), values, True) for code, (kind, values) in GEO.items()]
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=tags, **options)
    return path


@pytest.mark.parametrize("big", [False, True])
def test_a_map_goes_along_from_tiff_to_tiff(tmp_path, small, big):
    found = Image.open(around(with_map(tmp_path / "a.tif", small, bigtiff=big))).tag_v2
    assert {code: (found.tagtype[code], found[code]) for code in GEO if code in found} == GEO


def test_a_map_of_pixels_that_are_others_now_is_left_out_and_told_of_once(tmp_path, small, capsys):
    photo = photograph.read(with_map(tmp_path / "a.tif", small))
    for name in ("b.tif", "c.tif"):
        photograph.write(replace(photo, pixels=photo.pixels.repeat(2, axis=0).repeat(2, axis=1)), tmp_path / name)
        assert not set(GEO) & set(Image.open(tmp_path / name).tag_v2)
    assert told(capsys).count("GeoTIFF is left out") == 1


@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".bmp"])
def test_a_map_is_told_of_where_a_format_has_no_place_for_it(tmp_path, small, capsys, target):
    around(with_map(tmp_path / "a.tif", small), tmp_path / f"out{target}")
    assert "GeoTIFF cannot be kept in" in told(capsys)


def test_a_map_says_where_so_it_goes_with_what_is_stripped(tmp_path, small, capsys):
    photograph.write(photograph.read(with_map(tmp_path / "a.tif", small)), tmp_path / "b.tif", strip=True)
    assert not set(GEO) & set(Image.open(tmp_path / "b.tif").tag_v2) and told(capsys) == ""


def with_xmp(path, pixels, packet):
    """As each format has a place for it."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    options = {".png": {"pnginfo": info}, ".tif": {"tiffinfo": {700: packet}}}.get(path.suffix, {"xmp": packet})
    Image.fromarray(pixels).save(path, **options)


def told(capsys):
    """What was said, without where its lines end."""
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
def test_xmp_is_kept_but_for_its_orientation(tmp_path, small, source, target):
    with_xmp(tmp_path / f"a{source}", small, XMP)
    found = Image.open(around(tmp_path / f"a{source}", tmp_path / f"out{target}")).info["xmp"]
    words = (found if isinstance(found, bytes) else found.encode()).split()
    before = XMP.split()
    assert set(words) - set(before) <= {b'tiff:Orientation="1"'} and set(before) - set(words) == {b'tiff:Orientation="6"'}


LONG = XMP.replace(b"<rdf:RDF>", b"<rdf:RDF><!--" + b"x" * 70_000 + b"-->").replace(b'"6"', b'"1"')


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp", ".bmp", ".ppm"])
@pytest.mark.parametrize("source", [".png", ".tif", ".webp"])
def test_xmp_for_which_a_format_has_no_room_is_told_of_and_kept_elsewhere(tmp_path, small, capsys, source, target):
    with_xmp(tmp_path / f"a{source}", small, LONG)
    kept = photograph.read(around(tmp_path / f"a{source}", tmp_path / f"out{target}")).notes.xmp
    assert kept == (LONG if target in (".png", ".tif", ".webp") else None)
    assert ("XMP cannot be kept in" in told(capsys)) is (kept is None)


@pytest.mark.parametrize("prefix", [b"xmp", b"xap"])
def test_the_small_picture_in_xmp_goes(tmp_path, small, prefix):
    one = b'<rdf:Alt>\n<rdf:li xmpGImg:width="16" xmpGImg:format="JPEG"><xmpGImg:image>/9j/4AAQ</xmpGImg:image></rdf:li></rdf:Alt>'
    old = b"<" + prefix + b":Thumbnails>\n" + one + b"</" + prefix + b":Thumbnails>"
    packet = XMP.replace(b"</rdf:RDF>", b"<rdf:Description>" + old + b"<xmp:Label>mill</xmp:Label></rdf:Description></rdf:RDF>")
    with_xmp(tmp_path / "a.webp", small, packet)
    assert photograph.read(tmp_path / "a.webp").notes.xmp == packet.replace(old, b"").replace(b'Orientation="6"', b'Orientation="1"')


CAPTION = b"\x1c\x02\x78\x00\x0bThe old mill" + b"\x1c\x02\x19\x00\x04mill"  # caption and keyword


def test_webp_of_quality_100_is_without_loss(tmp_path, small):
    photograph.write(Photograph(pixels=small), tmp_path / "a.webp", quality=100)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.webp")), small)


def test_captions_of_a_jpeg_with_a_small_copy_behind_it_are_kept(tmp_path, small):
    """As telephones write them."""
    Image.fromarray(small).save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.fromarray(small[::2, ::2])])
    raw = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(raw[:2] + encode.photoshop(CAPTION) + raw[2:])
    assert Image.open(tmp_path / "a.jpg").format == "MPO"
    assert photograph.read(around(tmp_path / "a.jpg", tmp_path / "out.tif")).notes.iptc == CAPTION


def with_iptc(path, pixels):
    """As press agencies write it: in a JPEG beside a resource of Photoshop's that is no text, in a TIFF as a tag."""
    if path.suffix == ".jpg":
        other = b"8BIM" + (0x040C).to_bytes(2, "big") + bytes(2) + (5).to_bytes(4, "big") + b"small" + bytes(1)
        length = len(CAPTION)
        caption = b"8BIM" + (0x0404).to_bytes(2, "big") + bytes(2) + length.to_bytes(4, "big") + CAPTION + bytes(length % 2)
        segment = b"Photoshop 3.0\0" + other + caption
        Image.fromarray(pixels).save(path, extra=b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment)
    else:
        tifffile.imwrite(path, pixels, extratags=[(33723, 7, len(CAPTION), CAPTION, True)])


@pytest.mark.parametrize("target", [".jpg", ".tif"])
@pytest.mark.parametrize("source", [".jpg", ".tif"])
def test_captions_and_keywords_of_the_press_are_kept(tmp_path, small, source, target):
    with_iptc(tmp_path / f"a{source}", small)
    out = around(tmp_path / f"a{source}", tmp_path / f"out{target}")
    found = Image.open(out)
    kept = found.info["photoshop"][0x0404] if target == ".jpg" else found.tag_v2[33723]
    assert kept == CAPTION and (target != ".jpg" or 0x040C not in found.info["photoshop"])  # a small picture of what is no longer so
    photograph.write(photograph.read(out), tmp_path / f"bare{target}", strip=True)
    assert photograph.read(tmp_path / f"bare{target}").notes.iptc is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_captions_of_the_press_that_a_tiff_calls_numbers_are_kept(tmp_path, small, order):
    """As Photoshop and ExifTool write them: whole numbers of 32 bits, of which the bytes are meant as they lie."""
    padded = CAPTION + bytes(-len(CAPTION) % 4)
    tags = [(33723, 4, len(padded) // 4, padded, True)]
    tifffile.imwrite(tmp_path / "a.tif", small, photometric="rgb", byteorder=order, extratags=tags)
    assert photograph.read(around(tmp_path / "a.tif", tmp_path / "out.jpg")).notes.iptc == padded


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp", ".bmp", ".ppm"])
@pytest.mark.parametrize("source", [".jpg", ".tif"])
def test_captions_of_the_press_are_kept_or_told_of(tmp_path, small, capsys, source, target):
    with_iptc(tmp_path / f"a{source}", small)
    kept = photograph.read(around(tmp_path / f"a{source}", tmp_path / f"out{target}")).notes.iptc
    assert kept == (CAPTION if target in (".jpg", ".tif") else None)
    assert ("IPTC cannot be kept in" in told(capsys)) is (kept is None)


def test_notes_that_a_format_cannot_hold_are_told_of_once_for_each_reason(tmp_path, small, capsys):
    exif, text = camera_exif(1) + bytes(70_000), (("Title", "A face"),)
    photo = Photograph(pixels=small, notes=Notes(exif=exif, xmp=LONG, iptc=CAPTION, text=text))
    for name in ("a.jpg", "b.jpg", "a.webp", "b.webp"):
        photograph.write(photo, tmp_path / name)
    found = re.findall(r"(\w+) cannot be kept in (\w+)", told(capsys))
    assert sorted(found) == [("EXIF", "JPEG"), ("IPTC", "WEBP"), ("XMP", "JPEG"), ("text", "WEBP")]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_who_asks_for_it_gets_a_file_that_tells_nothing_and_no_word_of_what_it_lacks(tmp_path, small, capsys, suffix):
    notes = Notes(exif=camera_exif(1), xmp=XMP, iptc=CAPTION, text=(("Title", "A face"),))
    made = {}
    for strip in (False, True):
        photograph.write(Photograph(pixels=small, notes=notes), tmp_path / f"a{suffix}", strip=strip)
        made[strip] = (tmp_path / f"a{suffix}").read_bytes(), told(capsys)
    words = (b"Maker", b"Rating", b"The old mill", b"A face")
    (kept, said), (bare, nothing) = made[False], made[True]
    assert sum(word in kept for word in words) >= 2 and "cannot be kept" in said
    assert not any(word in bare for word in words) and nothing == ""
    found = photograph.read(tmp_path / f"a{suffix}").notes
    assert (found.exif, found.xmp, found.iptc, found.text) == (None, None, None, ())


def test_a_caption_that_a_jpeg_has_no_room_for_is_left_out(tmp_path, small):
    photograph.write(Photograph(pixels=small, notes=Notes(iptc=bytes(70_000))), tmp_path / "a.jpg")
    assert "photoshop" not in Image.open(tmp_path / "a.jpg").info


def test_who_keeps_a_profiles_own_numbers_is_told_once(tmp_path, small, capsys):
    """Of profiles by tables: where sRGB has the colours, those of curves are computed in floats."""
    tables, wide, plain = icc.scanner(), icc.profile("Display P3"), icc.profile("sRGB")
    small = 80 + small // 4  # few colours
    for name, profile in (("c", plain), ("d", wide), ("a", tables), ("b", tables)):
        photograph.write(Photograph(pixels=small.astype(np.uint16) * 257, profile=profile, space="own"), tmp_path / f"{name}.png")
        assert photograph.read(tmp_path / f"{name}.png").space == "own"
    said = capsys.readouterr().err
    assert said.count("own numbers") == 1 and "a.png: its 16 bits" in said.replace("\n", "")


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(photograph, "_told", set())


def test_text_of_a_png_is_kept(tmp_path, small):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A face")
    info.add_itxt("Beschreibung", "Gesicht, 顔", lang="de")
    Image.fromarray(small).save(tmp_path / "a.png", pnginfo=info)
    assert Image.open(around(tmp_path / "a.png")).text == {"Title": "A face", "Beschreibung": "Gesicht, 顔"}


def test_a_text_of_a_png_that_is_called_comment_stays_one_of_several(tmp_path, small):
    info = PngImagePlugin.PngInfo()
    text = {"Title": "A face", "comment": "by hand", "Copyright": "nobody"}
    for key, words in text.items():
        info.add_text(key, words)
    Image.fromarray(small).save(tmp_path / "a.png", pnginfo=info)
    assert Image.open(around(tmp_path / "a.png")).text == text


def test_words_that_a_jpeg_has_no_room_for_are_left_out(tmp_path, small):
    photo = Photograph(pixels=small, notes=Notes(text=(("workflow", "x" * 70_000),)))
    photograph.write(photo, tmp_path / "a.jpg")
    assert "comment" not in Image.open(tmp_path / "a.jpg").info


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_a_profile_of_grey_goes_where_colour_was_given(tmp_path, small, suffix):
    grey = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey[16:20] = b"GRAY"  # all that is looked at
    photo = Photograph(pixels=small, profile=bytes(grey), space="own")
    photograph.write(photo, tmp_path / f"a{suffix}")
    assert "icc_profile" not in Image.open(tmp_path / f"a{suffix}").info
    photograph.write(replace(photo, pixels=small[..., :1]), tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").info["icc_profile"] == bytes(grey)


def test_a_jpegs_comment_is_kept(tmp_path, small):
    Image.fromarray(small).save(tmp_path / "a.jpg", comment=b"by hand")
    assert Image.open(around(tmp_path / "a.jpg")).info["comment"] == b"by hand"


@pytest.mark.parametrize("comment", ["Großmutter".encode(), "Großmutter".encode("latin-1")], ids=["UTF-8", "Latin-1"])
def test_a_jpegs_comment_keeps_every_letter(tmp_path, small, comment):
    Image.fromarray(small).save(tmp_path / "a.jpg", comment=comment)
    assert Image.open(around(tmp_path / "a.jpg")).info["comment"] == "Großmutter".encode()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_the_resolution_is_kept(tmp_path, small, suffix):
    Image.fromarray(small).save(tmp_path / f"a{suffix}", dpi=(300, 150))
    assert Image.open(around(tmp_path / f"a{suffix}")).info["dpi"] == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif"])
def test_a_resolution_of_which_nothing_is_said_is_not_made_up(tmp_path, small, target):
    Image.fromarray(small).save(tmp_path / "a.tif")
    out = around(tmp_path / "a.tif", tmp_path / f"out{target}")
    assert photograph.read(out).notes.dpi is None
    assert target != ".tif" or 282 not in Image.open(out).tag_v2


@pytest.mark.parametrize(
    ("target", "mode"),
    [(target, mode) for target in (".jpg", ".png", ".tif", ".webp") for mode in ("RGB", "L", "RGBA") if (target, mode) != (".jpg", "RGBA")],
)
@pytest.mark.parametrize("name", ["sRGB", "Display P3"])
def test_the_profile_goes_out_as_it_came(tmp_path, small, target, mode, name):
    Image.fromarray(small).convert(mode).save(tmp_path / "a.png", icc_profile=icc.profile(name))
    assert Image.open(around(tmp_path / "a.png", tmp_path / f"out{target}")).info["icc_profile"] == icc.profile(name)


def with_chunks(png, more):
    """A PNG with more chunks behind its header: name -> what it holds."""
    made = [len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big") for name, data in more.items()]
    return png[:33] + b"".join(made) + png[33:]


def held(png):
    """Name -> what it holds, of each chunk, in their order."""
    found, at = {}, 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found[png[at + 4 : at + 8]] = png[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def chromaticities(*numbers):
    """White, red, green and blue."""
    return struct.pack(">8I", *numbers)


SCREEN = struct.pack(">8H2I", 35_400, 14_600, 8_500, 39_850, 6_550, 2_300, 15_635, 16_450, 10_000_000, 50)
PQ = {b"cICP": bytes((9, 16, 0, 1)), b"mDCV": SCREEN, b"cLLI": struct.pack(">2I", 10_000_000, 4_000_000)}
LINEAR = {b"gAMA": struct.pack(">I", 100_000), b"cHRM": chromaticities(31_270, 32_900, 70_800, 29_200, 17_000, 79_700, 13_100, 4_600)}
PLAIN = {b"gAMA": struct.pack(">I", 45_455), b"cHRM": chromaticities(31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)}
SAID = {b"sRGB": bytes(1), **LINEAR}  # which are not heeded beside it


@pytest.mark.parametrize("numbers", [PQ, LINEAR, PLAIN, SAID], ids=["PQ", "linear", "plain", "sRGB"])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_a_png_says_of_its_colours_by_numbers_goes_out_as_it_came(tmp_path, rng, bits, numbers):
    levels = rng.integers(0, 2**bits, (9, 14, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    (tmp_path / "a.png").write_bytes(with_chunks(cv2.imencode(".png", levels)[1].tobytes(), numbers))
    made = held(around(tmp_path / "a.png").read_bytes())
    before, _, _ = b" ".join(made).partition(b"IDAT")
    assert {name: data for name, data in made.items() if name in numbers} == numbers and all(name in before for name in numbers)


@pytest.mark.parametrize("target", [".jpg", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize(
    ("numbers", "names"),
    [(PQ, "cICP"), (LINEAR, "gAMA and cHRM"), (PLAIN, ""), (SAID, ""), ({b"cICP": bytes((1, 13, 0, 1)), **LINEAR}, "")],
    ids=["PQ", "linear", "plain", "sRGB", "sRGB by code"],
)
def test_colours_that_numbers_tell_of_are_told_of_once_where_they_have_no_place(tmp_path, small, capsys, target, numbers, names):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(with_chunks(cv2.imencode(".png", small)[1].tobytes(), numbers))
        around(tmp_path / name, (tmp_path / name).with_suffix(target))
    said = told(capsys)
    assert said.count("cannot be kept in") == bool(names) and f"{names} cannot be kept in" * bool(names) in said


def test_beside_a_profile_numbers_go_along_and_srgb_does_not(tmp_path, small, capsys):
    Image.fromarray(80 + small // 4).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    (tmp_path / "b.png").write_bytes(with_chunks((tmp_path / "a.png").read_bytes(), SAID))
    made = held(around(tmp_path / "b.png").read_bytes())
    assert b"iCCP" in made and b"sRGB" not in made and {name: made[name] for name in LINEAR} == LINEAR
    around(tmp_path / "b.png", tmp_path / "out.jpg")
    assert told(capsys) == ""  # the profile says it all


def test_numbers_that_went_with_a_profile_of_grey_go_with_it(tmp_path, small):
    grey = icc.profile("sRGB")[:16] + b"GRAY" + icc.profile("sRGB")[20:]
    photograph.write(Photograph(pixels=small, profile=grey, colour_chunks=tuple(LINEAR.items())), tmp_path / "a.png")
    assert not {b"iCCP", *LINEAR} & set(held((tmp_path / "a.png").read_bytes()))


def test_colours_that_srgb_has_are_worked_on_in_srgb_and_come_back(tmp_path, small):
    inside = np.round(icc.converted(small * 0.8 + 25, "sRGB", "Display P3")).astype(np.uint8)
    Image.fromarray(inside).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    photo = photograph.read(tmp_path / "a.png")
    assert photo.space == "sRGB" and np.abs(photo.pixels.astype(float) - icc.converted(inside, "Display P3", "sRGB")).max() < 1.5
    assert np.abs(np.asarray(Image.open(around(tmp_path / "a.png"))).astype(int) - inside).max() <= 1


def test_colours_of_a_profile_are_converted_some_rows_at_a_time(portrait, monkeypatch):
    inside = np.round(icc.converted(portrait * 0.8 + 25, "sRGB", "Display P3")).astype(np.uint8)
    own, profile = np.tile(inside, (8, 1, 1)), icc.profile("Display P3")
    monkeypatch.setattr(profiles, "BAND", len(own))
    whole = photograph._into_srgb(own, profile)[0]
    monkeypatch.setattr(profiles, "BAND", 33)
    tracemalloc.start()
    made, space = photograph._into_srgb(own, profile)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert space == "sRGB" and np.array_equal(made, whole)
    assert peak < 2 * own.nbytes


def test_colours_that_srgb_lacks_come_back_exactly(tmp_path, small):
    small[:20] = (0, 250, 10)  # a green of P3 alone
    Image.fromarray(small).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    assert photograph.read(tmp_path / "a.png").space == "own"
    np.testing.assert_array_equal(np.asarray(Image.open(around(tmp_path / "a.png"))), small)


def test_a_profile_without_a_way_back_leaves_the_files_own_numbers(tmp_path, small):
    Image.fromarray(small).save(tmp_path / "a.png", icc_profile=icc.scanner())
    assert photograph.read(tmp_path / "a.png").space == "own"
    np.testing.assert_array_equal(np.asarray(Image.open(around(tmp_path / "a.png"))), small)


@pytest.mark.parametrize("suffix", [".bmp", ".ppm"])
@pytest.mark.parametrize("green", [0, 250])
def test_where_no_profile_can_stand_colours_become_those_of_srgb(tmp_path, small, suffix, green):
    """green : 250 is one that sRGB lacks, so that the file's own numbers were worked on."""
    inside = np.round(icc.converted(small * 0.8 + 25, "sRGB", "Display P3")).astype(np.uint8)
    inside[:20] = (0, green, 10) if green else inside[:20]
    Image.fromarray(inside).save(tmp_path / "a.png", icc_profile=icc.profile("Display P3"))
    made = np.asarray(Image.open(around(tmp_path / "a.png", tmp_path / f"out{suffix}"))).astype(float)
    assert np.abs(made - icc.converted(inside, "Display P3", "sRGB")).max() < 1.5


def test_a_profile_of_sixteen_bits_goes_along_and_changes_nothing(tmp_path, rng):
    deep = rng.integers(0, TOP16 + 1, (9, 14, 3)).astype(np.uint16)
    photograph.write(Photograph(pixels=deep, profile=icc.profile("Display P3"), space="own"), tmp_path / "a.png")
    out = around(tmp_path / "a.png")
    np.testing.assert_array_equal(cv2.imread(str(out), cv2.IMREAD_UNCHANGED)[..., ::-1], deep)
    assert Image.open(out).info["icc_profile"] == icc.profile("Display P3")


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_all_notes_stand_in_files_of_sixteen_bits_too(tmp_path, rng, suffix):
    notes = Notes(exif=camera_exif(1), xmp=XMP.replace(b'"6"', b'"1"'), dpi=(300.0, 300.0))
    photograph.write(
        Photograph(pixels=rng.integers(0, TOP16, (9, 14, 3)).astype(np.uint16), notes=notes), tmp_path / f"a{suffix}"
    )
    again = photograph.read(tmp_path / f"a{suffix}")
    assert again.pixels.dtype == np.uint16 and again.notes.xmp == notes.xmp and again.notes.dpi == pytest.approx((300, 300), abs=0.02)
    assert Image.open(tmp_path / f"a{suffix}").getexif()[0x010F] == "Maker"


def test_sixteen_bits_become_eight_where_the_format_holds_no_more(tmp_path, rng):
    deep = rng.integers(0, TOP16 + 1, (9, 14, 3)).astype(np.uint16)
    photograph.write(Photograph(pixels=deep), tmp_path / "a.bmp")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.bmp")), np.floor(deep / 257 + 0.5))


def test_four_inks_come_back_as_colours_without_the_inks_profile(tmp_path):
    Image.new("CMYK", (8, 8), (0, TOP, TOP, 0)).save(tmp_path / "a.tif", icc_profile=b"of inks")
    out = Image.open(around(tmp_path / "a.tif"))
    assert (out.mode, out.getpixel((0, 0)), out.info.get("icc_profile")) == ("RGB", (TOP, 0, 0), None)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".ppm"])
def test_transparency_is_not_dropped_in_silence(tmp_path, small, suffix):
    photo = Photograph(pixels=small, alpha=np.full(small.shape[:2], 128, np.uint8))
    with pytest.raises(Refusal, match="transparency"):
        photograph.write(photo, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_transparency_of_nothing_needs_no_room(tmp_path, small):
    photograph.write(Photograph(pixels=small, alpha=np.full(small.shape[:2], TOP, np.uint8)), tmp_path / "a.jpg")
    assert Image.open(tmp_path / "a.jpg").mode == "RGB"


@pytest.mark.parametrize("suffix", [".gif", ".xyz", ""])
def test_a_format_that_cannot_be_written_is_refused_and_others_named(tmp_path, small, suffix):
    with pytest.raises(Refusal, match=".png"):
        photograph.write(Photograph(pixels=small), tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_what_moves_or_has_pages_is_refused(tmp_path, small, suffix):
    Image.fromarray(small).save(tmp_path / f"a{suffix}", save_all=True, append_images=[Image.fromarray(small[::-1])])
    with pytest.raises(Refusal, match="more than one picture"):
        photograph.read(tmp_path / f"a{suffix}")


def test_a_tiff_with_a_small_copy_beside_it_is_one_picture(tmp_path, small):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(small, photometric="rgb")
        file.write(small[::4, ::4], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(np.asarray(Image.open(around(tmp_path / "a.tif"))), small)


@pytest.mark.parametrize("name", ["été 照片.png", "x" * 190 + ".png", "CON.fig.png", "semi;colon&.png", "Ünïcode.JPG"])
def test_any_name_can_be_read_and_written(tmp_path, small, name):
    Image.fromarray(small).save(tmp_path / "a.png")
    photograph.write(photograph.read(tmp_path / "a.png"), tmp_path / "out" / name)
    assert photograph.read(tmp_path / "out" / name).pixels.shape == (40, 57, 3)


def test_a_side_that_a_format_has_no_room_for_is_refused_and_nothing_left(tmp_path):
    with pytest.raises(Refusal, match="wide.webp cannot be written as WEBP"):
        photograph.write(Photograph(pixels=np.zeros((1, 17_000, 3), np.uint8)), tmp_path / "wide.webp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("suffix", "kind", "most"), [(".jpg", "JPEG", 65_500), (".webp", "WEBP", 16_383)])
def test_the_longest_side_of_a_format_is_known_before_a_picture_is_made_larger(tmp_path, suffix, kind, most):
    path, fits = tmp_path / f"a{suffix}", np.zeros((2, most, 3), np.uint8)
    photograph.write(Photograph(pixels=fits), path)
    assert Image.open(path).size == (most, 2)
    assert photograph.kind_for(Photograph(pixels=fits[:, : most // 4]), path, grows=4) == kind
    with pytest.raises(Refusal, match=f"holds {most:,} px a side, but one would have {most + 4 - most % 4:,}"):
        photograph.kind_for(Photograph(pixels=fits[:, : most // 4 + 1]), path, grows=4)
    assert photograph.kind_for(Photograph(pixels=fits), tmp_path / "a.png", grows=4) == "PNG"


def chunks(png):
    """Name and length of each."""
    found, at = [], 8
    while at < len(png):
        found.append((png[at + 4 : at + 8], int.from_bytes(png[at : at + 4], "big")))
        at += 12 + found[-1][1]
    return found


@pytest.mark.parametrize("bits", [8, 16])
def test_more_pixels_than_a_chunk_of_png_has_room_for_go_into_several(tmp_path, rng, monkeypatch, bits):
    monkeypatch.setattr(encode, "MOST_IN_CHUNK", 1000)
    levels = rng.integers(0, 2**bits, (30, 41, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    photograph.write(Photograph(pixels=levels), tmp_path / "a.png")
    *full, last = [length for name, length in chunks((tmp_path / "a.png").read_bytes()) if name == b"IDAT"]
    assert len(full) > 2 and set(full) == {1000} and 0 < last <= 1000
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)[..., ::-1], levels)
    np.testing.assert_array_equal(photograph.read(tmp_path / "a.png").pixels, levels)
    if bits == 8:
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), levels)  # Pillow keeps 8 bits alone


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (1, 50, 3), (50, 1, 3)])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_the_smallest_pictures_come_back(tmp_path, shape, suffix):
    photo = Photograph(pixels=np.full(shape, 51, np.uint8))
    photograph.write(photo, tmp_path / f"a{suffix}")
    assert photograph.read(tmp_path / f"a{suffix}").pixels.shape == shape


def test_more_pages_than_one_can_count_are_several(tmp_path, small):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(small)
        for _ in range(33):
            file.write(small[:8, :8], subfiletype=1)
    with pytest.raises(Refusal, match="a.tif holds more than one picture"):
        photograph.read(tmp_path / "a.tif")


def test_notes_beyond_all_measure_are_left_out(tmp_path, small):
    info = PngImagePlugin.PngInfo()
    for number in range(5):
        info.add_text(f"key {number}", "x" * 1_000_000, zip=True)
    Image.fromarray(small).save(tmp_path / "a.png", pnginfo=info)
    assert photograph.read(tmp_path / "a.png").notes.text == ()


def test_a_resolution_that_no_format_has_room_for_is_left_out(tmp_path, small):
    tifffile.imwrite(tmp_path / "a.tif", small, resolution=(4e9, 4e9), resolutionunit="INCH")
    assert photograph.read(tmp_path / "a.tif").notes.dpi is None


def test_sixteen_bits_that_become_eight_are_told_of_once(tmp_path, rng, capsys, monkeypatch):
    monkeypatch.setattr(photograph, "_told", set())
    deep = Photograph(pixels=rng.integers(0, TOP16 + 1, (9, 14, 3)).astype(np.uint16))
    for name in ("a.jpg", "b.jpg", "c.png"):
        photograph.write(deep, tmp_path / name)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("16 bits become 8") == 1 and "in JPEG" in said
