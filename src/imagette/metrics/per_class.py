"""How well each class is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from imagette.metrics.checks import checked_pair
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
    from sklearn.metrics import precision_recall_fscore_support  # here: it takes a second to import

    true, guess = checked_pair(labels, predicted, len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, guess, labels=range(len(classes)), zero_division=np.nan
    )
    rows = []
    for k, name in enumerate(classes):
        n = int(support[k])
        hits = int(np.sum((true == k) & (guess == k)))
        low, high = wilson_interval(hits, n, confidence) if n else (None, None)
        rows.append(ClassRow(name, n, _figure(precision[k]), _figure(recall[k]), _figure(f1[k]), low, high))
    return rows


def _figure(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else float(value)
