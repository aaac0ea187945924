"""Locks between processes, as files: they are free again when their owner dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from imagette.core.console import say
from imagette.core.errors import InputError
from imagette.core.files import write_fault


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
