"""Images to predict: files, folders and globs of pictures, the rows of a pixel CSV, pictures of Pillow's, arrays."""

from __future__ import annotations

import os
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
from imagette.data.formats import csv, decode, pixels
from imagette.data.formats.decode import EXTENSIONS
from imagette.data.formats.files import printable, walk
from imagette.data.formats.fitting import fit_all
from imagette.data.formats.images import decode_all
from imagette.data.formats.wanted import Wanted
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
    pictures, names, failures = read_images(expand(paths), shape, skip_unreadable)
    for _, why in failures:
        say(f"left out: {why}")
    return pictures, names


def _read_table(path: Path, shape: Shape) -> tuple[Images, list[str]]:
    if csv.names_files(path):
        raise InputError(
            f"{printable(path)}: a CSV of image files, not of pixels", hint="give the files, or their folder"
        )
    rows, _, ids = pixels.read_pixels(path)
    fitted = rows if rows.shape[1:] == shape else fit_all(rows, shape)[0]
    return fitted, list(map(str, ids))


def read_images(
    paths: Sequence[Path], shape: Shape, skip_unreadable: bool = False
) -> tuple[Images, list[str], list[tuple[str, str]]]:
    """Read image files exactly as an import does.

    Args:
        paths: the files.
        shape: (channels, height, width) of the images that the model was trained on.
        skip_unreadable: leave out files that cannot be read, instead of stopping at the first.

    Returns:
        The images, (N, C, H, W) uint8; the paths they came from; (path, reason) of every file left out.

    Raises:
        InputError: for the first file that cannot be read.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> file = Path(tempfile.mkdtemp()) / "gray.png"
        >>> Image.new("L", (4, 4), 7).save(file)
        >>> images, ids, failures = read_images([file], (1, 4, 4))
        >>> images.shape, int(images[0, 0, 0, 0]), Path(ids[0]).name, failures
        ((1, 1, 4, 4), 7, 'gray.png', [])
    """
    decoded = decode_all(paths, Wanted(shape=shape, skip_unreadable=skip_unreadable))
    names = [printable(path) for path in paths]
    return decoded.images, [names[i] for i in decoded.kept], [(names[i], why) for i, why in decoded.failures]


def expand(patterns: Sequence[str]) -> list[Path]:
    """Find the image files that files, folders (with all inside) and globs stand for; each file once.

    Args:
        patterns: as a user writes them; the files of each come sorted.

    Raises:
        InputError: for a pattern that stands for no image file.

    Example:
        >>> expand(["no-such-*.png"])
        Traceback (most recent call last):
        imagette.core.errors.InputError: 'no-such-*.png' matches no image file
          hint: give image files, folders of them, or patterns such as 'drawings/*.png'
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = with_home(pattern)
        there = os.path.exists(path)  # noqa: PTH110  # unlike Path's, it takes any text for an answer
        files = [file for match in ([path] if there else _matches(path)) for file in _images_at(match)]
        if not files or not str(pattern):  # what is empty would stand for the working folder
            raise InputError(
                f"{printable(pattern)!r} matches no image file",
                hint="give image files, folders of them, or patterns such as 'drawings/*.png'",
            )
        found.update(dict.fromkeys(files))
    return list(found)


def _matches(pattern: Path) -> list[Path]:
    """Find what a glob stands for; hidden names only where it asks for them."""
    hidden = _is_hidden(pattern)
    try:  # Path.glob, because glob.glob would follow links in circles
        found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(str(pattern)[:80])!r} is no pattern: {reason}") from error
    return [match for match in found if hidden or not _is_hidden(match)]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != ".." for part in path.parts)


def _images_at(path: Path) -> list[Path]:
    if path.is_dir():
        return [Path(file.path) for file in walk(path) if file.suffix in EXTENSIONS]
    return [path] if path.is_file() else []
