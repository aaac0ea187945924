"""The share of images that are classified rightly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imagette.core.errors import InputError
from imagette.metrics.checks import checked_logits, checked_pair


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    r"""Measure the share of images whose predicted class is the true one.

    $\frac{1}{N} \sum_i [\hat y_i = y_i]$

    Args:
        predicted: (N,) integers, the predicted class of each image.
        labels: (N,) integers, its true class.

    Raises:
        InputError: for no images, or two arrays that do not match.

    Example:
        >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
        0.75
    """
    true, guess = checked_pair(labels, predicted)
    return float(np.mean(true == guess))


def top_k(logits: ArrayLike, labels: ArrayLike, k: int) -> float:
    r"""Measure the share of images whose true class is among the k of the highest logits.

    Of equal logits the lower class number comes first, as in ``argmax``, so that ``top_k(..., 1)`` is the accuracy.
    (``sklearn.metrics.top_k_accuracy_score`` ranks equal scores the other way round.)

    Args:
        logits: (N, K) float.
        labels: (N,) integers, the true classes.
        k: 1 to K.

    Raises:
        InputError: for arrays that do not match, and for a k out of range.
        Diverged: for logits that are not finite.

    Example:
        >>> logits = [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]
        >>> top_k(logits, [1, 2], 2)
        0.5
    """
    scores, true = checked_logits(logits, labels)
    if not 1 <= k <= scores.shape[1]:
        raise InputError(f"k is {k}", hint=f"with {scores.shape[1]} classes k is 1 to {scores.shape[1]}")
    own = scores[np.arange(len(true)), true][:, None]  # (N, 1)
    earlier = np.arange(scores.shape[1]) < true[:, None]  # (N, K)
    rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)  # (N,) 0 is best
    return float(np.mean(rank < k))
