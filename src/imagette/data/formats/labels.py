"""What a file calls its classes, to labels 0, 1, 2, …: always by name, never by position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.data.imageset import Labels

MAX_CLASSES = 10_000  # larger numbers are other things than classes: years, telephone numbers
SHOWN = 3  # classes that a message names


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

    Where the file names its numbers, number i is the i-th of those names, from 0. Where it does not, the numerals are
    the names: those of the training images' classes, or every number from 0 or 1 up to the largest, none left out,
    because a gap is more often a damaged row than an empty class.

    Args:
        numbers: (N,) one an image.
        places: (N,) where each number stands, for the message.
        classes: the names of the training images' classes, where those are known.
        allow_empty: accept numbers that are left out, as classes without images.
        own: the names that the file gives its numbers.

    Raises:
        InputError: for a number out of range, or named as no class, with its place; for numbers without names where
            the classes are named otherwise.

    Example:
        >>> from_numbers(np.array([2, 1, 2]), np.array(["line 2", "line 3", "line 4"]))
        (array([1, 0, 1]), ('1', '2'))
        >>> from_numbers(np.array([0]), np.array(["line 2"]), ("cat", "dog"), own=("dog", "cat"))
        (array([1]), ('cat', 'dog'))
    """
    if own:
        positions = _looked_up(numbers, places, range(len(own)), f"{len(own)} names are given, from number 0 on")
        if classes is None:
            return positions, own
        return from_names([own[i] for i in positions], places.tolist(), classes), classes
    if classes is None:
        first = int(0 not in numbers)
        allowed = range(first, _last(numbers, first, allow_empty) + 1)
        gap = "mend it; if the numbers between really are without images, data.allow_empty_classes = true"
        return _looked_up(numbers, places, allowed, gap), tuple(map(str, allowed))
    if not are_numerals(classes):
        raise InputError(
            f"{places[0]}: label {numbers[0]} is a number, and the training images' classes have names: "
            f"{', '.join(classes[:SHOWN])}{', …' if len(classes) > SHOWN else ''}",
            hint="say which name each number has: classes.txt beside a CSV, an array called classes in an npz",
        )
    return _looked_up(numbers, places, [int(name) for name in classes]), classes


def are_numerals(names: Sequence[str]) -> bool:
    """Tell whether classes are named by numbers.

    Example:
        >>> are_numerals(("1", "2")), are_numerals(("1", "cat"))
        (True, False)
    """
    return all(name.isdecimal() for name in names)


def _looked_up(
    numbers: npt.NDArray[np.int64], places: npt.NDArray[np.str_], allowed: Sequence[int], hint: str | None = None
) -> Labels:
    """Give the place of each number among those that are allowed."""
    index = {number: i for i, number in enumerate(allowed)}
    labels = np.array([index.get(number, -1) for number in numbers.tolist()], np.int64)
    if len(wrong := np.flatnonzero(labels < 0)):
        span = f"labels go from {min(allowed)} to {max(allowed)}" if allowed else "labels are numbered from 0 or 1 on"
        raise InputError(f"{places[wrong[0]]}: label {numbers[wrong[0]]} is out of range: {span}", hint=hint)
    return labels


def _last(numbers: npt.NDArray[np.int64], first: int, allow_empty: bool) -> int:
    """Find the largest number that counts as a class: before the first gap, unless gaps are allowed."""
    present = np.unique(numbers[(numbers >= first) & (numbers < first + MAX_CLASSES)])
    if allow_empty or not len(present):
        return int(present.max(initial=first))
    gaps = np.flatnonzero(present != np.arange(first, first + len(present)))
    return first + int(gaps[0] if len(gaps) else len(present)) - 1
