"""Where data are looked for and kept: the settings that a user gives in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from imagette.core.errors import InputError
from imagette.core.files import with_home

TIMEOUT = 20.0
LONGEST = 86_400.0


def data_folder() -> Path | None:
    """Give the folder that is searched first and never written to (``IMAGETTE_DATA``)."""
    value = os.environ.get("IMAGETTE_DATA")
    return with_home(value) if value else None


def cache_folder() -> Path:
    """Give the folder where downloads and imports are kept (``IMAGETTE_CACHE``)."""
    value = os.environ.get("IMAGETTE_CACHE")
    return with_home(value) if value else Path(platformdirs.user_cache_dir("imagette"))


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
        InputError: when it is not a positive number, or of more than a day.

    Example:
        >>> timeout()
        20.0
    """
    value = os.environ.get("IMAGETTE_TIMEOUT", str(TIMEOUT))
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise InputError(
            f"IMAGETTE_TIMEOUT={value!r} is not a number of seconds up to {LONGEST:,.0f}, a day",
            hint=f"IMAGETTE_TIMEOUT={TIMEOUT:g}",
        )
    return seconds
