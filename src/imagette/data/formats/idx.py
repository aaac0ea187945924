"""The IDX format of MNIST and its kin: a magic number, the sizes, then the bytes; plain or gzipped.

Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.data.formats.gz import GZIP, gunzip
from imagette.data.imageset import Images, Labels

LIMIT = 1 << 32  # bytes in one file, packed or not
UNSIGNED_BYTE = 0x08
DIMENSIONS = range(1, 5)
Arrays = tuple[Images, Labels]


def parse(data: bytes, where: str) -> npt.NDArray[np.uint8]:
    """Read the bytes of an IDX file, gzipped or not.

    Args:
        data: the whole file.
        where: the file's name, for messages.

    Raises:
        InputError: when they are not such a file's, cut off, or too many; with the file's name and the number of bytes.

    Example:
        >>> parse(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels").tolist()
        [7, 9]
    """
    if data.startswith(GZIP):
        data = gunzip(data, LIMIT, where)
    zeros, kind, dimensions = struct.unpack(">HBB", data[:4]) if len(data) >= 4 else (1, 0, 0)
    if zeros or kind != UNSIGNED_BYTE or dimensions not in DIMENSIONS:
        raise InputError(
            f"{where}: not an IDX file of unsigned bytes: it begins with {data[:4].hex(' ') or 'nothing'}",
            hint="labels begin with 00 00 08 01, images with 00 00 08 03",
        )
    head = 4 + 4 * dimensions
    sizes = struct.unpack(f">{dimensions}I", data[4:head]) if len(data) >= head else (LIMIT,)
    expected = head + math.prod(sizes)
    if len(data) != expected:
        fault = "cut off" if len(data) < expected else "too long"
        claim = f"its header ({' × '.join(map(str, sizes))}) names {expected:,}" if len(data) >= head else "no header"
        raise InputError(f"{where}: {fault}: {len(data):,} bytes, {claim}", hint="get the file again")
    return np.frombuffer(data, np.uint8, offset=head).reshape(sizes)


def read_bundle(blobs: Sequence[bytes]) -> tuple[Arrays, Arrays]:
    """Read training images and labels, test images and labels, in this order.

    Returns:
        Twice images (N, 1, H, W) uint8 and labels (N,) int64.

    Raises:
        InputError: when a file is not what its place says, or images and labels differ in number.
    """
    train_images, train_labels, test_images, test_labels = (
        parse(blob, f"IDX file {i + 1}") for i, blob in enumerate(blobs)
    )
    return _pair(train_images, train_labels), _pair(test_images, test_labels)


def _pair(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Arrays:
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise InputError(f"images of shape {images.shape} do not go with labels of shape {labels.shape}")
    return images[:, None], labels.astype(np.int64)
