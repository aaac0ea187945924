"""An ImageSet holds together, or is refused; its fingerprint is that of its content."""

import numpy as np
import pytest

from imagette.core.errors import InputError
from imagette.data.imageset import ImageSet

CLASSES = ("cat", "dog", "owl")


def make(**changes) -> ImageSet:
    rng = np.random.default_rng(0)
    given = {
        "images": rng.integers(0, 256, (6, 3, 4, 5), np.uint8),
        "labels": np.array([0, 1, 2, 0, 1, 2]),
        "classes": CLASSES,
        "ids": np.array([f"{i}.png" for i in range(6)]),
        "provenance": {"source": "test"},
    }
    return ImageSet(**given | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((6, 3, 4, 5), np.float32)}, "float32"),
        ({"images": np.zeros((6, 4, 5), np.uint8)}, "(6, 4, 5)"),
        ({"images": np.zeros((6, 5, 4, 5), np.uint8)}, "C = 1 to 4"),
        ({"images": np.zeros((6, 0, 4, 5), np.uint8)}, "C = 1 to 4"),
        ({"images": np.zeros((6, 3, 0, 5), np.uint8)}, "no pixel"),
        ({"labels": np.zeros(5, np.int64)}, "labels"),
        ({"labels": np.zeros(6, np.int32)}, "int64"),
        ({"labels": np.array([0, 1, 2, 3, 0, 0])}, "label 3 of image '3.png'"),
        ({"labels": np.array([0, -1, 2, 0, 0, 0])}, "label -1 of image '1.png'"),
        ({"ids": np.arange(6)}, "ids"),
        ({"classes": ("cat", "cat", "dog")}, "twice"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_one_to_four_channels_are_images(channels):
    assert make(images=np.zeros((6, channels, 4, 5), np.uint8)).shape == (channels, 4, 5)


def test_take_keeps_images_labels_and_ids_together():
    whole = make()
    part = whole.take([4, 0])
    assert np.array_equal(part.images, whole.images[[4, 0]])
    assert part.labels.tolist() == [1, 0]
    assert part.ids.tolist() == ["4.png", "0.png"]
    assert part.classes == CLASSES
    assert part.provenance == whole.provenance


def test_take_takes_a_mask():
    whole = make()
    assert whole.take(whole.labels == 1).ids.tolist() == whole.ids[whole.labels == 1].tolist()
    assert len(whole.take(np.zeros(6, bool))) == len(whole.take([])) == 0


@pytest.mark.parametrize("indices", [[6], [-1], [0.7], [[0, 1]], np.ones(5, bool)])
def test_take_refuses_what_names_no_images(indices):
    with pytest.raises(InputError, match="take no part of 6 images"):
        make().take(indices)


def test_fingerprint_is_the_content_and_not_the_memory_layout():
    one = make()
    transposed = np.asfortranarray(one.images)
    assert make(images=transposed, ids=np.array(list("abcdef")), provenance={}).fingerprint == one.fingerprint


@pytest.mark.parametrize("what", ["pixel", "label", "class", "order", "shape"])
def test_fingerprint_sees_every_change(what):
    one = make()
    images = one.images.copy()
    if what == "pixel":
        images[5, 2, 3, 4] ^= 1
    other = {
        "pixel": lambda: make(images=images),
        "label": lambda: make(labels=np.array([0, 1, 2, 0, 1, 1])),
        "class": lambda: make(classes=("cat", "dog", "eel")),
        "order": lambda: one.take([1, 0, 2, 3, 4, 5]),
        "shape": lambda: make(images=images.reshape(6, 3, 5, 4)),
    }[what]()
    assert other.fingerprint != one.fingerprint


def test_counts_names_classes_without_images():
    assert make().take([0, 3]).counts() == {"cat": 2, "dog": 0, "owl": 0}


def test_notes_add_up():
    assert make().note("one").note("two").provenance["notes"] == ["one", "two"]
