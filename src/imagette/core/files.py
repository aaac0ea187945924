"""Files that are whole or not there, and their paths."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagette.core.console import inert
from imagette.core.errors import EnvironmentFault, InputError


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def check_name(path: str | Path) -> None:
    """Refuse a path that cannot be written into a recipe or a report.

    Raises:
        InputError: when its bytes are no UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{inert(path)}: the name is not UTF-8, so that no file can hold it", hint="rename the folder or the file"
        ) from error


def with_home(path: str | os.PathLike[str]) -> Path:
    """Put the home folder in the place of a leading ``~``, as a shell does.

    Example:
        >>> with_home("~/runs") == Path.home() / "runs", with_home("runs")
        (True, PosixPath('runs'))
    """
    path = Path(path)
    return path.expanduser() if path.parts[:1] == ("~",) else path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that becomes it when the block ends well, and vanishes when not.

    Whatever was at ``path`` stays until the new file is whole and on the disk.

    Raises:
        EnvironmentFault: when the disk is full or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_path(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        fresh.touch(exist_ok=False)
        temporary = fresh
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise write_fault(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_fault(path: Path, error: OSError) -> EnvironmentFault:
    """Say why a file could not be written, and what to do."""
    in_the_way = error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)
    mend = "choose another name" if in_the_way else "free some space, or choose a folder that can be written"
    return EnvironmentFault(
        f"{path}: cannot be written: {error.strerror or error}", hint=f"{mend}; what was there before is untouched"
    )


def atomic_write(path: Path, data: bytes | str) -> None:
    """Write a whole file, or leave the old one.

    Raises:
        EnvironmentFault: when it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
