"""Files out of archives, in memory: nothing is ever unpacked onto the disk."""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from imagette.data.checks import Mismatch, checked, limit
from imagette.data.entry import File

LIMIT = 1 << 31  # bytes that an archive may unpack to, wanted or not


def members(path: Path, files: Sequence[File]) -> list[bytes]:
    """Read files out of a tar (of any compression) or zip archive, each checked where its digest is known.

    Args:
        path: the archive.
        files: what to read, by its path inside.

    Returns:
        The files' bytes, in the order of ``files``.

    Raises:
        Mismatch: when the archive is damaged, lacks a file, holds links, devices or paths that lead out of it, or
            unpacks to more than 2 GiB; when a file has another digest.
    """
    wanted = {file.name: file for file in files}
    found: dict[str, bytes] = {}
    try:
        for name, size, stream in _walk(path):
            if name in wanted:
                found[name] = _member(stream, size, wanted[name])
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise Mismatch(f"{path.name}: cut off or damaged: {error}") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Mismatch(f"{path.name}: lacks {', '.join(missing)}")
    return [found[file.name] for file in files]


def _walk(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield every regular file's name, claimed size and content; refuse an archive that holds anything else."""
    total = 0
    walk = _walk_zip if zipfile.is_zipfile(path) else _walk_tar
    for name, size, regular, stream in walk(path):
        if not regular:
            raise Mismatch(f"{path.name}: refused: {name!r} is a link or a device")
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise Mismatch(f"{path.name}: refused: {name!r} leads out of the archive")
        total += size
        if total > LIMIT:
            raise Mismatch(f"{path.name}: refused: unpacks to more than {LIMIT:,} bytes")
        if stream:
            yield name, size, stream


def _walk_tar(path: Path) -> Iterator[tuple[str, int, bool, IO[bytes] | None]]:
    with tarfile.open(path) as archive:
        for member in archive:
            yield (
                member.name,
                member.size,
                member.isreg() or member.isdir(),
                archive.extractfile(member) if member.isreg() else None,
            )


def _walk_zip(path: Path) -> Iterator[tuple[str, int, bool, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            regular = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            if member.is_dir():
                yield member.filename, 0, regular, None
                continue
            with archive.open(member) as stream:
                yield member.filename, member.file_size, regular, stream


def _member(stream: IO[bytes], size: int, file: File) -> bytes:
    if size > limit(file):
        raise Mismatch(f"{file.name}: claims {size:,} bytes; the published file has {file.size:,}")
    data = stream.read(limit(file) + 1)
    return checked(data, file) if file.checksum else data
