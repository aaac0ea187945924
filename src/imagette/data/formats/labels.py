"""What a file calls its classes, to labels 0, 1, 2, …: always by name, never by position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.data.imageset import Labels

MAX_CLASSES = 10_000


def from_names(names: Sequence[str], places: Sequence[str], classes: tuple[str, ...] | None = None) -> Labels:
    """Turn class names into labels.

    Args:
        names: one an image.
        places: where each name stands, for the message.
        classes: what the names may be; without them, the names that occur, sorted.

    Raises:
        InputError: for a name that is not among ``classes``.

    Example:
        >>> from_names(["dog", "cat"], ["line 2", "line 3"], ("cat", "dog")).tolist()
        [1, 0]
    """
    index = {name: i for i, name in enumerate(classes or sorted(set(names)))}
    for name, place in zip(names, places, strict=True):
        if name not in index:
            raise InputError(
                f"{place}: class {name!r} is not among the classes of the training images",
                hint=suggestion(name, index),
            )
    return np.array([index[name] for name in names], np.int64)


def from_numbers(
    numbers: npt.NDArray[np.int64],  # (N,)
    places: npt.NDArray[np.str_],  # (N,)
    classes: tuple[str, ...] | None = None,
    allow_empty: bool = False,
    own: tuple[str, ...] | None = None,
) -> tuple[Labels, tuple[str, ...]]:
    """Turn numbered classes into labels and names.

    Where the classes are known, number i is the class named "i", or the i-th from 0 where the names are no numerals;
    where the file names its numbers itself, those names are then looked up among the classes. Where nothing is known,
    the numerals are the names: every number from 0 or 1 up to the largest, none left out, because a gap is more often
    a damaged row than an empty class.

    Args:
        numbers: (N,) one an image.
        places: (N,) where each number stands, for the message.
        classes: the names of the training images' classes, where those are known.
        allow_empty: accept numbers that are left out, as classes without images.
        own: the names that the file gives its numbers.

    Raises:
        InputError: for a number out of range, or named as no class, with its place.

    Example:
        >>> from_numbers(np.array([2, 1, 2]), np.array(["line 2", "line 3", "line 4"]))
        (array([1, 0, 1]), ('1', '2'))
        >>> from_numbers(np.array([0]), np.array(["line 2"]), ("cat", "dog"), own=("dog", "cat"))
        (array([1]), ('cat', 'dog'))
    """
    if classes and own and not _numerals(classes):
        labels, _ = from_numbers(numbers, places, own)
        return from_names([own[label] for label in labels], places.tolist(), classes), classes
    classes = classes or own
    if classes:
        numerals = _numerals(classes)
        allowed = {int(name) if numerals else i: i for i, name in enumerate(classes)}
    else:
        first = int(0 not in numbers)
        allowed = {number: number - first for number in range(first, _last(numbers, first, allow_empty) + 1)}
    labels = np.array([allowed.get(number, -1) for number in numbers.tolist()], np.int64)
    if len(wrong := np.flatnonzero(labels < 0)):
        gap = "mend it; if the numbers between really are without images, data.allow_empty_classes = true"
        raise InputError(
            f"{places[wrong[0]]}: label {numbers[wrong[0]]} is out of range: "
            f"labels go from {min(allowed)} to {max(allowed)}",
            hint=None if classes else gap,
        )
    return labels, classes or tuple(map(str, allowed))


def _numerals(names: tuple[str, ...]) -> bool:
    return all(name.isdecimal() for name in names)


def _last(numbers: npt.NDArray[np.int64], first: int, allow_empty: bool) -> int:
    """Find the largest number that counts as a class: before the first gap, unless gaps are allowed."""
    present = np.unique(numbers[(numbers >= first) & (numbers < first + MAX_CLASSES)])
    if allow_empty or not len(present):
        return int(present.max(initial=first))
    gaps = np.flatnonzero(present != np.arange(first, first + len(present)))
    return first + int(gaps[0] if len(gaps) else len(present)) - 1
