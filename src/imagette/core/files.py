"""Files that are whole or not there: atomic writes, locks."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from imagette.core.console import inert, say
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
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        os.fchmod(descriptor, 0o644)
        os.close(descriptor)
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
    in_the_way = error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
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


@contextmanager
def exclusive(path: Path, what: str, timeout: float = -1) -> Iterator[None]:
    """Hold a lock file that one process at a time can hold; it is free again when its owner dies.

    Args:
        path: the lock file; it names its owner while it is held.
        what: what is guarded, for the message.
        timeout: seconds to wait; -1 waits for ever, 0 not at all.

    Raises:
        InputError: when another process holds it longer than that.
        EnvironmentFault: when the lock file cannot be made.
    """
    owner = path.with_name(path.name + ".owner")
    lock = FileLock(path, timeout=timeout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        holder, hint = "another process", "wait for it to end, or stop it"
        with suppress(OSError):  # it may have left by now
            holder = owner.read_text() or holder
        if holder == _me():
            holder, hint = (
                "this process",
                "close what holds it: events.close(), if it is a stream that was not read out",
            )
        raise InputError(f"{what} is in use by {holder}", hint=hint) from error
    except OSError as error:
        raise write_fault(path, error) from error
    try:
        with suppress(OSError):  # a courtesy: the lock holds without it, on a full disk too
            owner.write_text(_me())
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def is_held(path: Path) -> bool:
    """Tell whether a process holds a lock file of ``exclusive``; where there is none to read, none does.

    Example:
        >>> import tempfile
        >>> lock = Path(tempfile.mkdtemp()) / ".lock"
        >>> with exclusive(lock, "this"):
        ...     inside = is_held(lock)
        >>> inside, is_held(lock)
        (True, False)
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


@contextmanager
def in_turn(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file, for which whoever has to wait is told so.

    Args:
        path: the lock file.
        what: what is guarded, for the message.

    Raises:
        EnvironmentFault: when the lock file cannot be made.
    """
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(path, what, timeout=0))
        except InputError as error:
            say(f"{error.message}; waiting for it")
            held.enter_context(exclusive(path, what))
        yield


def _me() -> str:
    return f"process {os.getpid()} on {os.uname().nodename}"
