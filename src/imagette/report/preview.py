"""A picture of labelled images in a grid: the first look at any data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.cells import cell_len, set_cell_size

from imagette.data.formats.decode import on_white, picture
from imagette.data.formats.files import printable
from imagette.data.imageset import ImageSet
from imagette.report.pictures import check_suffix, fonts, write

LONGEST_NAME = 12


def save(imageset: ImageSet, path: Path, rows: int = 4, columns: int = 16, title: str = "", seed: int = 0) -> None:
    """Save a PNG of images drawn at random, each under the name of its class.

    Args:
        imageset: the images; where there are fewer than the grid has places, all of them.
        path: the PNG file.
        rows: of the grid.
        columns: of the grid.
        title: stands above it; empty for the counts.
        seed: another one draws other images.

    Raises:
        InputError: for another suffix.
        EnvironmentFault: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> images = np.zeros((2, 1, 8, 8), np.uint8)
        >>> two = ImageSet(images, np.array([0, 1]), ("cat", "dog"), np.array(["1.png", "2.png"]))
        >>> save(two, Path(tempfile.mkdtemp()) / "two.png", rows=1, columns=2)
    """
    check_suffix(path)
    order = np.random.default_rng(seed).permutation(len(imageset))[: rows * columns]
    chosen = imageset.take(order)
    columns = min(columns, max(1, len(chosen)))
    rows = -(-len(chosen) // columns) or 1
    with rc_context({"font.family": fonts(), "text.usetex": False}):
        figure = _draw(chosen, rows, columns, title or str(imageset).removeprefix("ImageSet")[1:-1])
        write(path, figure)


def _draw(chosen: ImageSet, rows: int, columns: int, title: str) -> Figure:
    figure = Figure(figsize=(0.95 * columns + 0.3, 1.15 * rows + 0.5), dpi=100, layout="constrained")
    figure.suptitle(printable(title), fontsize=11, parse_math=False)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, label in zip(axes.flat, chosen.images, chosen.labels, strict=False):
        axis.imshow(np.asarray(on_white(picture(image))), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(shortened(chosen.classes[label], LONGEST_NAME), fontsize=8, pad=2, parse_math=False)
    return figure


def shortened(name: str, length: int) -> str:
    """Cut a name to the room of so many letters, of which a Chinese one takes two.

    Example:
        >>> shortened("Ankle boot", 6), shortened("短靴和凉鞋", 6)
        ('Ankle…', '短靴…')
    """
    clean = printable(name)
    return clean if cell_len(clean) <= length else f"{set_cell_size(clean, length - 1).rstrip()}…"
