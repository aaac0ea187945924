"""How much memory and how many processor cores there are: the machine's, or less where a container is given less."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imagette.core.errors import InputError

CGROUP = Path("/sys/fs/cgroup")  # where Linux tells a container what it is given
MEMORY = (CGROUP / "memory.max", CGROUP / "memory/memory.limit_in_bytes")  # of its version 2, and 1
SHARE = 0.5  # of the memory that images may take


def memory(limits: Iterable[Path] = MEMORY) -> int:
    """Give the bytes of memory that this process may have.

    Args:
        limits: files that may hold a smaller number.

    Example:
        >>> memory() > 2**20
        True
    """
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in limits:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            sizes.append(int(file.read_text()))
    return min(sizes)


def cores(cgroup: Path = CGROUP) -> int:
    """Count the processor cores that this process may use, a begun one as a whole one.

    Args:
        cgroup: the folder that may hold a limit.

    Example:
        >>> cores() >= 1
        True
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            quota, period = (int(word) for name in files for word in (cgroup / name).read_text().split())
            count = min(count, math.ceil(quota / period)) if quota > 0 else count  # version 1 says -1
    return count


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
