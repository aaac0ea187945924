"""CSV files, plain or gzipped: of pixels (see :mod:`imagette.data.formats.pixels`), or of paths and labels.

The latter has a header with a column called ``path`` (or ``file``, ``filename``, ``image``, ``image_path``,
``file_path``, ``filepath``) and one called ``label`` (or ``class``). A column called ``split``, ``set`` or ``subset``
that says ``train``, ``validation`` or ``test`` in every row (or as folders may be called) divides the images; other
columns are left alone. Paths are relative to the CSV's folder, or absolute; a label is the name of a class.

The classes of a pixel CSV are named by its numbers. A file ``classes.txt`` beside it, one name a line from number 0
on, gives better ones. Kaggle's two Fashion-MNIST files are recognised by what they hold, and bring their class names.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.data.formats import pixels
from imagette.data.formats.files import FoundFile, printable, stamp
from imagette.data.formats.folder import NAMES, Listing, read_listing
from imagette.data.formats.labels import are_numerals, from_numbers
from imagette.data.formats.pixels import LABEL_COLUMNS, read_pixels
from imagette.data.formats.text import Line, blocks, first_line
from imagette.data.formats.wanted import Wanted
from imagette.data.imageset import Images, ImageSet
from imagette.data.importcache import cached
from imagette.data.splits import Parts

PATH_COLUMNS = ("path", "file", "filename", "image", "image_path", "file_path", "filepath")
SPLIT_COLUMNS = ("split", "set", "subset")
PARTS = {name: part for part, names in NAMES.items() for name in names}
CLASSES_FILE = "classes.txt"
Row = tuple[int, list[str]]  # the number of its line, and its cells
KNOWN = {"613d570f51368b16": "fashion-mnist", "183663a9f112861a": "fashion-mnist"}
"""Digest of pixels and labels to the data set of the catalog whose Kaggle division they are."""


def read(path: Path, wanted: Wanted) -> Parts:
    """Import a CSV.

    Args:
        path: the file.
        wanted: what the images shall be like.

    Raises:
        InputError: with the file and line of the first fault.
    """
    columns = _path_and_label(path)
    return _read_paths(path, columns, wanted) if columns else Parts(_read_pixels(path, wanted))


def has_labels(path: Path) -> bool:
    """Tell whether a CSV brings labels, or only images to predict."""
    if names_files(path):
        return any(cell in LABEL_COLUMNS for cell in _header(path))
    return pixels.has_labels(path)


def names_files(path: Path) -> bool:
    """Tell whether a CSV is one of image files, not of pixels."""
    return any(cell in PATH_COLUMNS for cell in _header(path))


def _header(path: Path) -> list[str]:
    _, cells = next(_rows(path, [first_line(path)]))
    return [cell.strip().lower() for cell in cells]


def _path_and_label(path: Path) -> tuple[int, int] | None:
    """Find the two columns of a CSV of paths; None when it is one of pixels."""
    header = _header(path)
    paths = [i for i, cell in enumerate(header) if cell in PATH_COLUMNS]
    labels = [i for i, cell in enumerate(header) if cell in LABEL_COLUMNS]
    if not paths:
        return None
    if not labels:
        raise InputError(f"{printable(path)}: no column is called {' or '.join(LABEL_COLUMNS)}")
    return paths[0], labels[0]


def _read_paths(path: Path, columns: tuple[int, int], wanted: Wanted) -> Parts:
    header, rows = _header(path), list(_rows_of_paths(path, columns))
    split = _split_column(path, header, rows)
    once = _once(path, columns, rows)
    listings = {part: Listing() for part in NAMES}
    for number, cells in once:
        listing = listings["train" if split is None else PARTS[_cell(cells, split)]]
        file = cells[columns[0]].strip()
        listing.files.append(_file(path, number, file, wanted))
        listing.names.append(printable(cells[columns[1]].strip()))
        listing.places.append(printable(file))
    train = _read_part(listings.pop("train"), path, wanted)
    rest = {part: _read_part(found, path, wanted.like(train)) for part, found in listings.items() if found.files}
    if left := ", ".join(printable(cell) for i, cell in enumerate(header) if i not in (*columns, split)):
        train = train.note(f"{printable(path)}: not used: column {left}")
    if again := len(rows) - len(once):
        train = train.note(f"{printable(path)}: {again:,} rows name an image again, and count once")
    return Parts(train, **rest)


def _once(path: Path, columns: tuple[int, int], rows: Sequence[Row]) -> list[Row]:
    """Give each image's first row, and refuse a later one of another class."""
    first: dict[str, Row] = {}
    for number, cells in rows:
        file, name = (cells[column].strip() for column in columns)
        line, before = first.setdefault(file, (number, cells))
        if (label := before[columns[1]].strip()) != name:
            raise InputError(
                f"{printable(path)}:{number}: {printable(file)} is {printable(name)!r} here, "
                f"and {printable(label)!r} in line {line}",
                hint="an image has one class: leave one row of it",
            )
    return list(first.values())


def _read_part(listing: Listing, path: Path, wanted: Wanted) -> ImageSet:
    listing.classes = sorted(set(listing.names))
    return read_listing(listing, path, wanted, {"source": "csv of paths", "path": printable(path)})


def _rows_of_paths(path: Path, columns: tuple[int, int]) -> Iterator[Row]:
    width = len(_header(path))
    lines = [line for block in blocks(path) for line in block][1:]
    if not lines:
        raise InputError(f"{printable(path)}: holds no rows")
    for number, cells in _rows(path, lines):
        if any(cell.strip() for cell in cells[width:]):
            raise InputError(
                f"{printable(path)}:{number}: {len(cells)} columns where the header has {width}",
                hint='a path or a label with a comma in it stands in quotes: "a, b"',
            )
        if len(cells) <= max(columns) or not all(cells[column].strip() for column in columns):
            raise InputError(f"{printable(path)}:{number}: a path or a label is missing")
        yield number, cells


def _split_column(path: Path, header: Sequence[str], rows: Sequence[Row]) -> int | None:
    """Find the column that says of every row which part it belongs to, some of them to the training images."""
    for column in (i for i, cell in enumerate(header) if cell in SPLIT_COLUMNS):
        parts = [PARTS.get(_cell(cells, column)) for _, cells in rows]
        if "train" not in parts:
            continue
        if None in parts:
            number, cells = rows[parts.index(None)]
            raise InputError(
                f"{printable(path)}:{number}: {header[column]} {printable(_cell(cells, column))!r} is no part",
                hint=f"write one of {', '.join(NAMES)} in every row, or call the column otherwise",
            )
        return column
    return None


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column].strip().lower() if column < len(cells) else ""


def _rows(path: Path, lines: Sequence[Line]) -> Iterator[Row]:
    """Yield each row with the number of the line that it ends in: a quoted cell may go over several."""
    reader = csv.reader((f"{line.text}\n" for line in lines), skipinitialspace=True)
    try:
        for cells in reader:
            yield lines[reader.line_num - 1].number, cells
    except csv.Error as error:
        raise InputError(
            f"{printable(path)}:{lines[reader.line_num - 1].number}: {error}", hint='is a quote (") left open?'
        ) from error


def _file(path: Path, line: int, name: str, wanted: Wanted) -> FoundFile:
    file = path.parent / name
    if not os.path.isfile(file):  # noqa: PTH113  # unlike Path's, it takes any text for an answer
        if wanted.skip_unreadable:
            return FoundFile(str(file), -1)
        raise InputError(
            f"{printable(path)}:{line}: no image file {printable(name if len(name) <= 80 else f'{name[:80]}…')!r}",
            hint=f"paths are relative to {printable(path.parent)}; data.skip_unreadable = true leaves such files out",
        )
    found = file.stat()
    return FoundFile(str(file), found.st_size, stamp(found))


def _read_pixels(path: Path, wanted: Wanted) -> ImageSet:
    named = path.with_name(CLASSES_FILE)
    names = _class_names(named) if named.is_file() else None

    def make() -> ImageSet:
        images, numbers, ids = read_pixels(path)
        if numbers is None:
            raise InputError(
                f"{printable(path)}: has no labels", hint="a column called label, before or after those of the pixels"
            )
        about: dict[str, Any] = {"source": "csv of pixels", "path": printable(path), "conversions": {}}
        known, known_names = _recognise(images, numbers)
        numbered = wanted.classes and are_numerals(wanted.classes)
        own = names or (None if numbered else known_names)  # what is recognised does not contradict the training images
        labels, classes = from_numbers(numbers, ids, wanted.classes, wanted.allow_empty_classes, own)
        return ImageSet(images, labels, classes, ids, about | known)

    found = path.stat()
    return cached(path, [found.st_size, stamp(found), names, asdict(wanted)], make)


def _class_names(file: Path) -> tuple[str, ...]:
    names = tuple(printable(line.text.strip()) for block in blocks(file) for line in block)
    if not names:
        raise InputError(f"{printable(file)}: names no class")
    return names


def _recognise(images: Images, numbers: npt.NDArray[np.int64]) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Say what a known file is, and how its classes are called."""
    name = KNOWN.get(content_digest(images, numbers))
    if name is None:
        return {}, None
    from imagette.data.catalog import entry

    known = entry(name)
    note = f"recognised by its content: {known.title}, in Kaggle's division; classes are named accordingly"
    return {"dataset": name, "division": "kaggle", "notes": [note]}, known.classes


def content_digest(images: Images, numbers: npt.NDArray[np.int64]) -> str:
    """Compute 16 hexadecimal digits of the pixels and labels, whatever the classes are called."""
    total = hashlib.sha256(np.ascontiguousarray(images).data)
    total.update(np.ascontiguousarray(numbers, "<i8").data)
    return total.hexdigest()[:16]
