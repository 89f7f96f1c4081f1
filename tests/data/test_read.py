"""Decoding: every kind of file comes to the one contract, or is refused by name and reason."""

import contextlib
import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PpmImagePlugin

from sfumato.core.errors import Refusal
from sfumato.data.reading import read
from sfumato.data.reading.read import read_levels, read_size
from sfumato.use.photograph import Photograph, write
from tests.data import icc

JPEGS = [(mode, sampling, progressive) for mode in ("RGB", "L") for sampling in (0, 1, 2) for progressive in (False, True)]
TOP, TOP16 = 255, 65535


@pytest.fixture
def small(portrait):
    """uint8 (40, 57, 3): sides that no block of JPEG divides."""
    return np.ascontiguousarray(portrait[30:70, 40:97])


@pytest.fixture
def deep(rng):
    """uint16 (12, 17, 3)."""
    return rng.integers(0, TOP16 + 1, (12, 17, 3)).astype(np.uint16)


def save(path, picture, **options):
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path, **options)
    return path


def save_deep(path, picture):
    """16 bits by OpenCV, whose colours are in the other order."""
    ordered = picture[..., [2, 1, 0, 3][: picture.shape[2]]] if picture.ndim == 3 else picture
    path.write_bytes(cv2.imencode(path.suffix, ordered)[1].tobytes())
    return path


def with_chunk(png, name, data):
    """The same file with one more chunk behind its header."""
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return png[:33] + chunk + png[33:]


def exif_of(orientation):
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)


def oriented(path, picture, orientation):
    """A file whose pixels lie as that orientation of EXIF says, so that upright it is `picture`."""
    stored = {1: [], 2: [2], 3: [3], 4: [4], 5: [5], 6: [8], 7: [7], 8: [6]}[orientation]
    ways = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 7: "TRANSVERSE", 8: "ROTATE_90", 6: "ROTATE_270"}
    turned = Image.fromarray(picture)
    for way in stored:
        turned = turned.transpose(Image.Transpose[ways[way]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    return save(path, turned, exif=exif, **options)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_comes_upright_whatever_its_orientation_says(tmp_path, small, suffix, orientation):
    path = oriented(tmp_path / f"turned{suffix}", small, orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    found = read_levels(path)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found.astype(int) - small).mean() < 8  # not merely what Pillow makes of it: the upright picture


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_header_is_that_of_the_upright_picture(tmp_path, small, suffix, orientation):
    assert read_size(oriented(tmp_path / f"turned{suffix}", small, orientation)) == (57, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_come_upright_as_well(tmp_path, deep, orientation):
    inverse = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = read.turned(deep, inverse)
    png = save_deep(tmp_path / "a.png", stored).read_bytes()
    (tmp_path / "a.png").write_bytes(with_chunk(png, b"eXIf", exif_of(orientation)))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    for suffix in (".png", ".tif"):
        np.testing.assert_array_equal(read.decode((tmp_path / f"a{suffix}").read_bytes(), tmp_path).pixels, deep)


@pytest.mark.parametrize(("mode", "sampling", "progressive"), JPEGS)
def test_the_faster_decoder_of_jpeg_gives_the_pixels_of_the_slower(small, mode, sampling, progressive, tmp_path):
    path = save(tmp_path / "a.jpg", Image.fromarray(small).convert(mode), quality=60, subsampling=sampling, progressive=progressive)
    found = read.decode(path.read_bytes(), path).pixels
    assert found.shape[2] == (3 if mode == "RGB" else 1)
    assert np.abs(found.squeeze().astype(int) - np.asarray(Image.open(path))).max() <= 1  # 0 with wheels of one libjpeg


def test_grey_keeps_one_channel_or_is_repeated(tmp_path, small):
    path = save(tmp_path / "grey.png", small[..., 0])
    np.testing.assert_array_equal(read_levels(path, 1)[..., 0], small[..., 0])
    np.testing.assert_array_equal(read_levels(path, 3), np.repeat(small[..., :1], 3, axis=2))


def test_colour_becomes_grey_by_bt_601(tmp_path, small):
    luma = small @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read_levels(save(tmp_path / "a.png", small), 1)[..., 0] - luma).max() <= 0.51


@pytest.mark.parametrize("mode", ["1", "P"])
def test_few_colours_are_read_as_what_they_show(tmp_path, small, mode):
    few = Image.fromarray(small).convert(mode)
    np.testing.assert_array_equal(read_levels(save(tmp_path / "few.png", few)), np.asarray(few.convert("RGB")))


def test_a_palette_of_greys_is_grey(tmp_path, small):
    path = save(tmp_path / "few.gif", Image.fromarray(small[..., 0]))
    assert read.decode(path.read_bytes(), path).pixels.shape == (40, 57, 1)


def test_transparent_pixels_take_the_colour_of_the_nearest_visible_one(tmp_path):
    picture = np.zeros((5, 9, 4), np.uint8)
    picture[...] = (9, 9, 9, 0)
    picture[:, :2], picture[:, 7:] = (200, 0, 0, TOP), (0, 0, 200, 1)
    found = read_levels(save(tmp_path / "a.png", picture))
    assert (found[:, :4] == (200, 0, 0)).all() and (found[:, 5:] == (0, 0, 200)).all()


@pytest.mark.parametrize("hidden", [(TOP, 0, 0), (0, 0, TOP)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_hidden_colours_are_not_seen(tmp_path, small, hidden, mode):
    picture = np.dstack([small, np.full(small.shape[:2], TOP, np.uint8)])
    picture[10:20, 10:20] = (*hidden, 0)
    shown = Image.fromarray(picture).convert(mode if mode != "PA" else "RGBA")
    shown = shown.quantize(256) if mode == "PA" else shown
    reference = picture.copy()
    reference[10:20, 10:20] = 0
    bare = Image.fromarray(reference).convert(shown.mode if mode != "PA" else "RGBA")
    found = read_levels(save(tmp_path / "a.png", shown))
    assert np.abs(found[12:18, 12:18].astype(int) - read_levels(save(tmp_path / "b.png", bare))[12:18, 12:18]).max() <= (
        24 if mode == "PA" else 0
    )


def test_a_picture_of_which_nothing_is_visible_is_black(tmp_path):
    assert (read_levels(save(tmp_path / "a.png", np.full((4, 4, 4), (9, 8, 7, 0), np.uint8))) == 0).all()


def test_one_colour_may_stand_for_transparency(tmp_path, small):
    small[10:20, 10:20] = (1, 2, 3)
    found = read.decode(save(tmp_path / "a.png", small, transparency=(1, 2, 3)).read_bytes(), tmp_path)
    assert found.alpha is not None and (found.alpha[10:20, 10:20] == 0).all() and found.alpha[0, 0] == TOP


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_colour_of_sixteen_bits_may_stand_for_transparency(tmp_path, deep, channels, orientation):
    """To its last bit: one level beside it is seen."""
    clear = (0x0102, 0x0304, 0x0506)[:channels]
    stored = (deep | 0x8000)[..., :channels].copy()  # none of which is it
    stored[2:5, 3:9] = clear
    stored[3, 4, -1] += 1
    upright = read.turned(stored, orientation)
    png = save_deep(tmp_path / "a.png", stored if channels == 3 else stored[..., 0]).read_bytes()
    png = with_chunk(png, b"tRNS", struct.pack(f">{channels}H", *clear))
    found = read.decode(with_chunk(png, b"eXIf", exif_of(orientation)), tmp_path)
    assert (found.pixels.shape, found.alpha.dtype) == (upright.shape, np.uint16)
    np.testing.assert_array_equal(found.pixels, upright)
    np.testing.assert_array_equal(found.alpha, np.where((upright == clear).all(axis=2), 0, TOP16))
    assert (found.alpha == 0).sum() == 17


def test_four_inks_become_colours(tmp_path):
    inks = Image.new("CMYK", (8, 8), (0, TOP, TOP, 0))  # magenta and yellow
    for suffix, tolerance in ((".jpg", 3), (".tif", 0)):
        found = read_levels(save(tmp_path / f"inks{suffix}", inks))
        assert np.abs(found.astype(int) - (TOP, 0, 0)).max() <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_the_nearest_of_eight(tmp_path, rng, suffix, channels):
    deep = rng.integers(1, TOP16 + 1, (9, 11, channels)).astype(np.uint16).squeeze()
    found = read_levels(save_deep(tmp_path / f"deep{suffix}", deep))
    colours = deep[..., None] if deep.ndim == 2 else deep[..., :3]
    np.testing.assert_array_equal(found, np.broadcast_to(np.floor(colours / 257 + 0.5), found.shape))


def test_a_dark_picture_of_sixteen_bits_is_not_taken_for_one_of_eight(tmp_path):
    dark = np.arange(200, dtype=np.uint16).reshape(10, 20)
    found = read.decode(save_deep(tmp_path / "dark.png", dark).read_bytes(), tmp_path)
    np.testing.assert_array_equal(found.pixels[..., 0], dark)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">"}, {"rowsperstrip": 3}, {"tile": (16, 16)}]
)
def test_sixteen_bit_tiff_of_another_program_is_read_exactly(tmp_path, deep, options):
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", **options)
    np.testing.assert_array_equal(read.decode((tmp_path / "a.tif").read_bytes(), tmp_path).pixels, deep)


def test_what_the_tags_of_a_sixteen_bit_tiff_say_of_its_numbers_is_heeded(tmp_path, deep):
    def found(pixels, **options):
        tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
        return read.decode((tmp_path / "a.tif").read_bytes(), tmp_path)

    np.testing.assert_array_equal(found(deep[..., 0], photometric="miniswhite").pixels[..., 0], TOP16 - deep[..., 0])
    alpha = np.random.default_rng(0).integers(1, TOP16, deep.shape[:2]).astype(np.uint16)
    four = np.dstack([deep, alpha])
    infrared = found(four, photometric="rgb", extrasamples=["unspecified"])
    assert infrared.alpha is None and np.array_equal(infrared.pixels, deep)
    laid_over = np.dstack([(deep.astype(float) * alpha[..., None] / TOP16).round().astype(np.uint16), alpha])
    premultiplied = found(laid_over, photometric="rgb", extrasamples=["assocalpha"])
    off = np.abs(premultiplied.pixels.astype(float) - deep)
    assert np.array_equal(premultiplied.alpha, alpha) and (off <= TOP16 / alpha[..., None].astype(float)).all()
    with pytest.raises(Refusal, match="planes of their own"):
        found(np.moveaxis(deep, 2, 0), photometric="rgb", planarconfig="separate")


def test_a_pgm_of_ten_bits_is_scaled_by_its_own_white(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 1023\n" + struct.pack(">3H", 0, 512, 1023))
    np.testing.assert_array_equal(read_levels(tmp_path / "a.pgm", 1)[0, :, 0], [0, 128, TOP])


@pytest.mark.parametrize("white", [256, 1023, 4095, 32767, TOP16])
@pytest.mark.parametrize("kind", ["P5", "P2"])
def test_a_pgm_of_any_depth_is_scaled_all_at_once_as_pillow_scales_each_number_by_itself(tmp_path, rng, monkeypatch, kind, white):
    for decoder in (PpmImagePlugin.PpmDecoder, PpmImagePlugin.PpmPlainDecoder):
        monkeypatch.setattr(decoder, "decode", lambda *_: pytest.fail("number by number"))
    stored = rng.integers(0, white + 1, (9, 14))
    numbers = " ".join(map(str, stored.ravel())).encode() if kind == "P2" else stored.astype(">u2").tobytes()
    found = read.decode(f"{kind} 14 9 {white}\n".encode() + numbers, tmp_path)
    assert (found.pixels.dtype, found.pixels.shape, found.alpha, found.profile) == (np.uint16, (9, 14, 1), None, None)
    assert found.pixels[..., 0].tolist() == [[round(value / white * TOP16) for value in row] for row in stored.tolist()]


def ppm(pixels, white=TOP16):
    """A whole PPM file of 16 bits, as `dcraw -6` writes it."""
    return f"P6 {pixels.shape[1]} {pixels.shape[0]} {white}\n".encode() + pixels.astype(">u2").tobytes()


def test_a_ppm_of_sixteen_bits_is_read_exactly(tmp_path, deep):
    np.testing.assert_array_equal(read.decode(ppm(deep), tmp_path).pixels, deep)


def test_a_ppm_of_ten_bits_is_scaled_by_its_own_white_beyond_which_nothing_is(tmp_path):
    stored = np.array([[[0, 1, 512], [1022, 1023, 1024]]])
    found = read.decode(ppm(stored, white=1023), tmp_path).pixels
    assert found.tolist() == [[[0, 64, 32800], [65471, TOP16, TOP16]]]


def test_a_ppm_of_sixteen_bits_that_is_cut_short_is_refused(tmp_path, deep):
    grey = b"P5 3 1 65535\n" + bytes(6)
    for kind, whole in (("binary", ppm(deep)), ("words", b"P3 2 1 1023 0 1 2 3 4 5 "), ("grey", grey)):
        path = tmp_path / f"{kind}.ppm"
        path.write_bytes(whole[:-3])
        with pytest.raises(Refusal, match=f"{kind}.ppm is damaged"):
            read_levels(path)


def test_colours_of_a_profile_become_those_of_srgb(tmp_path, small):
    found = read_levels(save(tmp_path / "wide.png", small, icc_profile=icc.profile("Display P3")))
    assert np.abs(found - icc.converted(small, "Display P3", "sRGB")).max() < 1.5
    deep = Photograph(pixels=small.astype(np.uint16) * 257, profile=icc.profile("Display P3"), space="own")
    write(deep, tmp_path / "deep.png")  # 16 bits beside 8 teach the same colours
    assert np.array_equal(read_levels(tmp_path / "deep.png"), found)
    assert np.abs(found.astype(int) - small).max() > 10


@pytest.mark.parametrize(
    "profile",
    [icc.profile("sRGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"],
    ids=["ours", "of Little CMS", "damaged"],  # the second holds the time it was made: no name by which a test is found again
)
def test_pixels_of_srgb_and_of_damaged_profiles_are_left_alone(tmp_path, small, profile):
    np.testing.assert_array_equal(read_levels(save(tmp_path / "a.png", small, icc_profile=profile)), small)


@pytest.mark.parametrize("damage", ["empty", "text", "half", "header", "noise"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".gif", ".bmp"])
def test_what_cannot_be_read_is_refused_by_name_and_reason(tmp_path, portrait, rng, damage, suffix):
    whole = save(tmp_path / f"whole{suffix}", portrait).read_bytes()
    raw = {
        "empty": b"",
        "text": b"Dear diary, this is no picture.",
        "half": whole[: len(whole) // 2],
        "header": whole[:12],
        "noise": rng.bytes(500),
    }[damage]
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(raw)
    with pytest.raises(Refusal, match=f"bad{suffix} (is empty|is no picture|is damaged)"):
        read_levels(path)


def test_sixteen_bits_cut_short_are_refused(tmp_path, rng):
    deep = rng.integers(0, TOP16, (64, 64, 3)).astype(np.uint16)
    for suffix in (".png", ".tif"):
        path = save_deep(tmp_path / f"bad{suffix}", deep)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(Refusal, match="bad"):
            read_levels(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"])
def test_a_file_with_wrong_bytes_is_read_or_refused_and_nothing_else(tmp_path, small, rng, kind):
    path = save(tmp_path / "a", small, format=kind)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(60):
        wrong = whole.copy()
        wrong[rng.integers(0, min(400, len(whole)), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(wrong.tobytes())
        for reader in (read_levels, read_size):
            with contextlib.suppress(Refusal):
                reader(path)


def test_a_wrong_suffix_does_not_matter(tmp_path, small):
    path = save(tmp_path / "a.png", small)
    np.testing.assert_array_equal(read_levels(path.rename(tmp_path / "a.jpg")), small)


def test_a_missing_file_is_refused_by_name(tmp_path):
    for reader in (read_levels, read_size):
        with pytest.raises(Refusal, match="gone.png"):
            reader(tmp_path / "gone.png")


def lying(kind, width, height):
    """A small file whose header promises much."""
    if kind == "png":
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunks = b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 999)), (b"IEND", b""))
        )
        return b"\x89PNG\r\n\x1a\n" + chunks
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "BMP" if kind == "bmp" else "JPEG")
    raw = bytearray(file.getvalue())
    if kind == "bmp":
        raw[18:26] = struct.pack("<ii", width, height)
    else:
        at = raw.index(b"\xff\xc0") + 5
        raw[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(raw)


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp"])
def test_a_header_that_lies_is_refused_before_anything_is_decoded(tmp_path, kind):
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(lying(kind, 50_000, 50_000))
    with pytest.raises(Refusal, match="50000 x 50000|more pixels than the limit of 400"):
        read_levels(path)


def test_the_limit_is_an_argument(tmp_path, small):
    path = save(tmp_path / "a.png", small)
    with pytest.raises(Refusal, match="57 x 40 pixels, more than the limit of 0.002 megapixels"):
        read_levels(path, most_megapixels=0.002)


def test_floating_point_pixels_are_refused_in_words(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(Refusal, match="floating-point"):
        read_levels(tmp_path / "a.tif")


def test_sizes_are_read_without_decoding(tmp_path, small, monkeypatch):
    path = save(tmp_path / "a.jpg", small)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    assert read_size(path) == (57, 40)


def test_a_small_file_that_promises_tens_of_megapixels_is_refused_as_a_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("L", (6000, 6000)).save(path)
    for reader in (read_levels, read_size):
        with pytest.raises(Refusal, match="6000 x 6000 pixels in [0-9]+ bytes: a bomb"):
            reader(path)


def test_a_picture_of_one_colour_without_compression_is_no_bomb(tmp_path):
    Image.new("1", (6000, 6000)).save(tmp_path / "page.tif")
    assert read_size(tmp_path / "page.tif") == (6000, 6000)


def progressive(scans):
    """A progressive JPEG of one block, with so many scans, of which all but the first change nothing."""
    file = io.BytesIO()
    Image.new("L", (8, 8), 90).save(file, "JPEG", progressive=True)
    head, first, rest = file.getvalue().partition(b"\xff\xda")
    again = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00\x00"
    return head + first + rest.removesuffix(b"\xff\xd9") + again * (scans - read.scans(file.getvalue())) + b"\xff\xd9"


def test_scans_of_a_jpeg_are_counted_as_they_were_written(small):
    file = io.BytesIO()
    Image.fromarray(small).save(file, "JPEG", progressive=True, comment=b"\xff\xda" * 50)
    assert read.scans(file.getvalue()) == 10  # what jpegtran's default script has for colour: jcparam.c, jpeg_simple_progression


def test_a_jpeg_that_goes_over_its_picture_again_and_again_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(progressive(read.MOST_SCANS))
    (tmp_path / "b.jpg").write_bytes(progressive(read.MOST_SCANS + 1))
    assert read_levels(tmp_path / "a.jpg").shape == (8, 8, 3)
    with pytest.raises(Refusal, match="b.jpg goes over its picture more than 100 times"):
        read_levels(tmp_path / "b.jpg")


def test_a_kind_of_picture_that_runs_other_programs_is_not_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    with pytest.raises(Refusal, match="a.png is no picture"):
        read_levels(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for reader in (read_levels, read_size):
        with pytest.raises(Refusal, match="a.png is not a file"):
            reader(tmp_path / "a.png")


def test_a_file_far_larger_than_its_picture_is_not_read_into_memory(tmp_path, small, monkeypatch):
    path = save(tmp_path / "a.png", small)
    monkeypatch.setattr(read, "LARGE", 1000)
    path.write_bytes(path.read_bytes() + bytes(16 * 57 * 40))
    with pytest.raises(Refusal, match="a.png holds .* far more than its 57 x 40 pixels need"):
        read_levels(path)


def test_a_number_in_the_place_of_a_profile_is_taken_for_none(tmp_path, small):
    tifffile.imwrite(tmp_path / "a.tif", small, extratags=[(34675, 4, 1, 7, True)])
    assert (read_levels(tmp_path / "a.tif") == small).all()
