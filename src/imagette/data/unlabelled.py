"""Images to predict: files, folders and globs of pictures, or the rows of a pixel CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagette.core.console import say
from imagette.core.errors import InputError
from imagette.data.formats import csv, images, pixels
from imagette.data.formats.files import printable
from imagette.data.imageset import Images

Shape = tuple[int, int, int]


def read(paths: Sequence[str], shape: Shape, skip_unreadable: bool = False) -> tuple[Images, list[str]]:
    """Read images to predict, converted as they were when the model was trained.

    Args:
        paths: files, folders and globs of image files, or one pixel CSV (``.csv``, ``.csv.gz``).
        shape: the model's (C, H, W).
        skip_unreadable: leave out image files that cannot be read, and say which, instead of stopping at the first.

    Returns:
        Pixels (N, C, H, W) uint8, and a name an image.

    Raises:
        InputError: when nothing matches, a file cannot be read, or a CSV is damaged.
    """
    if len(paths) == 1 and paths[0].lower().endswith((".csv", ".csv.gz")):
        if csv.names_files(Path(paths[0])):
            raise InputError(
                f"{printable(paths[0])}: a CSV of image files, not of pixels", hint="give the files, or their folder"
            )
        rows, _, ids = pixels.read_pixels(paths[0])
        fitted = rows if rows.shape[1:] == shape else images.fit_all(rows, shape)[0]
        return fitted, list(map(str, ids))
    pictures, names, failures = images.read_images(images.expand(paths), shape, skip_unreadable)
    for _, why in failures:
        say(f"left out: {why}")
    return pictures, names
