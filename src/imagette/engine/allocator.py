"""Memory between two training steps: kept by the process, not handed back and asked for again."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt's names for them, in glibc's malloc.h
KEPT = 1 << 30  # bytes of freed memory that the process may hold
LARGEST = 32 << 20  # bytes: above it, glibc maps every array anew, whatever it is told


def keep_freed_memory() -> bool:
    """Tell glibc to keep what a step frees, up to 1 GiB, for the next step.

    A step frees tens of megabytes of activations again and again. By default glibc returns them to the system, which
    then has to blank every page of the next step's: a few per cent of a convolutional net's step, as far as a noisy
    machine could tell.
    Arrays of more than 32 MiB, such as a data set, go back to the system as before.

    Returns:
        Whether it was done: False where the C library is another one.

    Example:
        >>> keep_freed_memory() == has_glibc()
        True

    Source: mallopt(3) of the GNU C library.
    """
    if not has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEPT))


def has_glibc() -> bool:
    """Tell whether this process runs on the GNU C library."""
    return platform.libc_ver()[0] == "glibc"
