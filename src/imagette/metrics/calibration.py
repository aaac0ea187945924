"""Whether the probabilities mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imagette.core.errors import InputError
from imagette.metrics.checks import checked_logits


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    r"""Measure the mean negative logarithm of the probability that the true class was given, in nats.

    $-\frac{1}{N} \sum_i \log \mathrm{softmax}(z_i)_{y_i}$, from the logits and not from probabilities, so that a very
    wrong image counts in full (``sklearn.metrics.log_loss`` clips it).

    Args:
        logits: (N, K) float.
        labels: (N,) integers, the true classes.

    Raises:
        InputError: for arrays that do not match.
        Diverged: for logits that are not finite.

    Example:
        >>> round(negative_log_likelihood([[0.0, 0.0]], [1]), 6)  # log 2
        0.693147
    """
    from scipy.special import log_softmax  # here: it takes 0.2 s to import

    scores, true = checked_logits(logits, labels)
    return float(-log_softmax(scores, axis=1)[np.arange(len(true)), true].mean())


def calibration_error(logits: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    r"""Measure how far confidence and accuracy lie apart: the expected calibration error (ECE), 0 to 1.

    The confidence of an image is the probability of its predicted class. Over equal bins $B_m$ of the confidence,
    $(\frac{m-1}{M}, \frac{m}{M}]$:
    $\sum_m \frac{|B_m|}{N} \left| \mathrm{acc}(B_m) - \mathrm{conf}(B_m) \right|$

    Args:
        logits: (N, K) float.
        labels: (N,) integers, the true classes.
        bins: M, at least 1.

    Raises:
        InputError: for arrays that do not match, and for no bins.
        Diverged: for logits that are not finite.

    Example:
        >>> calibration_error([[0.0, 0.0], [0.0, 0.0]], [0, 1])  # says 50 %, is right in 1 of 2
        0.0

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017, equation 3.
    """
    from scipy.special import softmax

    scores, true = checked_logits(logits, labels)
    if bins < 1:
        raise InputError(f"the calibration error has {bins} bins", hint="at least 1; 15 is usual")
    guess = scores.argmax(axis=1)
    confidence = softmax(scores, axis=1)[np.arange(len(true)), guess]
    which = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gap = np.bincount(which, weights=(guess == true) - confidence)  # |B| (acc - conf) of each bin
    return float(np.abs(gap).sum() / len(true))
