"""Every kind of image file has one documented reading, or a refusal that names the file."""

import os
import shutil
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagette.core.errors import InputError
from imagette.data.formats import images
from imagette.data.formats.decode import MAX_PIXELS, decode, header
from imagette.data.formats.fitting import conform
from imagette.data.formats.images import decode_all
from imagette.data.formats.wanted import Wanted
from imagette.data.imageset import ImageSet
from imagette.data.unlabelled import expand, read_images


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        decode(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm"])
def test_lossless_formats_keep_every_pixel(tmp_path, suffix):
    colour = noise(5, 7, 3)
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(colour), **({"lossless": True} if suffix == "webp" else {}))
    pixels, done = decode(path)
    assert np.array_equal(pixels, colour.transpose(2, 0, 1))
    assert done == []


def test_jpeg_is_decoded_as_pillow_does(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(noise(32, 32, 3)), quality=75)
    with Image.open(path) as image:
        assert np.array_equal(decode(path)[0], np.asarray(image).transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "pgm"])
def test_gray_stays_gray(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(np.full((4, 6), 128, np.uint8)))
    assert header(path).gray
    assert decode(path)[0].tolist() == [[[128] * 6] * 4]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_a_turned_picture_is_put_upright(tmp_path, suffix, orientation):
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255  # white in its upper left
    # How a camera that was held so stores the picture (the EXIF standard's own table, rows and columns).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored)).convert("RGB")
    path = saved(tmp_path / f"a.{suffix}", image, exif=exif)
    found = header(path)
    pixels, done = decode(path, (1, 16, 32))
    assert (found.width, found.height) == (32, 16)
    assert np.abs(pixels[0].astype(int) - upright).max() < 60
    assert ("EXIF orientation applied" in done) == (orientation > 1)


def test_a_png_may_say_behind_its_pixels_how_it_was_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    png = saved(tmp_path / "a.png", Image.fromarray(noise(4, 6)), exif=exif).read_bytes()
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4])
    (tmp_path / "b.png").write_bytes(png[:start] + png[end:-12] + png[start:end] + png[-12:])  # before the last chunk
    first, second = header(tmp_path / "a.png"), header(tmp_path / "b.png")
    assert (second.width, second.height) == (first.width, first.height) == (4, 6)
    assert np.array_equal(decode(tmp_path / "b.png")[0], decode(tmp_path / "a.png")[0])


def test_white_is_zero_in_sixteen_bits_as_in_eight(tmp_path):
    gray = noise(4, 6)
    wide = saved(tmp_path / "a.tiff", Image.fromarray(gray.astype(np.uint16) << 8), tiffinfo={262: 0})
    assert np.array_equal(decode(wide)[0][0], 255 - gray)


def test_a_turn_that_does_not_exist_is_none(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 9
    path = saved(tmp_path / "a.jpg", Image.new("L", (6, 3)), exif=exif)
    assert (header(path).width, header(path).height) == (6, 3)
    assert decode(path)[0].shape == (1, 3, 6)
    assert decode(path)[1] == []


def test_a_damaged_exif_note_does_not_make_an_image_unreadable(tmp_path, recwarn):
    path = saved(tmp_path / "a.jpg", Image.new("L", (8, 8), 99), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert read_images([path], (1, 8, 8))[0].tolist() == [[[[99] * 8] * 8]]
    assert not recwarn.list


def test_transparency_is_laid_on_white(tmp_path):
    colour = np.zeros((1, 3, 4), np.uint8)
    colour[0, :, 0] = 200
    colour[0, :, 3] = [255, 0, 128]  # opaque, clear, half
    pixels, done = decode(saved(tmp_path / "a.png", Image.fromarray(colour)))
    assert pixels[:, 0, 0].tolist() == [200, 0, 0]
    assert pixels[:, 0, 1].tolist() == [255, 255, 255]
    assert np.allclose(pixels[:, 0, 2], [227, 127, 127], atol=1)
    assert done == ["transparency laid on white"]


RGBA = np.array([[[200, 100, 0, 255], [7, 7, 7, 0], [0, 90, 0, 128]]], np.uint8)  # opaque, clear, half


def test_transparency_is_kept_where_four_channels_are_wanted(tmp_path):
    pixels, done = decode(saved(tmp_path / "a.png", Image.fromarray(RGBA)), (4, 1, 3))
    assert np.array_equal(pixels, RGBA.transpose(2, 0, 1))
    assert done == []


def test_transparency_is_kept_where_two_channels_are_wanted(tmp_path):
    gray = np.array([[[7, 255], [9, 0], [8, 128]]], np.uint8)
    pixels, done = decode(saved(tmp_path / "a.png", Image.fromarray(gray, "LA")), (2, 1, 3))
    assert np.array_equal(pixels, gray.transpose(2, 0, 1))
    assert done == []
    pixels, done = decode(tmp_path / "a.png", (4, 1, 3))
    assert np.array_equal(pixels, gray[..., [0, 0, 0, 1]].transpose(2, 0, 1))
    assert done == ["gray to colour"]


def test_the_colour_of_what_is_transparent_becomes_gray_where_two_channels_are_wanted(tmp_path):
    pixels, done = decode(saved(tmp_path / "a.png", Image.fromarray(RGBA)), (2, 1, 3))
    assert pixels[:, 0].T.tolist() == [[118, 255], [7, 0], [53, 128]]  # 0.299 R + 0.587 G + 0.114 B
    assert done == ["colour to gray"]


def test_losing_transparency_is_named_besides_losing_colour(tmp_path):
    pixels, done = decode(saved(tmp_path / "a.png", Image.fromarray(RGBA)), (1, 1, 3))
    assert pixels[0, 0, :2].tolist() == [118, 255]
    assert done == ["transparency laid on white", "colour to gray"]


@pytest.mark.parametrize(("mode", "colour"), [("L", "gray to colour"), ("RGB", None), ("1", "gray to colour")])
def test_what_gains_transparency_is_opaque(tmp_path, mode, colour):
    path = saved(tmp_path / "a.png", Image.new(mode, (2, 2), 0))
    pixels, done = decode(path, (4, 2, 2))
    assert pixels[:, 0, 0].tolist() == [0, 0, 0, 255]
    assert [name for name in done if name != "1 bit to gray"] == ["full opacity added", *([colour] if colour else [])]
    assert decode(path, (2, 2, 2))[0][:, 0, 0].tolist() == [0, 255]


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_the_clear_entry_of_a_palette_is_clear_in_four_channels(tmp_path, suffix):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    pixels, _ = decode(saved(tmp_path / f"a.{suffix}", image, transparency=1), (4, 1, 2))
    assert pixels[3, 0].tolist() == [255, 0]
    assert pixels[:3, 0, 0].tolist() == [10, 20, 30]


def test_clear_pixels_give_no_colour_when_an_image_is_made_smaller(tmp_path):
    halves = np.zeros((8, 8, 4), np.uint8)
    halves[:, ::2] = [200, 0, 0, 255]  # every other column is red; between them is clear green
    halves[:, 1::2] = [0, 255, 0, 0]
    pixels, _ = decode(saved(tmp_path / "a.png", Image.fromarray(halves)), (4, 2, 2))
    assert np.abs(pixels[:3, 0, 0].astype(int) - [200, 0, 0]).max() <= 2
    assert 100 < pixels[3, 0, 0] < 155


def test_gray_with_transparency_stays_gray(tmp_path):
    gray = np.array([[[7, 255], [7, 0]]], np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(gray, "LA"))
    assert header(path).gray
    assert decode(path)[0].tolist() == [[[7, 255]]]


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_palette_becomes_colour_and_its_clear_entry_white(tmp_path, suffix):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    opaque = decode(saved(tmp_path / f"opaque.{suffix}", image))
    assert opaque[0][:, 0].T.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert opaque[1] == ["palette to colour"]
    clear = decode(saved(tmp_path / f"clear.{suffix}", image, transparency=1))
    assert clear[0][:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_sixteen_bits_keep_their_upper_eight(tmp_path, suffix):
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    path = tmp_path / f"a.{suffix}"
    if suffix == "pgm":  # which an older Pillow reads, and does not write
        path.write_bytes(b"P5 5 1 65535\n" + values.astype(">u2").tobytes())
    else:
        saved(path, Image.fromarray(values))
    assert header(path).gray
    pixels, done = decode(path)
    assert pixels.tolist() == [[[0, 0, 1, 128, 255]]]
    assert done == ["16 bits to 8"]


def test_sixteen_bits_have_their_transparent_value_laid_on_white(tmp_path):
    values = np.array([[300, 301, 65535]], np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(values))
    clear = b"tRNS" + (300).to_bytes(2, "big")  # by hand: older versions of Pillow read it, and do not write it
    chunk = (2).to_bytes(4, "big") + clear + zlib.crc32(clear).to_bytes(4, "big")
    begun = path.read_bytes()
    path.write_bytes(begun[:33] + chunk + begun[33:])  # after the header
    pixels, done = decode(path)
    assert pixels.tolist() == [[[255, 1, 255]]]
    assert done == ["16 bits to 8", "transparency laid on white"]


def test_one_bit_is_black_and_white(tmp_path):
    image = Image.new("1", (3, 1))
    image.putpixel((1, 0), 1)
    assert decode(saved(tmp_path / "a.png", image))[0].tolist() == [[[0, 255, 0]]]


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_becomes_colour(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.new("CMYK", (8, 8), (0, 255, 255, 0)))
    pixels, done = decode(path)
    assert np.allclose(pixels[:, 4, 4], [255, 0, 0], atol=3)
    assert done == ["CMYK to colour"]


def test_colour_and_gray_are_converted_to_what_is_wanted(tmp_path):
    colour = saved(tmp_path / "colour.png", Image.new("RGB", (2, 2), (255, 0, 0)))
    gray = saved(tmp_path / "gray.png", Image.new("L", (2, 2), 9))
    assert decode(colour, (1, 2, 2))[0].tolist() == [[[76, 76], [76, 76]]]  # 0.299 · 255
    assert decode(gray, (3, 2, 2))[0].tolist() == [[[9, 9], [9, 9]]] * 3


def test_resizing_averages_all_pixels(tmp_path):
    checks = np.indices((32, 32)).sum(axis=0) % 2 * 255
    path = saved(tmp_path / "a.png", Image.fromarray(checks.astype(np.uint8)))
    pixels, done = decode(path, (1, 8, 8))
    assert np.all(np.abs(pixels.astype(int) - 127) <= 2)  # a single sample would be 0 or 255
    assert done == ["resized"]


def test_resizing_keeps_the_whole_picture(tmp_path):
    wide = np.zeros((10, 40), np.uint8)
    wide[:, 20:] = 255
    pixels, _ = decode(saved(tmp_path / "a.png", Image.fromarray(wide)), (1, 10, 10))
    assert pixels[0, 5].tolist()[:4] == [0] * 4
    assert pixels[0, 5].tolist()[6:] == [255] * 4


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
def test_several_frames_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(noise(8, 8, seed=seed)) for seed in range(3)]
    path = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:])
    assert "several frames" in refusal(path)


def test_a_cameras_second_picture_is_left_aside(tmp_path):
    first, second = (Image.fromarray(np.full((16, 16, 3), value, np.uint8)) for value in (200, 20))
    path = saved(tmp_path / "a.jpg", first, format="MPO", save_all=True, append_images=[second])
    assert np.all(np.abs(decode(path)[0].astype(int) - 200) < 5)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_known_range_are_refused(tmp_path, mode):
    assert f"mode {mode}" in refusal(saved(tmp_path / "a.tiff", Image.new(mode, (4, 4))))


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_072, 10_000, 20_000, 2**31 - 1])
def test_a_huge_image_is_refused_from_its_header(tmp_path, side, recwarn):
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(InputError, match="50,000,000 pixels"):
        read_images([path], (1, 8, 8))
    assert not recwarn.list


def test_an_image_just_within_the_limit_is_decoded(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png_header(MAX_PIXELS // 5_000, 5_000))
    assert "exceeds" not in refusal(path)  # its pixels are missing, its size is accepted


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"],
)
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_a_truncated_file_is_refused(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise(64, 64)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refusal(path)


def test_formats_outside_the_list_are_refused_whatever_their_name(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (4, 4)), format="ICO")
    assert "not an image, or of a format that is not read" in refusal(path)


def test_missing_files_and_links_to_nothing_are_refused(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert "No such file" in refusal(tmp_path / "a.png")


def test_reading_skips_what_it_is_told_to_and_says_what(tmp_path):
    good = saved(tmp_path / "good.png", Image.new("L", (2, 2), 5))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    pixels, ids, failures = read_images([bad, good, bad], (1, 2, 2), skip_unreadable=True)
    assert pixels.tolist() == [[[[5, 5], [5, 5]]]]
    assert ids == [str(good)]
    assert [path for path, _ in failures] == [str(bad), str(bad)]
    with pytest.raises(InputError, match=r"none of 2 image files"):
        read_images([bad, bad], (1, 2, 2), skip_unreadable=True)


def test_the_first_bad_file_in_order_is_the_one_named(tmp_path):
    paths = [saved(tmp_path / f"{i}.png", Image.new("L", (2, 2))) for i in range(40)]
    for i in (31, 7, 12):
        paths[i].write_bytes(b"no")
    with pytest.raises(InputError, match=r"/7\.png"):
        read_images(paths, (1, 2, 2))


def test_a_bad_file_waits_for_the_images_in_hand_only(tmp_path, monkeypatch):
    begun, second_began, over = [], threading.Event(), threading.Event()

    def slowly(path, shape):
        if path.name == "0":
            assert second_began.wait(10)
            raise InputError("bad")
        if int(path.name) >= 10:  # the second thread's images
            begun.append(path.name)
            second_began.set()
            assert over.wait(10)
        return np.zeros(shape, np.uint8), []

    shutdown = images.ThreadPoolExecutor.shutdown
    monkeypatch.setattr(
        images.ThreadPoolExecutor, "shutdown", lambda *args, **how: over.set() or shutdown(*args, **how)
    )
    monkeypatch.setattr(images.machine, "cores", lambda: 2)
    monkeypatch.setattr(images, "decode", slowly)
    with pytest.raises(InputError, match="bad"):
        read_images([tmp_path / str(i) for i in range(20)], (1, 1, 1))
    assert begun == ["10"]


def test_order_is_kept_over_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CHUNK", 3)
    paths = [saved(tmp_path / f"{i:03}.png", Image.new("L", (1, 1), i)) for i in range(100)]
    pixels, ids, _ = read_images(paths, (1, 1, 1))
    assert pixels.ravel().tolist() == list(range(100))
    assert ids == [str(path) for path in paths]


@pytest.mark.parametrize(
    ("sizes", "wanted", "shape"),
    [
        ([(30, 20)] * 3, Wanted(), (1, 20, 30)),
        ([(30, 20)] * 3, Wanted(size=16), (1, 16, 16)),
        ([(8, 8), (10, 10), (40, 40)], Wanted(), (1, 10, 10)),
        ([(8, 8)] * 3, Wanted(channels="rgb"), (3, 8, 8)),
        ([(8, 8)] * 3, Wanted(size=4, channels="rgb"), (3, 4, 4)),
        ([(8, 8)] * 3, Wanted(channels="rgba"), (4, 8, 8)),
        ([(8, 8)] * 3, Wanted(size=4, channels="rgba"), (4, 4, 4)),
    ],
)
def test_one_size_for_all(tmp_path, sizes, wanted, shape):
    paths = [saved(tmp_path / f"{i}.png", Image.new("L", size)) for i, size in enumerate(sizes)]
    assert decode_all(paths, wanted).images.shape[1:] == shape


def test_one_colour_image_makes_the_set_coloured(tmp_path):
    paths = [saved(tmp_path / f"{i}.png", Image.new(mode, (4, 4))) for i, mode in enumerate(["L", "RGB", "1"])]
    decoded = decode_all(paths, Wanted())
    assert decoded.images.shape == (3, 3, 4, 4)
    assert decoded.conversions == {"gray to colour": 2, "1 bit to gray": 1}
    assert decode_all(paths, Wanted(channels="gray")).images.shape == (3, 1, 4, 4)


def test_images_that_would_not_fit_in_memory_are_refused_before_they_are_decoded(tmp_path):
    with pytest.raises(InputError, match="would take"):
        decode_all([tmp_path / "gone.png"] * 100_000, Wanted(shape=(3, 7_000, 7_000)))


def test_native_images_have_no_transparency(tmp_path):
    paths = [saved(tmp_path / f"{mode}.png", Image.new(mode, (4, 4))) for mode in ("LA", "L", "RGBA")]
    assert decode_all(paths[:2], Wanted()).images[:, :, 0, 0].tolist() == [[255], [0]]
    decoded = decode_all(paths, Wanted())
    assert decoded.images[:, :, 0, 0].tolist() == [[255] * 3, [0] * 3, [255] * 3]
    assert decoded.conversions == {"transparency laid on white": 2, "gray to colour": 2}


@pytest.mark.parametrize(
    "shape", [(1, 12, 12), (2, 12, 12), (3, 12, 12), (4, 12, 12), (1, 5, 9), (2, 5, 9), (3, 30, 30), (4, 30, 30)]
)
@pytest.mark.parametrize("source", [1, 2, 3, 4])
def test_arrays_are_converted_exactly_as_files_are(tmp_path, source, shape):
    pixels = noise(4, source, 12, 12)
    files = [
        saved(tmp_path / f"{i}.png", Image.fromarray(image.transpose(1, 2, 0).squeeze()))
        for i, image in enumerate(pixels)
    ]
    array = ImageSet(pixels, np.zeros(4, np.int64), ("a",), np.array(list("abcd")))
    conformed, decoded = conform(array, shape), decode_all(files, Wanted(shape=shape))
    assert np.array_equal(conformed.images, decoded.images)
    assert conformed.provenance.get("conversions", {}) == decoded.conversions


def test_expand_takes_files_folders_and_globs(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "deep/er/c.png", "notes.txt", ".hidden.png", "odd [1].png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)

    def names(*patterns: str) -> list[str]:
        return [str(path) for path in expand(patterns)]

    assert names(str(tmp_path)) == [f"{tmp_path}/{name}" for name in ("a.JPG", "b.png", "deep/er/c.png", "odd [1].png")]
    assert names("b.png", "*.png", "**/c.png") == ["b.png", "odd [1].png", "deep/er/c.png"]
    assert names("odd [1].png") == ["odd [1].png"]
    assert names("notes.txt") == ["notes.txt"]  # named outright: its content will tell
    assert names(".hid*") == [".hidden.png"]
    for nothing in ("gone.png", "*.webp", "deep/er/*.txt", "**.png"):
        with pytest.raises(InputError, match=r"no image file|no pattern"):
            expand([nothing])


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    saved(tmp_path / "b.png", Image.new("L", (2, 2)))
    finished = threading.Event()

    def work() -> None:
        assert [path.name for path in expand([str(tmp_path)])] == ["b.png"]
        finished.set()

    threading.Thread(target=work, daemon=True).start()
    assert finished.wait(20)
    shutil.rmtree(tmp_path)
