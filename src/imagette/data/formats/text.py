"""Large text files in blocks of lines, plain or gzipped, with progress, and with a limit on what they unpack to."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from imagette.core.console import track
from imagette.core.errors import InputError
from imagette.data.formats.files import printable
from imagette.data.formats.gz import GZIP

BLOCK = 1 << 22  # bytes that are read at a time, some thousand rows of 28 × 28 pixels
FIRST_LINES = 100  # in which a file must begin
MAX_LINE = 1 << 24  # bytes: more than an image of 1,000 × 1,000 pixels in colour takes
MAX_BYTES = 1 << 32
"""Unpacked: 4 GiB, about two million rows of 28 × 28 pixels."""


@dataclass(frozen=True)
class Line:
    """A line that is not blank, and its number in the file, from 1."""

    number: int
    text: str


def blocks(path: Path) -> Generator[list[Line]]:
    r"""Yield the lines of a text file, some thousands at a time, blank ones left out.

    Args:
        path: UTF-8, with or without a byte order mark; gzipped or not, as its first bytes say.

    Raises:
        InputError: when it cannot be read, is damaged, is no UTF-8, or is larger than ``MAX_BYTES`` unpacked.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.csv.gz"
        >>> _ = file.write_bytes(gzip.compress(b"label,pixel1\n\n1,2\n"))
        >>> list(blocks(file))
        [[Line(number=1, text='label,pixel1'), Line(number=3, text='1,2')]]
    """
    name = printable(path)
    number, total, rest = 0, 0, b""
    with _opened(path) as (stream, position), track(f"reading {path.name}", path.stat().st_size, "bytes") as advance:
        before = 0
        while block := stream.read(BLOCK):
            total += len(block)
            if total > MAX_BYTES:
                raise InputError(f"{name}: unpacks to more than {MAX_BYTES:,} bytes", hint="give fewer rows")
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > MAX_LINE:
                raise InputError(f"{name}: line {number + len(lines) + 1} is longer than {MAX_LINE:,} bytes")
            yield _numbered(lines, number, name)
            number += len(lines)
            advance(position() - before)
            before = position()
        if rest:
            yield _numbered([rest], number, name)


def first_line(path: Path) -> Line:
    """Read the first line that is not blank.

    Raises:
        InputError: when there is none in the first hundred, or the file cannot be read.
    """
    with _opened(path) as (stream, _):
        lines = _numbered([stream.readline(MAX_LINE) for _ in range(FIRST_LINES)], 0, printable(path))
    if not lines:
        raise InputError(f"{printable(path)}: holds no rows")
    if "\r" in lines[0].text:
        raise InputError(f"{printable(path)}: its lines end as on an old Mac", hint="save it with LF or CRLF line ends")
    return lines[0]


def _numbered(lines: list[bytes], before: int, name: str) -> list[Line]:
    found = []
    for number, line in enumerate(lines, before + 1):
        try:
            text = line.decode().removeprefix("\ufeff").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{name}:{number}: is not UTF-8", hint="save the file as UTF-8") from error
        if text.strip():
            found.append(Line(number, text))
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """Open a file, unpacking it if need be; give it, and the function that tells how far it is read."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2).startswith(GZIP)
            yield cast(IO[bytes], gzip.GzipFile(fileobj=raw) if packed else raw), raw.tell
    except EOFError as error:
        raise InputError(f"{printable(path)}: the gzip file is cut off", hint="get it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{printable(path)}: the gzip file is damaged: {error}", hint="get it again") from error
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be read: {error.strerror or error}") from error
