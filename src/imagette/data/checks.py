"""Accepting a file only by its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagette.core.errors import InputError
from imagette.data.entry import File
from imagette.data.formats.gz import GZIP, gunzip

SLACK = 64 * 1024  # bytes, beyond twice a file's size, before it is refused unread


class Unavailable(Exception):
    """One source cannot give the data; the message says why, and the next source is tried."""


class Mismatch(Unavailable):
    """A file is there, but its bytes are not the published ones."""


def limit(file: File) -> int:
    """Give the number of bytes beyond which a file cannot be what it claims to be."""
    return 2 * max(file.size, file.unpacked) + SLACK


def checked(data: bytes, file: File) -> bytes:
    """Give back a file's bytes (unpacked where that was how they were known) if they are the published ones.

    Raises:
        Mismatch: with both digests.

    Example:
        >>> checked(b"abc", File("a.txt", 3, "md5:900150983cd24fb0d6963f7d28e17f72"))
        b'abc'
    """
    found = digest(data, file.checksum or file.contents)
    if found == file.checksum:
        return data
    wanted = file.checksum
    if file.contents:
        data = _inside(data, file, found)
        wanted, found = file.contents, digest(data, file.contents)
        if found == wanted:
            return data
    raise Mismatch(f"{file.name}: wrong checksum: expected {wanted}, got {found} ({len(data):,} bytes)")


def digest(data: bytes, like: str) -> str:
    """Compute ``algorithm:hexadecimal`` with the algorithm that ``like`` names."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()}"


def read_checked(path: Path, file: File) -> bytes:
    """Read a file whose digest is known.

    Raises:
        Mismatch: when it is far too large or has another digest.
        Unavailable: when it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(limit(file) + 1)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > limit(file):
        raise Mismatch(f"{file.name}: more than {limit(file):,} bytes; the published file has {file.size:,}")
    return checked(data, file)


def _inside(data: bytes, file: File, found: str) -> bytes:
    if not data.startswith(GZIP):
        return data
    try:
        return gunzip(data, limit(file), file.name)
    except InputError as error:
        raise Mismatch(f"{error.message}; expected {file.checksum or file.contents}, got {found}") from error
