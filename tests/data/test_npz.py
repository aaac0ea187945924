"""Arrays from a file: what they mean is certain, or they are refused; nothing is ever unpickled."""

import zipfile

import numpy as np
import pytest

from imagette.core.errors import InputError
from imagette.data.formats import npz
from imagette.data.formats.wanted import Wanted

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (6, 5, 6), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 6, 3), np.uint8)
CLEAR = RNG.integers(0, 256, (6, 5, 6, 4), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def read(path, **arrays):
    np.savez(path / "a.npz", **arrays)
    return npz.read(path / "a.npz", Wanted())


def fault(path, **arrays) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **arrays)
    assert "a.npz" in caught.value.message
    return str(caught.value)


def test_keras_names(tmp_path):
    parts = read(
        tmp_path, x_train=GRAY, y_train=LABELS[:, None].astype(np.uint8), x_test=GRAY[:2], y_test=np.array([2, 1])
    )
    assert np.array_equal(parts.train.images, GRAY[:, None])
    assert np.array_equal(parts.train.labels, LABELS)
    assert parts.train.classes == parts.test.classes == ("0", "1", "2")
    assert parts.test.labels.tolist() == [2, 1]
    assert parts.test.ids.tolist() == ["x_test/0", "x_test/1"]
    assert parts.validation is None


def test_images_without_labels_are_said_and_not_used(tmp_path):
    train = read(tmp_path, x_train=GRAY, y_train=LABELS, x_test=GRAY[:2]).train
    assert train.provenance["notes"][0].endswith("not used, having no labels: x_test")


def test_medmnist_names(tmp_path):
    images = {f"{part}_images": COLOUR[:n] for part, n in {"train": 6, "val": 3, "test": 2}.items()}
    labels = {f"{part}_labels": LABELS[:n, None] for part, n in {"train": 6, "val": 3, "test": 2}.items()}
    parts = read(tmp_path, **images, **labels)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [6, 3, 2]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GRAY, GRAY[:, None]),
        (GRAY[..., None], GRAY[:, None]),
        (GRAY[:, None], GRAY[:, None]),
        (COLOUR, COLOUR.transpose(0, 3, 1, 2)),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2)),
        (CLEAR, CLEAR.transpose(0, 3, 1, 2)),
        (CLEAR.transpose(0, 3, 1, 2), CLEAR.transpose(0, 3, 1, 2)),
        (CLEAR[..., :2], CLEAR[..., :2].transpose(0, 3, 1, 2)),
        (CLEAR[..., :2].transpose(0, 3, 1, 2), CLEAR[..., :2].transpose(0, 3, 1, 2)),
        (GRAY[:, :, :5].reshape(6, 25), GRAY[:, None, :, :5]),
        (GRAY.astype(np.int64), GRAY[:, None]),
    ],
)
def test_layouts(tmp_path, images, expected):
    train = read(tmp_path, images=images, labels=LABELS).train
    assert np.array_equal(train.images, expected)
    assert train.images.dtype == np.uint8


@pytest.mark.parametrize(
    "images",
    [
        GRAY.astype(np.float32) / 255,
        GRAY.astype(np.int32) - 200,
        GRAY.astype(np.int32) + 200,
        GRAY > 9,
        GRAY[:, :3, :, None].repeat(3, axis=3),
        CLEAR[:, :4],
        CLEAR[:, :2, :, :3],
        np.concatenate((CLEAR, GRAY[..., None]), axis=3),
        GRAY[:, 0],
        GRAY[0, 0],
        np.array(["cat"] * 6),
    ],
    ids=[
        "float",
        "negative",
        "over 255",
        "bool",
        "3 × 6 × 3",
        "4 × 6 × 4",
        "2 × 6 × 3",
        "five",
        "no square",
        "one number",
        "text",
    ],
)
def test_images_that_may_mean_something_else_are_refused(tmp_path, images):
    assert "images" in fault(tmp_path, images=images, labels=LABELS)


def test_names_as_labels_and_names_of_classes(tmp_path):
    names = np.array(["dog", "cat", "owl"])
    by_name = read(tmp_path, images=GRAY, labels=names[LABELS]).train
    assert by_name.classes == ("cat", "dog", "owl")
    assert by_name.labels.tolist() == [1, 0, 2, 1, 0, 2]
    by_number = read(tmp_path, images=GRAY, labels=LABELS, classes=names).train
    assert by_number.classes == ("dog", "cat", "owl")
    assert by_number.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GRAY}, "holds images"),
        ({"images": GRAY[:0], "labels": LABELS[:0]}, "images holds no images"),
        ({"images": GRAY, "labels": LABELS[:5]}, "labels has shape (5,)"),
        ({"images": GRAY, "labels": np.eye(6)}, "labels has shape (6, 6)"),
        ({"images": GRAY, "labels": LABELS.astype(float)}, "float64"),
        ({"images": GRAY, "labels": LABELS - 1}, "labels[0]: label -1"),
        ({"images": GRAY, "labels": LABELS + 5 * (np.arange(6) == 4)}, "labels[4]: label 6"),
        ({"images": GRAY, "labels": LABELS, "classes": np.array(["a", "b"])}, "labels[2]: label 2"),
        ({"images": GRAY, "labels": LABELS, "classes": np.array([1, 2, 3])}, "classes"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, arrays, message):
    assert message in fault(tmp_path, **arrays)


class Boom:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_inside_is_refused_and_never_executed(tmp_path, capsys):
    assert "would execute code" in fault(tmp_path, images=GRAY, labels=np.array([Boom()] * 6))
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["truncated", "no archive", "flipped", "encrypted"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "a.npz"
    np.savez(path, images=GRAY, labels=LABELS)
    content = path.read_bytes()
    at, entry = content.index(GRAY.tobytes()), content.index(b"PK\x01\x02")
    path.write_bytes(
        {
            "truncated": content[:-40],
            "no archive": b"hello",
            "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
            "encrypted": content[: entry + 8] + b"\x01" + content[entry + 9 :],
        }[damage]
    )
    with pytest.raises(InputError, match=r"a\.npz: cannot be read"):
        npz.read(path, Wanted())


def test_a_header_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("images.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2**10, 2**10)}
        )
    with pytest.raises(InputError, match=r"a\.npz"):
        npz.read(path, Wanted())
