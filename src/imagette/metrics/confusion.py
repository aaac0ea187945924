"""Which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagette.core.errors import InputError
from imagette.metrics.checks import checked_pair


def confusion(labels: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Count the images of each true class (row) that were taken for each class (column).

    Args:
        labels: (N,) integers, the true classes.
        predicted: (N,) integers, the predicted ones.
        n_classes: K, the number of classes.

    Returns:
        (K, K) int64.

    Raises:
        InputError: for arrays that do not match, or class numbers out of range.

    Example:
        >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
        [[1, 1], [0, 1]]
    """
    true, guess = checked_pair(labels, predicted, n_classes)
    return np.bincount(true * n_classes + guess, minlength=n_classes**2).reshape(n_classes, n_classes)


def most_confused(matrix: ArrayLike, classes: Sequence[str], n: int = 10) -> list[tuple[str, str, int]]:
    """List the pairs of classes that are most often mistaken for each other, both directions summed.

    Args:
        matrix: (K, K) integers, as ``confusion`` gives it.
        classes: the K names.
        n: length of the list; pairs that are never mistaken are left out.

    Returns:
        (class, class, count), the highest count first; pairs of equal counts in the order of the classes.

    Raises:
        InputError: for a matrix that does not fit the classes.

    Example:
        >>> most_confused([[5, 2, 0], [1, 5, 0], [0, 1, 5]], ["shirt", "pullover", "coat"])
        [('shirt', 'pullover', 3), ('pullover', 'coat', 1)]
    """
    counts = np.asarray(matrix)
    if counts.dtype.kind not in "iu":
        raise InputError(
            f"a confusion matrix of type {counts.dtype}", hint="give whole numbers, as confusion() counts them"
        )
    counts = counts.astype(np.int64)  # of unsigned counts, the largest would come last
    if counts.shape != (len(classes), len(classes)):
        raise InputError(
            f"the confusion matrix has shape {counts.shape} for {len(classes)} classes",
            hint="one row and one column for each class",
        )
    rows, columns = np.triu_indices(len(classes), k=1)
    pairs = (counts + counts.T)[rows, columns]
    order = [i for i in np.argsort(-pairs, kind="stable")[:n] if pairs[i]]
    return [(classes[rows[i]], classes[columns[i]], int(pairs[i])) for i in order]
