"""How much memory and how many processor cores there are: the machine's, or less where a container is given less."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from imagette.core.errors import InputError

CGROUP = Path("/sys/fs/cgroup")  # where Linux tells what each group of processes is given
OWN = Path("/proc/self/cgroup")  # and which groups this process is a part of
SHARE = 0.5  # of the memory that images may take


def memory(cgroup: Path = CGROUP, own: Path = OWN) -> int:
    """Give the bytes of memory that this process may have.

    Args:
        cgroup: the folder of control groups, which may hold a smaller number.
        own: the file that names the groups of this process.

    Example:
        >>> memory() > 2**20
        True
    """
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in _groups("memory", cgroup, own):
        for name in ("memory.max", "memory.limit_in_bytes"):  # of version 2, and 1
            with suppress(OSError, ValueError):  # there is none, or it says "max"
                sizes.append(int((folder / name).read_text()))
    return min(sizes)


def cores(cgroup: Path = CGROUP, own: Path = OWN) -> int:
    """Count the processor cores that this process may use, a begun one as a whole one.

    Args:
        cgroup: the folder of control groups, which may hold a limit.
        own: the file that names the groups of this process.

    Example:
        >>> cores() >= 1
        True
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _groups("cpu", cgroup, own):
        for files in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
            with suppress(OSError, ValueError):  # there is none, or it says "max"
                quota, period = (int(word) for name in files for word in (folder / name).read_text().split())
                count = min(count, math.ceil(quota / period)) if quota > 0 else count  # version 1 says -1
    return count


def _groups(controller: str, cgroup: Path, own: Path) -> Iterator[Path]:
    """Give the folders of the control groups that this process is a part of, and of all that these are parts of."""
    yield from (cgroup, cgroup / controller)  # of version 2, and 1; in a container there is no more to see
    with suppress(OSError, ValueError):  # the latter of a name that is no text
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                root = cgroup / controller if controllers else cgroup
                inner = root / path.lstrip("/")
                yield from (inner, *(folder for folder in inner.parents if folder.is_relative_to(root)))


def fits(size: int) -> bool:
    """Tell whether so many bytes of images shall lie in memory.

    Example:
        >>> fits(2**20), fits(2**60)
        (True, False)
    """
    return size <= SHARE * memory()


def check_memory(size: int, what: str, hint: str) -> None:
    """Refuse what does not fit.

    Args:
        size: in bytes.
        what: that takes them, in the plural.
        hint: how to need less.

    Raises:
        InputError: with the sizes.
    """
    if not fits(size):
        sizes = f"{size / 2**30:,.1f} GiB, and this machine has {memory() / 2**30:,.1f} GiB"
        raise InputError(f"{what} would take {sizes}", hint=hint)
