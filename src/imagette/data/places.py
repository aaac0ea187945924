"""Where data are looked for and kept: the settings that a user gives in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from imagette.core.errors import InputError

TIMEOUT = 20.0


def data_folder() -> Path | None:
    """Give the folder that is searched first and never written to (``IMAGETTE_DATA``)."""
    value = os.environ.get("IMAGETTE_DATA")
    return Path(value).expanduser() if value else None


def cache_folder() -> Path:
    """Give the folder where downloads and imports are kept (``IMAGETTE_CACHE``)."""
    value = os.environ.get("IMAGETTE_CACHE")
    return Path(value).expanduser() if value else Path(platformdirs.user_cache_dir("imagette"))


def mirror() -> str | None:
    """Give the address that is tried before the publishers' (``IMAGETTE_MIRROR``), without a slash at its end."""
    value = os.environ.get("IMAGETTE_MIRROR")
    return value.rstrip("/") if value else None


def offline() -> bool:
    """Tell whether the network must not be used (``IMAGETTE_OFFLINE=1``)."""
    return os.environ.get("IMAGETTE_OFFLINE", "") not in ("", "0")


def timeout() -> float:
    """Give the seconds that a server may stay silent (``IMAGETTE_TIMEOUT``).

    Raises:
        InputError: when it is not a positive number.

    Example:
        >>> timeout()
        20.0
    """
    value = os.environ.get("IMAGETTE_TIMEOUT", str(TIMEOUT))
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"IMAGETTE_TIMEOUT={value!r} is not a positive number of seconds", hint="IMAGETTE_TIMEOUT=20")
    return seconds
