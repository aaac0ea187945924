"""Images that stay on the disk: arrays of an ``.npz`` file and unnamed files, mapped into memory and not read into it.

The pages of a mapped array come from the disk when they are touched. Whoever goes over a large array does so by
``blocks``, which lets the pages go again: what it takes in memory does not grow with the array.
"""

from __future__ import annotations

import mmap
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from imagette.core.files import write_fault
from imagette.data.places import cache_folder

LARGE = 16 * 2**20  # bytes from which an array is mapped: reading less is quicker
BLOCK = 16 * 2**20  # bytes that are looked at in one go
# What a damaged zip raises; RuntimeError comes from an entry that says it is encrypted, or packed in an unknown way.
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
_LOCAL_HEADER = 30  # bytes of a zip entry before its name, of which the last four are the lengths of name and extra

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]  # (N, C, H, W)


def read_npz(path: Path) -> dict[str, Array]:
    """Read the arrays of an ``.npz`` file, never pickled ones; large ones that are not compressed are only mapped.

    The CRC-32 of every array is checked here, that of a mapped one by a pass over the file that keeps nothing. What
    is written into the file afterwards is not noticed, and shows in a mapped array: files are replaced, not changed.

    Args:
        path: the file.

    Returns:
        The arrays by name; mapped ones cannot be written to.

    Raises:
        ValueError: when an array is pickled or its header damaged.
        OSError, or another of ``ZIP_DAMAGE``: when the file cannot be read, is no zip file or a checksum is wrong.

    Example:
        >>> file = Path(tempfile.mkdtemp()) / "a.npz"
        >>> np.savez(file, small=np.arange(3), large=np.zeros(LARGE, np.uint8))
        >>> arrays = read_npz(file)
        >>> is_mapped(arrays["small"]), is_mapped(arrays["large"])
        (False, True)
    """
    found: dict[str, Array] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as archive:
            for name in arrays.files:
                entry = next((entry for entry in mappable(archive) if entry.filename in (name, f"{name}.npy")), None)
                mapped = _map(path, archive, entry) if entry else None
                found[name] = arrays[name] if mapped is None else mapped
    except (tokenize.TokenError, SyntaxError, TypeError) as error:  # numpy reads a header as Python
        raise ValueError(f"the header of an array is damaged: {error}") from error
    return found


def mappable(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """List the entries that are large and lie in the file as they are."""
    plain = (entry for entry in archive.infolist() if entry.compress_type == zipfile.ZIP_STORED)
    return [entry for entry in plain if entry.file_size >= LARGE and not entry.flag_bits & 1]


def _map(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array | None:
    """Check an entry and map its array; nothing for what numpy must read itself, or refuse."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + _LOCAL_HEADER - 4)
        lengths = file.read(4)
        skip = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        file.seek(entry.header_offset + _LOCAL_HEADER + skip)
        start = file.tell()
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            return None
        shape, fortran, dtype = readers[version](file)
        offset = file.tell()
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject:
            return None
        if (there := entry.file_size - (offset - start)) != size:
            raise ValueError(f"{entry.filename}: its header promises {size:,} bytes, and {there:,} follow")
    with archive.open(entry) as whole:
        while whole.read(2**20):  # the last piece compares the checksum
            pass
    return np.asarray(np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C"))


def is_mapped(array: Array) -> bool:
    """Tell whether an array's numbers lie in a mapped file."""
    return _file_of(array) is not None


def _file_of(array: Any) -> mmap.mmap | None:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array


def blocks(array: Array, rows: npt.NDArray[np.int64] | None = None) -> Iterator[Array]:
    """Go over the rows of an array, some ten megabytes at a time, and let the pages of a mapped one go behind.

    Args:
        array: (N, ...) of any type.
        rows: (M,) which rows, in this order; all by default.

    Yields:
        (B, ...) of the same type: a view where all rows are asked for, valid until the next block.

    Example:
        >>> [block.tolist() for block in blocks(np.arange(4), np.array([3, 0]))]
        [[3, 0]]
    """
    size = max(1, BLOCK // max(1, array[:1].nbytes))
    file = _file_of(array)
    for part in _parts(len(array), rows, size, file is not None):
        yield array[part]
        if file is not None and hasattr(mmap, "MADV_DONTNEED"):
            file.madvise(mmap.MADV_DONTNEED)  # it is mapped read-only: nothing can be lost


def _parts(n: int, rows: npt.NDArray[np.int64] | None, size: int, mapped: bool) -> Sequence[Any]:
    if rows is None:
        return [slice(start, start + size) for start in range(0, n, size)]
    if mapped and bool((np.diff(rows) > 0).all()):  # few rows of many pages: it is the pages that are counted
        return np.split(rows, np.flatnonzero(np.diff(rows // size)) + 1)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def gather(images: Pixels, rows: npt.NDArray[np.int64], mapped: bool = False) -> Pixels:
    """Copy some images into memory, or into an unnamed file in the cache folder that vanishes with the process.

    Whole pixels lie together (N, H, W, C), as batches want them.

    Args:
        images: (N, C, H, W) uint8.
        rows: (M,) which.
        mapped: into a file.

    Returns:
        (M, C, H, W) uint8, a view.

    Raises:
        EnvironmentFault: when the file cannot be written.

    Example:
        >>> two = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
        >>> gather(two, np.array([1]), mapped=True)[0, 2, 1].tolist()
        [22, 23]
    """
    _, channels, height, width = images.shape
    shape = (len(rows), height, width, channels)
    if mapped and len(rows):
        whole_pixels = _filed(images, rows, shape)
    else:
        whole_pixels, done = np.empty(shape, np.uint8), 0
        for block in blocks(images, rows):
            whole_pixels[done : done + len(block)] = block.transpose(0, 2, 3, 1)
            done += len(block)
    if channels == 1:  # the same bytes, without strides by which torch would take a gray image for another layout
        return whole_pixels.reshape(len(rows), 1, height, width)
    return whole_pixels.transpose(0, 3, 1, 2)


def _filed(images: Pixels, rows: npt.NDArray[np.int64], shape: tuple[int, ...]) -> Pixels:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            for block in blocks(images, rows):
                file.write(np.ascontiguousarray(block.transpose(0, 2, 3, 1)).data)
            file.flush()
            return np.asarray(np.memmap(file, np.uint8, "r", 0, shape))
    except OSError as error:
        raise write_fault(folder, error) from error
