"""Names to things: look-ups that answer a wrong name with the nearest right one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from imagette.core.errors import InputError


def suggestion(name: str, available: Iterable[str]) -> str:
    """Say which name was probably meant, and which exist.

    Example:
        >>> suggestion("lennet", ["cnn", "lenet"])
        "did you mean 'lenet'? Available: cnn, lenet"
    """
    names = sorted(available)
    near = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}Available: {', '.join(names)}"


def unknown(kind: str, name: str, available: Iterable[str]) -> InputError:
    """Make the error for a name that does not exist.

    Example:
        >>> print(unknown("model", "lennet", ["cnn", "lenet"]))
        unknown model 'lennet'
          hint: did you mean 'lenet'? Available: cnn, lenet
    """
    return InputError(f"unknown {kind} {name!r}", hint=suggestion(name, available))
