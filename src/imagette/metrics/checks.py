"""What every figure asks of its arguments, with one message for each fault."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagette.core.errors import Diverged, InputError

Classes = NDArray[np.int64]


def checked_classes(values: ArrayLike, what: str, n_classes: int | None = None) -> Classes:
    """Give class numbers (N,), or say which one cannot be."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise InputError(f"{what} have shape {array.shape}", hint="one class number for each image, at least one image")
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{what} are {array.dtype}", hint="class numbers are whole: 0, 1, …")
    if n_classes is not None and (array.min() < 0 or array.max() >= n_classes):
        i = int(np.argmax((array < 0) | (array >= n_classes)))
        raise InputError(f"{what}[{i}] is {array[i]}", hint=f"{n_classes} classes are numbered 0 to {n_classes - 1}")
    return array.astype(np.int64, copy=False)  # it will be counted with: uint8 would wrap at 256


def checked_pair(labels: ArrayLike, predicted: ArrayLike, n_classes: int | None = None) -> tuple[Classes, Classes]:
    """Give true and predicted class numbers (N,) of the same images."""
    true, guess = checked_classes(labels, "labels", n_classes), checked_classes(predicted, "predicted", n_classes)
    _same_length(len(true), len(guess), "predictions")
    return true, guess


def checked_logits(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], Classes]:
    """Give finite logits (N, K) float64 and the labels (N,) of the same images."""
    scores = np.asarray(logits, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError(f"logits have shape {scores.shape}", hint="one row an image, one column a class, two or more")
    true = checked_classes(labels, "labels", scores.shape[1])
    _same_length(len(true), len(scores), "rows of logits")
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        first, count = int(np.argmin(finite)), int((~finite).sum())
        raise Diverged(
            f"the logits of {count:,} of {len(scores):,} images are not finite, first those of image {first}: "
            f"{scores[first].tolist()}",
            hint="the weights have diverged, or the images hold NaN: try a smaller learning rate",
        )
    return scores, true


def _same_length(labels: int, others: int, what: str) -> None:
    if labels != others:
        raise InputError(f"{labels:,} labels but {others:,} {what}", hint="both must speak of the same images")
