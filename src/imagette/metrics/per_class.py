"""How well each class is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from imagette.metrics.confusion import confusion
from imagette.metrics.intervals import wilson_interval


@dataclass(frozen=True)
class ClassRow:
    """One class's figures; None where there is nothing to divide by.

    Attributes:
        name: the class.
        support: its images.
        precision: of the images called so, the share that are; None when none is called so.
        recall: of its images, the share that are called so; None when it has no image.
        f1: harmonic mean of the two; None when no image is, or is called, so.
        recall_low: lower end of the recall's Wilson interval.
        recall_high: its upper end.
    """

    name: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    recall_low: float | None
    recall_high: float | None


def per_class(
    labels: ArrayLike, predicted: ArrayLike, classes: Sequence[str], confidence: float = 0.95
) -> list[ClassRow]:
    r"""Measure precision, recall and F1 of every class, the recall with its interval.

    $P = \frac{TP}{TP + FP}$, $R = \frac{TP}{TP + FN}$, $F_1 = \frac{2\,TP}{2\,TP + FP + FN}$

    Args:
        labels: (N,) integers, the true classes.
        predicted: (N,) integers, the predicted ones.
        classes: the K names.
        confidence: level of the recall's interval, between 0 and 1.

    Raises:
        InputError: for arrays that do not match, class numbers out of range, or a level out of range.

    Example:
        >>> cat, dog = per_class([0, 0, 1, 1], [0, 0, 0, 1], ["cat", "dog"])
        >>> dog.precision, dog.recall
        (1.0, 0.5)
    """
    matrix = confusion(labels, predicted, len(classes))
    rows = []
    for name, hits, support, called in zip(classes, matrix.diagonal(), matrix.sum(1), matrix.sum(0), strict=True):
        low, high = wilson_interval(int(hits), int(support), confidence) if support else (None, None)
        shares = _share(hits, called), _share(hits, support), _share(2 * hits, support + called)
        rows.append(ClassRow(name, int(support), *shares, low, high))
    return rows


def _share(part: np.int64, whole: np.int64) -> float | None:
    """Divide; JSON has no NaN for nothing to divide by."""
    return float(part / whole) if whole else None
