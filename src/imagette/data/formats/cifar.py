"""CIFAR-10 and CIFAR-100: the batches for Python (pickles) and the binary ones.

Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagette.core.errors import InputError
from imagette.data.formats import pickles
from imagette.data.formats.idx import Arrays

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def read_python(blobs: Sequence[bytes]) -> tuple[Arrays, Arrays]:
    """Read the pickled batches: all but the last are training images.

    Returns:
        Twice images (N, 3, 32, 32) uint8 and labels (N,) int64; CIFAR-100's labels are the 100 fine ones.

    Raises:
        InputError: when a batch holds anything but pixels and labels.
    """
    return _divide([_python_batch(blob, f"CIFAR batch {i + 1}") for i, blob in enumerate(blobs)])


def read_binary(blobs: Sequence[bytes], label_bytes: int) -> tuple[Arrays, Arrays]:
    """Read the binary batches: all but the last are training images.

    Args:
        blobs: records of the labels, then 3,072 pixels: red, green and blue planes, row by row.
        label_bytes: labels in a record: 1 for CIFAR-10; 2 for CIFAR-100, of which the fine one is the last.

    Returns:
        As ``read_python``.

    Raises:
        InputError: when a file does not hold whole records.
    """
    return _divide([_binary_batch(blob, label_bytes, f"CIFAR file {i + 1}") for i, blob in enumerate(blobs)])


def _python_batch(blob: bytes, where: str) -> Arrays:
    batch = pickles.loads(blob, where)
    if not isinstance(batch, dict):
        raise InputError(f"{where}: holds {type(batch).__name__}, not a dict of data and labels")
    images, labels = batch.get("data"), batch.get("fine_labels", batch.get("labels"))
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (PIXELS,):
        raise InputError(f"{where}: its 'data' is not uint8 pixels of shape (N, {PIXELS})")
    if not isinstance(labels, list) or len(labels) != len(images) or not all(type(x) is int for x in labels):
        raise InputError(f"{where}: its labels are not {len(images)} whole numbers")
    return images.reshape(-1, *SHAPE), np.array(labels, np.int64)


def _binary_batch(blob: bytes, label_bytes: int, where: str) -> Arrays:
    record = label_bytes + PIXELS
    if not blob or len(blob) % record:
        raise InputError(f"{where}: {len(blob):,} bytes are not a whole number of records of {record:,} bytes")
    records = np.frombuffer(blob, np.uint8).reshape(-1, record)
    return records[:, label_bytes:].reshape(-1, *SHAPE), records[:, label_bytes - 1].astype(np.int64)


def _divide(batches: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
    images, labels = zip(*batches[:-1], strict=True)
    return (np.concatenate(images), np.concatenate(labels)), batches[-1]
