"""Pixel CSV: an image a row, its pixels in columns, as Kaggle's MNIST and Fashion-MNIST come.

With a header, the column called ``label`` or ``class`` holds the label and must be the first or the last; a file
without one holds images to predict. Without a header, the label is the first column, if there is one more than
pixels. 784 pixels are 28 × 28 gray: n² pixels are n × n gray; 3 n² are n × n colour, all red pixels before all green
before all blue (as CIFAR's binary files have them).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import closing
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.formats.decode import EXTENSIONS
from imagette.data.formats.files import printable
from imagette.data.formats.fitting import check_in_memory
from imagette.data.formats.text import Line, blocks, first_line
from imagette.data.imageset import Images

LABEL_COLUMNS = ("label", "class")
_LABEL_RANGE = (-(2**31), 2**31 - 1)


def read_pixels(path: str | Path) -> tuple[Images, npt.NDArray[np.int64] | None, npt.NDArray[np.str_]]:
    r"""Read a pixel CSV, plain or gzipped.

    Args:
        path: the file.

    Returns:
        The images, (N, C, H, W) uint8; the labels as the file has them, (N,) int64, or None when it has none; and
        for each image ``file.csv:line``.

    Raises:
        InputError: for the first row of another width, or value that is not a whole number from 0 to 255, with its
            line and column.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "tiny.csv"
        >>> _ = file.write_text("label,pixel1,pixel2,pixel3,pixel4\n7,0,1,2,255\n")
        >>> images, labels, ids = read_pixels(file)
        >>> images.tolist(), labels.tolist(), ids.tolist()
        ([[[[0, 1], [2, 255]]]], [7], ['tiny.csv:2'])
    """
    path = Path(path)
    table = _Table(path)
    pixels: list[npt.NDArray[np.uint8]] = []
    labels: list[npt.NDArray[np.int64]] = []
    lines: list[int] = []
    with closing(blocks(path)) as found:
        for block in found:
            rows = [line for line in block if line.number != table.header]
            if rows:
                values, numbers = table.parse(rows)
                pixels.append(values)
                labels.append(numbers)
                lines += [line.number for line in rows]
    if not lines:
        raise InputError(f"{printable(path)}: holds a header and no rows")
    check_in_memory((len(lines), *table.shape))
    name = printable(path.name)
    values, numbers = np.concatenate(pixels), np.concatenate(labels)
    if table.header is None and table.label == 0:
        _check_first_is_label(printable(path), numbers, values)
    return (
        values.reshape(-1, *table.shape),
        None if table.label is None else numbers,
        np.array([f"{name}:{line}" for line in lines]),
    )


def _check_first_is_label(name: str, first: npt.NDArray[np.int64], values: npt.NDArray[np.uint8]) -> None:
    """Refuse a file without a header whose last column looks more like labels than its first."""
    numbers, last = len(np.unique(first)), np.unique(values[:, -1])
    from_zero_on = np.array_equal(last, np.arange(len(last)))
    if 2 <= len(last) <= values.max() and from_zero_on and (numbers == 1 or numbers > len(last)):
        raise InputError(
            f"{name}: the label may be the last column, which holds 0 to {last[-1]}; the first one holds "
            f"{numbers} different numbers",
            hint="write a header into the first line that calls it label, as pixel0,pixel1,…,label",
        )


def has_labels(path: Path) -> bool:
    """Tell whether a pixel CSV brings labels, or only images to predict.

    Raises:
        InputError: when it is no pixel CSV.
    """
    return _Table(path).label is not None


def pixel_shape(count: int) -> Shape | None:
    """Tell the image that so many pixels make: square and gray, or square and colour.

    Example:
        >>> pixel_shape(784), pixel_shape(3072), pixel_shape(785)
        ((1, 28, 28), (3, 32, 32), None)
    """
    for channels in (1, 3):
        side = isqrt(count // channels)
        if side and channels * side * side == count:
            return channels, side, side
    return None


SEPARATORS = {";": "semicolon", "\t": "tab", "|": "bar"}  # that others write in place of the comma


class _Table:
    """What the first line tells about the columns, and how a row is read."""

    def __init__(self, path: Path) -> None:
        first = first_line(path)
        cells = [cell.strip().strip("\"'") for cell in first.text.split(",")]
        named = any(cell.lower() in LABEL_COLUMNS for cell in cells) or not any(map(_is_number, cells))
        self.name = printable(path)
        self.width = len(cells)
        self.columns = cells if named else None
        self.header = first.number if named else None
        self.label = self._label_column(cells)
        shape = pixel_shape(self.width - (self.label is not None))
        if shape is None:
            what = f"{self.width} columns" + ("" if self.label is None else ", one of them the label,")
            raise InputError(
                f"{self.name}:{first.number}: {what} are no square image",
                hint="a pixel CSV has a column called label and then n×n or 3×n×n pixels; "
                "a CSV of image files has columns called path and label",
            )
        if cells == [str(i) for i in range(self.width)]:
            raise InputError(
                f"{self.name}:{first.number}: the numbers 0, 1, … to {self.width - 1} may be a header or an image",
                hint="write names into the first line, as pixel0, or remove it",
            )
        self.shape = shape
        others = [name for sign, name in SEPARATORS.items() if sign in first.text]
        if self.width == 1 and others:
            raise InputError(f"{self.name}: its separator is the {others[0]}", hint="save it with commas")

    def _label_column(self, cells: Sequence[str]) -> int | None:
        if self.columns:
            found = [i for i, cell in enumerate(cells) if cell.lower() in LABEL_COLUMNS]
            if found and found[0] not in (0, self.width - 1):
                raise InputError(f"{self.name}: the label is column {found[0] + 1}", hint="make it the first or last")
            return found[0] if found else None
        if pixel_shape(self.width) and pixel_shape(self.width - 1):
            raise InputError(f"{self.name}: {self.width} columns may or may not hold a label", hint="add a header")
        return 0 if pixel_shape(self.width - 1) else None

    def parse(self, block: Sequence[Line]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Read rows: (n, pixels) uint8 and (n,) int64, the latter empty without labels."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # numpy before 2.3 cuts 0.5 off to 0, and warns
                values = np.loadtxt([line.text for line in block], np.int32, delimiter=",", comments=None, ndmin=2)
        except (ValueError, DeprecationWarning) as error:
            raise self._fault(block) from error
        if values.shape != (len(block), self.width):
            raise self._fault(block)
        labels = np.empty(0, np.int64)
        if self.label is not None:
            labels = values[:, self.label].astype(np.int64)
            values = values[:, 1:] if self.label == 0 else values[:, :-1]
        if values.min() < 0 or values.max() > 255:
            raise self._fault(block)
        return values.astype(np.uint8), labels

    def _fault(self, block: Sequence[Line]) -> InputError:
        """Find the first value, or row, that numpy's fast reader stumbled over."""
        for line in block:
            cells = line.text.split(",")
            if len(cells) != self.width:
                return InputError(
                    f"{self.name}:{line.number}: {len(cells)} columns where the first line has {self.width}",
                    hint="mend or remove that line",
                )
            for column, cell in enumerate(cells):
                low, high = _LABEL_RANGE if column == self.label else (0, 255)
                if not (_is_whole(cell) and low <= int(cell) <= high):
                    return self._bad_cell(line, column, cell)
        return InputError(f"{self.name}:{block[0].number}: cannot be read from this line on")

    def _bad_cell(self, line: Line, column: int, cell: str) -> InputError:
        called = f" ({printable(self.columns[column])})" if self.columns else ""
        kind = "label" if column == self.label else "pixel"
        allowed = "a whole number" + ("" if kind == "label" else " from 0 to 255")
        received = printable(cell if len(cell) <= 40 else f"{cell[:40]}…")
        return InputError(
            f"{self.name}:{line.number}: column {column + 1}{called}: {kind} {received!r} is not {allowed}",
            hint="a CSV of image files begins with the line: path,label"
            if not self.columns and Path(cell).suffix.lower() in EXTENSIONS
            else "mend or remove that line",
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]{1,400}", cell.strip()) is not None  # of thousands of digits Python reads no number
