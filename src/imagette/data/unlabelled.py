"""Images to predict: files, folders and globs of pictures, the rows of a pixel CSV, pictures of Pillow's, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from imagette.core.console import say
from imagette.core.errors import InputError
from imagette.core.files import with_home
from imagette.core.shape import Shape
from imagette.data.formats import csv, decode, images, pixels
from imagette.data.formats.files import printable
from imagette.data.imageset import Images


def from_pictures(pictures: Sequence[Image.Image], shape: Shape) -> Images:
    """Convert pictures of Pillow's to pixels (N, C, H, W) uint8, as their files would be.

    Raises:
        InputError: for the first picture that is not read, with its number, from 0.
    """
    return np.stack([decode.from_picture(picture, shape, f"picture {i}") for i, picture in enumerate(pictures)])


def from_array(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Lay an image, or several, out as (N, C, H, W), where their shape says how; give any other array as it is.

    Args:
        array: (N, C, H, W), (N, H, W, C), one image without N, or gray ones without C.
        shape: the model's (C, H, W).

    Example:
        >>> from_array(np.zeros((28, 28), np.uint8), (1, 28, 28)).shape
        (1, 1, 28, 28)
        >>> from_array(np.zeros((5, 32, 32, 3), np.uint8), (3, 32, 32)).shape
        (5, 3, 32, 32)
    """
    channels, *sides = shape
    several = array[None] if array.shape in (shape, (*sides, channels), tuple(sides)) else array
    if channels == 1 and several.shape[1:] == tuple(sides):
        return several[:, None]
    if several.shape[1:] == (*sides, channels) != shape:
        return np.moveaxis(several, 3, 1)
    return several


def read(paths: Sequence[str], shape: Shape, skip_unreadable: bool = False) -> tuple[Images, list[str]]:
    """Read images to predict, converted as they were when the model was trained.

    Args:
        paths: files, folders and globs of image files, or one pixel CSV (``.csv``, ``.csv.gz``).
        shape: the model's (C, H, W).
        skip_unreadable: leave out image files that cannot be read, and say which, instead of stopping at the first.

    Returns:
        Pixels (N, C, H, W) uint8, and a name an image.

    Raises:
        InputError: when nothing matches, a file cannot be read, or a CSV is damaged, or not the only path.
    """
    tables = [with_home(path) for path in paths if path.lower().endswith((".csv", ".csv.gz"))]
    if tables and len(paths) > 1:
        raise InputError(
            f"{printable(tables[0])} is one of {len(paths)} paths: a CSV of pixels is predicted by itself",
            hint="give one CSV at a time; of image files, folders and patterns, as many as you like",
        )
    if tables:
        return _read_table(tables[0], shape)
    pictures, names, failures = images.read_images(images.expand(paths), shape, skip_unreadable)
    for _, why in failures:
        say(f"left out: {why}")
    return pictures, names


def _read_table(path: Path, shape: Shape) -> tuple[Images, list[str]]:
    if csv.names_files(path):
        raise InputError(
            f"{printable(path)}: a CSV of image files, not of pixels", hint="give the files, or their folder"
        )
    rows, _, ids = pixels.read_pixels(path)
    fitted = rows if rows.shape[1:] == shape else images.fit_all(rows, shape)[0]
    return fitted, list(map(str, ids))
