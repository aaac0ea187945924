"""Pickles that hold nothing but numbers, text and arrays: nothing in them is ever called.

The stand-ins below take the place of NumPy's classes, so that a pickle reaches no code but theirs.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError

NUMBERS = frozenset({"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"})


class _Kind:
    """Stands for ``numpy.dtype``: a plain number's type, nothing else."""

    def __init__(self, code: str | bytes, *_: Any) -> None:
        self.code = code.decode() if isinstance(code, bytes) else code
        self.order = "|"
        if self.code not in NUMBERS:
            raise pickle.UnpicklingError(f"an array of {self.code!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1].decode() if isinstance(state[1], bytes) else state[1]


class _Array:
    """Stands for ``numpy.ndarray`` and for the function that makes an empty one."""

    def __init__(self, *_: Any) -> None:
        self.values: npt.NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        flat = np.frombuffer(data, np.dtype(kind.order + kind.code))
        self.values = flat.reshape(shape, order="F" if fortran else "C")


KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def loads(data: bytes, where: str) -> Any:
    """Read a pickle of arrays, numbers, text, lists, tuples and dicts.

    Args:
        data: the pickle, also one that Python 2 wrote.
        where: its name, for the message.

    Returns:
        What it holds; text written by Python 2 comes as bytes.

    Raises:
        InputError: when it asks for anything else, which is then not done, or is damaged.

    Example:
        >>> loads(pickle.dumps({"labels": [1, 2]}), "batch")
        {'labels': [1, 2]}
    """
    try:
        return _plain(_Restricted(io.BytesIO(data), encoding="bytes").load())
    except (MemoryError, RecursionError) as error:
        raise InputError(f"{where}: refused: the pickle wants {type(error).__name__}") from error
    except Exception as error:  # a damaged pickle may raise anything; nothing but the stand-ins has run
        raise InputError(f"{where}: refused: not a pickle of arrays and numbers alone: {error}") from error


def _plain(value: Any) -> Any:
    """Put the arrays in the place of their stand-ins."""
    if isinstance(value, _Array):
        if value.values is None:
            raise pickle.UnpicklingError("an array without values")
        return value.values
    if isinstance(value, dict):
        return {key.decode() if isinstance(key, bytes) else key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(inner) for inner in value)
    return value
