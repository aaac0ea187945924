"""Files out of archives, in memory: nothing is ever unpacked onto the disk."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from imagette.data.checks import Mismatch, checked, limit
from imagette.data.entry import File
from imagette.data.mapped import ZIP_DAMAGE

try:
    from lzma import LZMAError
except ImportError:  # some Pythons are built without it; tarfile then says so where it is needed
    LZMAError = zlib.error  # type: ignore[misc, assignment]

LIMIT = 1 << 31  # bytes that an archive may unpack to, wanted or not
AR = b"!<arch>\n"  # the first bytes of a Debian package
AR_HEADER = struct.Struct("16s32x10s2x")  # of every part: its name, date and owner, size, an end mark
DAMAGE = (*ZIP_DAMAGE, tarfile.TarError, LZMAError, ValueError, OverflowError, MemoryError)
Members = Iterator[tuple[str, int, bool, IO[bytes] | None]]  # name, claimed size, neither link nor device, content


def members(path: Path, files: Sequence[File]) -> list[bytes]:
    """Read files out of a tar, zip or Debian archive, each checked where its digest is known.

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
    except DAMAGE as error:
        raise Mismatch(f"{path.name}: cut off or damaged: {error}") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Mismatch(f"{path.name}: lacks {', '.join(missing)}")
    return [found[file.name] for file in files]


def _walk(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield every regular file's name, claimed size and content; refuse an archive that holds anything else."""
    total = 0
    for name, size, regular, stream in _walker(path)(path):
        if not regular:
            raise Mismatch(f"{path.name}: refused: {name!r} is a link or a device")
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise Mismatch(f"{path.name}: refused: {name!r} leads out of the archive")
        total += size
        if total > LIMIT:
            raise Mismatch(f"{path.name}: refused: unpacks to more than {LIMIT:,} bytes")
        if stream:
            yield name, size, stream


def _walker(path: Path) -> Callable[[Path], Members]:
    with path.open("rb") as opened:
        if opened.read(len(AR)) == AR:
            return _walk_deb
    return _walk_zip if zipfile.is_zipfile(path) else _walk_tar


def _walk_tar(path: Path) -> Members:
    with tarfile.open(path) as archive:
        yield from _tar(archive)


def _walk_deb(path: Path) -> Members:
    part, data = _data_tar(path)
    if part.endswith(".zst"):
        raise Mismatch(f"{path.name}: its {part} is packed with zstd, which Imagette cannot read")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for name, size, regular, stream in _tar(archive):
            yield name.removeprefix("./"), size, regular, stream


def _data_tar(path: Path) -> tuple[str, bytes]:
    """Give the part of a Debian package that holds its files.

    ``dpkg-deb`` would give it too, but only on Debian's kin, while a mirror may serve the package to anyone; and the
    format is a row of named parts, each behind its header, at even offsets.
    """
    with path.open("rb") as opened:
        opened.seek(len(AR))
        while len(head := opened.read(AR_HEADER.size)) == AR_HEADER.size:
            name, digits = (field.decode("latin-1").rstrip() for field in AR_HEADER.unpack(head))
            left = path.stat().st_size - opened.tell()
            if not digits.isdecimal() or int(digits) > left:
                break
            size = int(digits)
            if name.startswith("data.tar"):
                return name, opened.read(size)
            opened.seek(size + size % 2, io.SEEK_CUR)
    raise EOFError("no whole data.tar in it")


def _tar(archive: tarfile.TarFile) -> Members:
    for member in archive:
        yield (
            member.name,
            member.size,
            member.isreg() or member.isdir(),
            archive.extractfile(member) if member.isreg() else None,
        )


def _walk_zip(path: Path) -> Members:
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
    return checked(data, file) if file.checksum or file.contents else data
